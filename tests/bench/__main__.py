"""`make bench`: the figures of speed, each from its own file, over a system of its own -> build/bench.json."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.bench import (
    burst,
    clerks,
    costs,
    evaluate,
    figures,
    freshness,
    growth,
    imports,
    papers,
    profiles,
    push,
    replay,
    streams,
    village_page,
)
from tests.bench.engine import beside
from tests.bench.figures import Figure
from tests.bench.ground import Ground

Measure = Callable[[Ground, argparse.Namespace], Awaitable[list[Figure]]]
MEASURES: dict[str, Measure] = {
    "replay": lambda ground, wanted: replay.measure(ground, wanted.records),
    "growth": growth.measure,
    "engine": lambda ground, wanted: beside.measure(wanted.engine_records),
    "costs": lambda ground, wanted: costs.measure(wanted.engine_records),
    "push": lambda ground, wanted: push.measure(ground, wanted.approvals, wanted.per_second),
    "evaluate": lambda ground, wanted: evaluate.measure(ground, wanted.questions),
    "village_page": lambda ground, wanted: village_page.measure(ground, wanted.seconds),
    "freshness": lambda ground, wanted: freshness.measure(ground, wanted.cases),
    "papers": lambda ground, wanted: papers.measure(ground, wanted.papers),
    "streams": lambda ground, wanted: streams.measure(ground, wanted.streams),
    "burst": lambda ground, wanted: burst.measure(ground, wanted.burst),
    "clerks": lambda ground, wanted: clerks.measure(ground, wanted.rounds),
    "imports": lambda ground, wanted: imports.measure(ground, wanted.rows),
}
PROFILED = ("replay", "push")
console = Console()


async def run(wanted: argparse.Namespace) -> bool:
    """Measure what is wanted; whether all of it could be measured."""
    good = True
    async with Ground() as ground:
        for name in wanted.only or MEASURES:
            try:
                with console.status(f"测量 {name} / measuring {name}"):
                    measured = await MEASURES[name](ground, wanted)
            except Exception as error:  # one figure that fails must not hide the others
                console.print(f"[red]{name}: {type(error).__name__}: {error}[/]")
                good = False
                continue
            figures.write(measured)
            for figure in measured:
                goal = "" if figure.reach is None else f" (目标 / reach {figure.reach:,})"
                console.print(f"[bold]{figure.name}[/] {figure.value:,} {figure.unit}{goal}")
                console.print(f"  [dim]{figure.how}[/]")
    console.print(f"-> {figures.OUT}")
    return good


async def profile(wanted: argparse.Namespace) -> bool:
    """Measure what is wanted, each on a ground of its own, for where the time goes: figures of this aren't kept."""
    for name in wanted.only or PROFILED:
        with TemporaryDirectory(prefix="yunjing-profiles-") as folder:
            with console.status(f"剖析 {name} / profiling {name}"):
                async with Ground(Path(folder)) as ground:
                    await MEASURES[name](ground, wanted)
                stacks = await profiles.written(Path(folder))
            console.print(f"{name} -> {profiles.write(name, stacks)}")
    return True


def main() -> None:
    """Read what is wanted, measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be given several times")
    parser.add_argument("--records", type=int, default=200_000, help="simulated events to replay")
    parser.add_argument(
        "--engine-records", type=int, default=60_000, help="events for the engine beside us, and for costs"
    )
    parser.add_argument("--approvals", type=int, default=1_500)
    parser.add_argument("--per-second", type=int, default=100, help="approvals a second")
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=5, help="of each pace of the village page")
    parser.add_argument("--cases", type=int, default=200, help="cases whose way to the public page is timed")
    parser.add_argument("--papers", type=int, default=200_000, help="disclosed papers in the log")
    parser.add_argument("--streams", type=int, default=10_000, help="alert streams to hold open")
    parser.add_argument("--burst", type=int, default=10_000, help="alerts raised at once")
    parser.add_argument("--rounds", type=int, default=10, help="cases that each pair of the hundred clerks moves on")
    parser.add_argument("--rows", type=int, default=20_000, help="rows to import")
    parser.add_argument("--profile", action="store_true", help="where the time goes instead of figures")
    wanted = parser.parse_args()
    sys.exit(0 if asyncio.run(profile(wanted) if wanted.profile else run(wanted)) else 1)


if __name__ == "__main__":
    main()
