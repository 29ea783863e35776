"""A small county, always the same: the rules find all that was planted in it, and nothing else."""

from datetime import UTC, datetime

import pytest

from deploy.demo.simulator import Simulation, Size
from services.detector import rules
from tests.quality import report
from tests.quality.judge import Registers, judge
from tests.quality.scores import score

UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def county() -> Simulation:
    """Every kind of violation and every near miss once, among a few honest cases."""
    return Simulation(seed=11, size=Size(1_500, UNTIL), secret="small")


def test_all_that_was_planted_is_found_and_nothing_else(county: Simulation) -> None:
    rulebook = rules.load(rules.RULEBOOK)
    events = [envelope for _, envelope in county.events()]
    verdicts = judge(rulebook, events, Registers(county.records()), UNTIL).values()
    findings = list({one.alert_id: one for verdict in verdicts for one in verdict.findings}.values())
    scores = score(findings, (*county.labels, *county.reminders), frozenset(rule.id for rule in rulebook.rules))
    assert [fault for verdict in verdicts for fault in verdict.faults] == []
    assert [(rule, label.kind) for rule, label in scores.missed] == []
    assert [(finding.rule_id, finding.case_nos) for finding in scores.unfounded] == []
    assert [rule for rule, line in scores.by_rule.items() if not line.planted] == []
    assert report.quiet_share(county.near_misses, findings) == 1.0
