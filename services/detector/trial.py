"""Rules tried in a process of its own, with bounds on its time and memory: what may not end must not stop anybody.

python -m services.detector.trial    # a rule a line on the standard input, its faults a line on the output, as JSON
"""

import asyncio
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from services.detector.authoring import LARGEST, RuleFault, faults_of
from shared.db import ROOT

_CPU_SECONDS = 10
_WALL_SECONDS = 20.0
_MEMORY = 1 << 30
_AT_ONCE = asyncio.Semaphore(2)
_LONGEST_LINE = 16 * LARGEST
TOO_MUCH = RuleFault(
    1,
    1,
    f"规则的检查超出限制(计算 {_CPU_SECONDS} 秒、内存 1 GB),已中止",
    f"Trying the rule took more than is allowed ({_CPU_SECONDS} s of computing, 1 GB of memory); it was ended",
)


@dataclass(frozen=True)
class Candidate:
    """A rule to try. `custom`: it must be a county's own; `tests`: its own tests are run."""

    text: str
    name: str = "rule.yaml"
    custom: bool = True
    tests: bool = True

    def faults(self) -> list[RuleFault]:
        """What is to be mended in it; may never end."""
        return list(faults_of(self.text, Path(self.name), custom=self.custom, tests=self.tests))


async def try_out(candidates: Sequence[Candidate]) -> list[list[RuleFault]]:
    """What is to be mended in each rule; an empty list where it may be taken."""
    told: list[list[RuleFault]] = []
    async with _AT_ONCE:
        while len(told) < len(candidates):
            told += await _one_process(candidates[len(told) :])
    return told


async def _one_process(candidates: Sequence[Candidate]) -> list[list[RuleFault]]:
    """What a process says of these before it is done or ended; the last of them may be what ended it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __spec__.name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        # None of the service's secrets: the rules are strangers yet.
        env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
        limit=_LONGEST_LINE,
    )
    assert process.stdin
    assert process.stdout
    told: list[list[RuleFault]] = []
    try:
        for candidate in candidates:
            # The size is looked at here: what is too large isn't even handed over.
            if len(candidate.text.encode()) > LARGEST:
                told.append(candidate.faults())
                continue
            process.stdin.write(orjson.dumps(asdict(candidate)) + b"\n")
            line = await asyncio.wait_for(process.stdout.readline(), _WALL_SECONDS)
            if not line:
                return [*told, [TOO_MUCH]]
            told.append([RuleFault(**fault) for fault in orjson.loads(line)])
        return told
    except (TimeoutError, ConnectionError):
        return [*told, [TOO_MUCH]]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def main() -> None:
    """Try the rules on the standard input, each with as much time."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for line in sys.stdin.buffer:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + 1 + _CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        faults = Candidate(**orjson.loads(line)).faults()
        sys.stdout.buffer.write(orjson.dumps([asdict(fault) for fault in faults]) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
