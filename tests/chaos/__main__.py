"""`make chaos`: kill -9 of services, broker and database at random moments, against an undisturbed run."""

import argparse
import asyncio
import os
import platform
import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench.ground import Ground
from tests.chaos.killer import Killer
from tests.chaos.play import Seen, play_through

OUT = Path("build/chaos.json")
MACHINE = "machine@330421000000"
console = Console()


async def run(cases: int, kills: int, seed: int) -> bool:
    """Play the history twice; whether both ended alike."""
    async with Ground() as calm:
        with console.status("不受干扰地运行 / the undisturbed run"):
            expected = await play_through(calm.system, calm.token(MACHINE), cases, lambda system, fed: None)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("kill -9", total=kills)
        async with Ground() as rough:
            killer = Killer(rough.servers, seed=seed, wanted=kills, struck=lambda: bars.advance(bar))
            found = await play_through(rough.system, rough.token(MACHINE), cases, killer.rage)
    differences = _differences(expected, found)
    for line in differences[:20]:
        console.print(f"[red]{line}", soft_wrap=True)
    rows = sum(len(some) for some in expected.values())
    how = f"{cases} cases, seed {seed}, services, broker and database in turn; {rows} rows of cases, findings, alerts, "
    how += "inboxes, streams, messages and public tables compared"
    _write({"kills": (killer.kills, "kill -9", kills), "differences": (len(differences), "rows", 0)}, how)
    console.print(f"{killer.kills} kill -9, {len(differences)} 处不同 / differences in {rows} rows -> {OUT}")
    return not differences


def _differences(expected: Seen, found: Seen) -> list[str]:
    lines = []
    for query in expected:
        one, other = ({orjson.dumps(row, default=str) for row in some[query]} for some in (expected, found))
        lines += [f"- {row.decode()}" for row in sorted(one - other)]
        lines += [f"+ {row.decode()}" for row in sorted(other - one)]
        if len(expected[query]) != len(found[query]):
            lines.append(f"{len(expected[query])} rows expected, {len(found[query])} found: {query}")
    return lines


def _write(figures: dict[str, tuple[int, str, int]], how: str) -> None:
    OUT.parent.mkdir(exist_ok=True)
    told: dict[str, Any] = {
        name: {"value": value, "unit": unit, "reach": reach, "how": how}
        for name, (value, unit, reach) in figures.items()
    }
    told["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    OUT.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def main() -> None:
    """`python -m tests.chaos`."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="at least so many; 1,000 in a long run")
    parser.add_argument("--cases", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    sys.exit(0 if asyncio.run(run(wanted.cases, wanted.kills, wanted.seed)) else 1)


if __name__ == "__main__":
    main()
