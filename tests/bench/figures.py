"""Measured figures and their file."""

import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import psutil

OUT = Path("build/bench.json")


@dataclass(frozen=True)
class Figure:
    """One measured value, what it should reach (where there is something to reach), and how it was measured."""

    name: str
    value: float
    unit: str
    reach: float | None
    how: str


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write(figures: Iterable[Figure], out: Path = OUT) -> None:
    """Add the figures to the file; those of an earlier run stay until measured again."""
    out.parent.mkdir(exist_ok=True)
    kept = orjson.loads(out.read_bytes()) if out.exists() else {}
    when = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "load": round(os.getloadavg()[1], 1),  # far above the cores, it tells that others were at work
    }
    for figure in figures:
        body = asdict(figure)
        kept[body.pop("name")] = body | when
    kept["machine"] = machine()
    out.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))


def machine() -> dict[str, int | str | None]:
    """What figures are measured on."""
    memory = round(psutil.virtual_memory().total / 2**30)
    told = {"python": platform.python_version(), "system": platform.platform()}
    return {"cpus": os.cpu_count(), "cpu": _cpu(), "memory": f"{memory} GiB", **told}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def _commit() -> str:
    """What is measured; empty outside a checkout."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
