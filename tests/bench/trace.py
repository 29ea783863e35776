"""`make trace`: one approval's way to the red alert on an open page, as one trace of all services' spans.

No collector is needed: each service writes its spans into a file. It ends with 1 when a part of the way is missing.
"""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from shared.db import SCHEMAS
from tests.bench.city import clerks
from tests.bench.city.clerks import Filed
from tests.bench.city.officials import Watched, watching
from tests.bench.ground import Ground

# The way: which service does what, each within the one before it.
_WAY = (
    ("approval", "POST /v1/cases/{case_id}/complete"),
    ("detector", "detector batch"),
    ("notifier", "notifier batch"),
    ("notifier", "open streams"),
)
_STREAMS = 2
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.5
console = Console()


@dataclass(frozen=True)
class Span:
    """One span as its service wrote it."""

    service: str
    name: str
    span_id: str
    parent_id: str
    began: datetime
    ended: datetime


async def show() -> bool:
    """File a case, wait for its alert, print its trace; whether the whole way is in it."""
    async with Ground() as ground:
        folder = ground.settings.data_dir / "traces"
        ground.system.settings = ground.settings.model_copy(update={"otlp_endpoint": f"file://{folder}"})
        await ground.run(*SCHEMAS)
        watched, filed = Watched(), Filed()
        async with watching(ground, watched, _STREAMS):
            await clerks.file_one(ground, filed)
            trace, complete = await _written(folder)
    for line in tree(trace):
        console.print(line, highlight=False)
    if not complete:
        console.print(f"[red]not all of {_WAY} within {_PATIENCE_SECONDS:.0f} s[/]; refused: {filed.refused or 'none'}")
    return complete


async def _written(folder: Path) -> tuple[Sequence[Span], bool]:
    """The first trace with the whole way, or else the one that goes through most services."""
    ends, found = time.monotonic() + _PATIENCE_SECONDS, list[Sequence[Span]]()
    while time.monotonic() < ends:
        found = sorted(traces(folder).values(), key=lambda trace: len({span.service for span in trace}))
        for trace in found:
            if whole(trace):
                return trace, True
        await asyncio.sleep(_LOOK_SECONDS)
    return found[-1] if found else (), False


def traces(folder: Path) -> Mapping[str, Sequence[Span]]:
    """All spans that were written, by the id of their trace."""
    found: dict[str, list[Span]] = defaultdict(list)
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                told = orjson.loads(line)
                found[told["context"]["trace_id"]].append(_span(file.stem, told))
    return found


def _span(service: str, told: Mapping[str, Any]) -> Span:
    times = (datetime.fromisoformat(told[name]) for name in ("start_time", "end_time"))
    return Span(service, told["name"], told["context"]["span_id"], told["parent_id"] or "", *times)


def whole(trace: Sequence[Span]) -> bool:
    """Whether each part of the way is there and lies, however deep, within the part before it."""
    by_id = {span.span_id: span for span in trace}

    def lies_in(span: Span | None, outer: set[str]) -> bool:
        return span is not None and (span.parent_id in outer or lies_in(by_id.get(span.parent_id), outer))

    inside = {""}
    for part in _WAY:
        inside = {span.span_id for span in trace if (span.service, span.name) == part and lies_in(span, inside)}
    return bool(inside)


def tree(trace: Sequence[Span]) -> Iterator[str]:
    """A line a span, below the one it belongs to: when it began after the first, how long it took."""
    first = min((span.began for span in trace), default=datetime.min)
    below: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(trace, key=lambda span: span.began):
        below[span.parent_id].append(span)

    def lines(parent: str, depth: int) -> Iterator[str]:
        for span in below[parent]:
            at, took = ((span.began - first).total_seconds(), (span.ended - span.began).total_seconds())
            yield f"{at * 1000:8.1f} ms {'  ' * depth}{span.service}: {span.name} ({took * 1000:.1f} ms)"
            yield from lines(span.span_id, depth + 1)

    yield from lines("", 0)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(show()) else 1)
