"""`make bench`: the figures of speed, each from its own file, over a system of its own -> build/bench.json."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from rich.console import Console

from tests.bench import evaluate, figures, imports, push, replay
from tests.bench.figures import Figure
from tests.bench.system import System

Measure = Callable[[System, argparse.Namespace], Awaitable[list[Figure]]]
MEASURES: dict[str, Measure] = {
    "replay": lambda system, wanted: replay.measure(system, wanted.records),
    "push": lambda system, wanted: push.measure(system, wanted.approvals),
    "evaluate": lambda system, wanted: evaluate.measure(system, wanted.questions),
    "imports": lambda system, wanted: imports.measure(system, wanted.rows),
}
console = Console()


async def run(wanted: argparse.Namespace) -> bool:
    """Measure what is wanted; whether all of it could be measured."""
    good = True
    async with System() as system:
        for name in wanted.only or MEASURES:
            try:
                with console.status(f"测量 {name} / measuring {name}"):
                    measured = await MEASURES[name](system, wanted)
            except Exception as error:  # one figure that fails must not hide the others
                console.print(f"[red]{name}: {type(error).__name__}: {error}[/]")
                good = False
                continue
            figures.write(measured)
            for figure in measured:
                console.print(f"[bold]{figure.name}[/] {figure.value:,} {figure.unit} (目标 / reach {figure.reach:,})")
                console.print(f"  [dim]{figure.how}[/]")
    console.print(f"-> {figures.OUT}")
    return good


def main() -> None:
    """Read what is wanted, measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be given several times")
    parser.add_argument("--records", type=int, default=200_000, help="simulated events to replay")
    parser.add_argument("--approvals", type=int, default=1_500)
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=20_000, help="rows to import")
    sys.exit(0 if asyncio.run(run(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
