"""`make quality`: how much of what was planted the rules find, and how much of what they find was planted."""

import argparse
import os
import platform
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from deploy.demo.simulator import Simulation, Size
from services.detector import rules
from tests.quality import report
from tests.quality.judge import Registers, judge
from tests.quality.scores import Score, Scores, score
from tests.quality.sizes import RUNS

UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
SEED = 20260630
OUT = Path("build/quality.json")
PAGE = Path("docs/quality.md")
_PUBLISHED = "city"
_REACH = {"recall": 1.0, "precision": 0.95}
_SHOWN = 8
console = Console()


def main() -> None:
    """Simulate a county, judge its history, compare with the labels."""
    arguments = _arguments()
    run = RUNS[arguments.size]
    size = Size(arguments.events or run.events, UNTIL, arguments.planted or run.planted)
    with console.status(f"模拟全县历史 / Simulating a county ({run.takes})"):
        county = Simulation(seed=arguments.seed, size=size, secret="quality-run")
        events = [envelope for _, envelope in county.events()]
    rulebook = rules.load(arguments.rulebook)
    with console.status("逐键研判 / Judging every key"):
        began = time.perf_counter()
        verdicts = judge(rulebook, events, Registers(county.records()), UNTIL)
        seconds = time.perf_counter() - began
    faults = [fault for verdict in verdicts.values() for fault in verdict.faults]
    findings = {finding.alert_id: finding for verdict in verdicts.values() for finding in verdict.findings}
    labels = (*county.labels, *county.reminders)
    scores = score(list(findings.values()), labels, frozenset(rule.id for rule in rulebook.rules))
    _print(scores, arguments.verbose)
    for fault in faults[:_SHOWN]:
        console.print(f"[red]{fault.rule_id} {fault.key}: {fault.message}")
    about = f"{len(events):,} events, {len(county.labels):,} planted, seed {arguments.seed}"
    how = f"{about}, judged in {seconds:.1f} s, {_peak_mb()} MB at most, pure detector"
    OUT.parent.mkdir(exist_ok=True)
    figures = _figures(scores, len(faults), how)
    figures["near_misses_quiet"] = {
        "value": report.quiet_share(county.near_misses, findings.values()),
        "unit": "share of innocent patterns on which nothing fired",
        "reach": 1.0,
        "how": how,
    }
    OUT.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    console.print(f"{how} -> {OUT}")
    if _published(arguments):
        text = report.page(
            rulebook,
            scores,
            labels,
            county.near_misses,
            findings.values(),
            about=f"{about}, {size.period.first_day} to {size.period.last_day}",
            again=f"make quality SIZE={arguments.size}",
        )
        PAGE.write_text(text, encoding="utf-8")
        console.print(f"-> {PAGE}")


def _published(arguments: argparse.Namespace) -> bool:
    """Whether this is the run that the page tells of: the city's as it is, not a variation of it."""
    varied = arguments.events or arguments.planted or arguments.seed != SEED or arguments.rulebook != rules.RULEBOOK
    return arguments.size == _PUBLISHED and not varied


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    takes = "; ".join(f"{name}: {run.takes}" for name, run in RUNS.items())
    parser.add_argument("--size", choices=RUNS, default="county", help=f"how much to judge ({takes})")
    parser.add_argument("--events", type=int, help="about so many events of innocent cases, instead of the size's")
    parser.add_argument("--planted", type=int, help="how often each kind of violation is planted, instead")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rulebook", type=Path, default=rules.RULEBOOK)
    parser.add_argument("--verbose", action="store_true", help="name what was missed and what was unfounded")
    return parser.parse_args()


def _print(scores: Scores, verbose: bool) -> None:
    table = Table(title="云睛 研判质量 / quality of detection")
    for heading in (
        "规则 / rule",
        "埋设 planted",
        "查出 found",
        "预警 raised",
        "属实 right",
        "查全 recall",
        "查准 precision",
    ):
        table.add_column(heading, justify="left" if "rule" in heading else "right")
    for name, line in [*scores.by_rule.items(), ("全部 / all", scores.total)]:
        counts = (str(count) for count in (line.planted, line.found, line.raised, line.right))
        table.add_row(name, *counts, _share(line.recall), _share(line.precision))
    console.print(table)
    if verbose:
        for rule, label in scores.missed:
            console.print(f"[yellow]未查出 / missed {rule}: {label.violation} {label.case_ids}")
        for finding in scores.unfounded:
            console.print(f"[red]不属实 / unfounded {finding.rule_id}: {finding.case_nos} {finding.explanation.zh}")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _figures(scores: Scores, faults: int, how: str) -> dict[str, Any]:
    figures: dict[str, Any] = {**_pair("", scores.total, how)}
    for rule, line in scores.by_rule.items():
        figures |= _pair(f"_{rule}", line, how)
    figures["faults"] = {"value": faults, "unit": "rules that failed on a key", "reach": 0, "how": how}
    figures["machine"] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    return figures


def _pair(suffix: str, line: Score, how: str) -> dict[str, Any]:
    shares = {"recall": line.recall, "precision": line.precision}
    return {
        f"{name}{suffix}": {"value": share, "unit": "share", "reach": _REACH[name], "how": how}
        for name, share in shares.items()
        if share is not None
    }


if __name__ == "__main__":
    main()
