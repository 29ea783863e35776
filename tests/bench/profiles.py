"""Where the time of each service went while a figure was measured: the functions with the most time of their own."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

FOLDER = Path("build/profiles")
_MOST = 30
_PATIENCE_SECONDS = 60.0
_FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")
# While uvicorn loads the app: imports, and the rulebook's compilation.
_STARTING = re.compile(r"\bload(?:_app)? \([^;]*uvicorn/config\.py")
_PACKAGES = re.compile(r"^.*/(?:site-packages|python3\.\d+)/")


def of(folder: Path) -> dict[str, list[str]]:
    """The stacks that py-spy wrote, by service."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        found.setdefault(path.name.split(".")[0], []).extend(path.read_text(encoding="utf-8").splitlines())
    return found


async def written(folder: Path) -> dict[str, list[str]]:
    """The stacks of services that have ended, once py-spy has written the last ones; raises `TimeoutError`."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            if not _writing(folder):
                return of(folder)
            await asyncio.sleep(0.2)


def _writing(folder: Path) -> bool:
    """Whether a process still writes into a folder."""
    lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any(part.startswith(f"{folder}/") for line in lines for part in line)


def write(measure: str, stacks: Mapping[str, Iterable[str]]) -> Path:
    """Keep the profile of a measure as a page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{measure}.md"
    path.write_text(page(measure, stacks), encoding="utf-8")
    return path


def page(measure: str, stacks: Mapping[str, Iterable[str]]) -> str:
    """Each service's functions by their own time, with the time of what they call beside it."""
    title = f"# {measure}: 各服务的时间用在哪里 where each service's time goes"
    command = f'`make bench ARGS="--profile --only {measure}"`'
    drawn = f"{command}:每秒取样 100 次,只计持有解释器者。100 samples a second, of those that held the interpreter."
    return "\n\n".join([title, drawn, *(_service(name, lines) for name, lines in sorted(stacks.items()))]) + "\n"


def _service(name: str, lines: Iterable[str]) -> str:
    own, whole = counted(lines)
    total = own.total() or 1
    rows = [
        f"| {100 * count / total:.1f} | {100 * whole[function] / total:.1f} | `{function}` |"
        for function, count in sorted(own.items(), key=lambda item: (-item[1], item[0]))[:_MOST]
    ]
    head = ["| 自身 Own % | 连同所调 With calls % | 函数 Function |", "|---:|---:|---|"]
    return "\n".join([f"## {name} ({total} samples)", "", *head, *rows])


def counted(lines: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Samples in which each function ran itself, and in which it was on the stack at all, once the service serves."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        functions = [_function(frame) for frame in stack.split(";") if not frame.startswith("process ")]
        if functions and not _STARTING.search(stack):
            own[functions[-1]] += int(count)
            whole.update(dict.fromkeys(functions, int(count)))
    return own, whole


def _function(frame: str) -> str:
    """A function by its file below the package or our root, whichever line it was on."""
    found = _FRAME.match(frame)
    if not found:
        return frame
    file = _PACKAGES.sub("", found["file"]).removeprefix(f"{Path.cwd()}/")
    return f"{found['name']} {file}"
