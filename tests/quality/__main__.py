"""`make quality`: how much of what was planted the rules find, and how much of what they find was planted."""

import argparse
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from deploy.demo.simulator import Simulation, Size
from services.detector import rules
from tests.quality.judge import Registers, judge
from tests.quality.scores import Score, Scores, score

UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
OUT = Path("build/quality.json")
_REACH = {"recall": 1.0, "precision": 0.95}
_SHOWN = 8
console = Console()


def main() -> None:
    """Simulate a county, judge its history, compare with the labels."""
    arguments = _arguments()
    with console.status("模拟全县历史 / Simulating a county"):
        county = Simulation(
            seed=arguments.seed, size=Size(arguments.events, UNTIL, arguments.planted), secret="quality-run"
        )
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
    how = f"{len(events)} events, {len(county.labels)} planted, seed {arguments.seed}, {seconds:.1f} s, pure detector"
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(orjson.dumps(_figures(scores, len(faults), how), option=orjson.OPT_INDENT_2))
    console.print(f"{how} -> {OUT}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="about so many events of innocent cases")
    parser.add_argument("--planted", type=int, default=5, help="how often each kind of violation is planted")
    parser.add_argument("--seed", type=int, default=20260630)
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
