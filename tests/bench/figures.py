"""Measured figures and their file."""

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

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
    for figure in figures:
        body = asdict(figure)
        kept[body.pop("name")] = body
    kept["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    out.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))
