"""`make chaos`: a county's work under faults dealt by a seed, and what is seen in the end beside a quiet run."""

import argparse
import asyncio
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.arena import Arena
from tests.chaos.broken import BUILDS
from tests.chaos.difference import Difference, Seen, blamed, differences
from tests.chaos.director import Director, dealt
from tests.chaos.fault import Fault
from tests.chaos.faults import KINDS
from tests.chaos.play import play_through
from tests.chaos.stage import Stage
from tests.chaos.timeline import Timeline

FIGURES = Path("build/chaos.json")
TIMELINE = Path("build/chaos-timeline.txt")
LOGS = Path("build/chaos-logs")
MACHINE = "machine@330421000000"
console = Console(soft_wrap=True)


async def run(wanted: argparse.Namespace) -> bool:
    """Play the history twice; whether both ended alike."""
    began = time.monotonic()
    async with Arena(LOGS / "quiet", copies=1) as calm:
        with console.status(f"不受干扰地运行 / the undisturbed run: {wanted.cases} cases"):
            expected = await play_through(calm.stage, calm.token(MACHINE), wanted.cases)
    console.print(f"不受干扰 undisturbed: {time.monotonic() - began:.0f} s")
    async with Arena(LOGS / "rough", copies=wanted.brokers, broken=wanted.broken) as rough:
        stage, plan = rough.stage, plan_of(rough.stage, wanted)
        for kind in sorted(set(wanted.only or KINDS) - {fault.name for fault in plan}):
            console.print(f"[yellow]{kind}: 这台机器上做不到 / cannot be done on this machine")
        found = await _played(stage, rough.token(MACHINE), plan, wanted)
        told = found if isinstance(found, list) else list(differences(expected, found))
        told += list(_refused(stage.timeline))
    _report(stage, told, expected, wanted, time.monotonic() - began)
    return not told


def plan_of(stage: Stage, wanted: argparse.Namespace) -> list[Fault]:
    """So many kills and so many other faults, each kind as often as any other, mixed by the seed."""
    dice = random.Random(wanted.seed)
    kinds = {name: list(KINDS[name](stage)) for name in wanted.only or KINDS}
    kills = dealt(kinds.pop("kill", []), wanted.kills, dice)
    possible = [faults for faults in kinds.values() if faults]
    others = [
        fault
        for number, faults in enumerate(possible)
        for fault in dealt(faults, len(range(number, wanted.faults, len(possible))), dice)
    ]
    plan = kills + others
    dice.shuffle(plan)
    return plan


async def _played(
    stage: Stage, bearer: str, plan: Sequence[Fault], wanted: argparse.Namespace
) -> Seen | list[Difference]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=not console.is_terminal) as bars:
        bar = bars.add_task("", total=len(plan))

        def struck(fault: Fault) -> None:
            bars.update(bar, advance=1, description=fault.told)
            if not console.is_terminal:
                console.print(f"{stage.timeline.now():8.1f} s  {fault.told}")

        director = Director(plan, seed=wanted.seed, at_once=wanted.at_once, struck=struck)
        try:
            return await play_through(stage, bearer, wanted.cases, director)
        except Difference as difference:
            return [difference]


def _refused(timeline: Timeline) -> list[Difference]:
    """A client that asks again is told nothing worse than "not now", and not even that by a rolling restart alone."""
    wrong = []
    for at, status, path in timeline.answers:
        on = timeline.on(at, at)
        if status >= 500 and (status != 503 or (on and all(strike.fault.name == "restart" for strike in on))):
            wrong.append(Difference("answers", f"{at:.1f} s {path}", f"was answered {status}", None))
    return wrong


def _report(
    stage: Stage, told: Sequence[Difference], expected: Seen, wanted: argparse.Namespace, seconds: float
) -> None:
    timeline = stage.timeline
    struck = Counter(strike.fault.name for strike in timeline.strikes)
    rows = sum(len(some) for some in expected.values())
    for number, difference in enumerate(told[:20]):
        on = ", ".join(blamed(difference, timeline)) or "—"
        told_as = "第一处不同 the first difference" if number == 0 else "不同 difference"
        console.print(f"[red]{told_as}: {difference}\n    当时的故障 faults on at the time: {on}", highlight=False)
    how = f"{wanted.cases} cases, seed {wanted.seed}, {wanted.brokers} brokers, {wanted.at_once} faults at once"
    how += f"; {rows} rows of cases, findings, alerts, inboxes, messages and public tables compared, streams, dead "
    how += "letters, outboxes and audit logs checked"
    figures: dict[str, Any] = {
        "kills": {"value": struck["kill"], "unit": "kill -9", "reach": wanted.kills, "how": how},
        "faults": {"value": struck.total() - struck["kill"], "unit": "faults", "reach": wanted.faults, "how": how},
        "differences": {"value": len(told), "unit": "rows", "reach": 0, "how": how},
        "seconds": {"value": round(seconds), "unit": "s", "reach": None, "how": "both runs, start to end"},
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
    }
    FIGURES.parent.mkdir(exist_ok=True)
    if not wanted.broken:
        FIGURES.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    TIMELINE.write_text("\n".join([*timeline.lines(), "", *map(str, told), ""]), encoding="utf-8")
    each = ", ".join(f"{name} {count}" for name, count in sorted(struck.items()))
    console.print(f"{each}; {len(told)} 处不同 / differences in {rows} rows, {seconds:.0f} s -> {FIGURES}, {TIMELINE}")


def main() -> None:
    """`python -m tests.chaos`."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="1,000 in a long run")
    parser.add_argument("--faults", type=int, default=22, help="others than kills, each kind as often as any other")
    parser.add_argument("--only", nargs="+", choices=KINDS, help="only these kinds")
    parser.add_argument("--cases", type=int, help="about one for each fault when not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--brokers", type=int, default=3, choices=(1, 3))
    parser.add_argument("--at-once", type=int, default=2, help="faults side by side")
    parser.add_argument("--broken", default="", choices=BUILDS, help="a build that is wrong on purpose: it is caught")
    wanted = parser.parse_args()
    wanted.cases = wanted.cases or max(48, wanted.kills + wanted.faults)
    alike = asyncio.run(run(wanted))
    sys.exit(0 if alike != bool(wanted.broken) else 1)


if __name__ == "__main__":
    main()
