"""Detection judges sets of facts: order, repetition and storage change nothing, and a failing rule is told."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detector.detection import Finding, detect
from services.detector.distil import Fact, facts_of
from services.detector.examples import events_of, judge_all
from services.detector.registers import Reference
from services.detector.rules import Rule, Rulebook, load
from shared.contracts.reference import DATASETS, Record
from tests.detector.rulebook import RULEBOOK

_NOW = datetime(2030, 1, 1, tzinfo=UTC)


def _facts(rule: Rule) -> list[Fact]:
    return [
        fact
        for at, example in enumerate(rule.spec.tests)
        for event in events_of([{**row, "case": f"{rule.id}-{at}-{row.get('case', 'c1')}"} for row in example.events])
        for fact in facts_of(event)
    ]


def _records(rule: Rule) -> list[Record]:
    rows: list[dict[str, Any]] = [row for example in rule.spec.tests for row in example.records]
    return [
        DATASETS[row["register"]].model_validate({"id": f"r{at}", **{k: row[k] for k in row if k != "register"}})
        for at, row in enumerate(rows)
    ]


def _told(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.alert_id)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULEBOOK.rules))
    facts, records = _facts(rule), _records(rule)
    shuffled = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=5))))
    assert _told(judge_all(RULEBOOK, shuffled, records, _NOW)) == _told(judge_all(RULEBOOK, facts, records, _NOW))


def test_facts_survive_json() -> None:
    for rule in RULEBOOK.rules:
        facts, records = _facts(rule), _records(rule)
        stored = [replace(fact, data=orjson.loads(orjson.dumps(fact.data))) for fact in facts]
        assert judge_all(RULEBOOK, stored, records, _NOW) == judge_all(RULEBOOK, facts, records, _NOW)


def test_a_finding_becomes_the_same_alert_each_time() -> None:
    rule = RULEBOOK.rule("A075")
    found = judge_all(RULEBOOK, _facts(rule), [], _NOW)
    for finding in found:
        raised = finding.raised(RULEBOOK.rule(finding.rule_id))
        updated = finding.updated(RULEBOOK.rule(finding.rule_id), 2)
        assert raised.alert_id == updated.alert_id == finding.alert_id
        assert (raised.revision, updated.revision) == (1, 2)


def test_a_late_earlier_part_joins_the_alert() -> None:
    rule = RULEBOOK.rule("A075")
    parts = [
        {
            "case": f"c{month}",
            "flow": "EN1",
            "at": f"2026-0{month}-01",
            "fields": {"item": "桥栏杆", "estimate_fen": 4500000},
        }
        for month in (2, 4, 6)
    ]
    facts = [fact for event in events_of(parts) for fact in facts_of(event)]
    late = judge_all(Rulebook([rule]), facts[1:], [], _NOW)
    whole = judge_all(Rulebook([rule]), facts, [], _NOW)
    assert {finding.alert_id for finding in late} == {finding.alert_id for finding in whole}
    assert whole[0].case_ids == ("c2", "c4", "c6")


def test_silence_is_judged_at_the_moments_named() -> None:
    event = next(iter(events_of([{"flow": "PR1", "at": "2026-03-02", "next_due": "2026-03-04T00:00:00+08:00"}])))
    facts = [fact for fact in facts_of(event) if fact.key == "case:c1"]
    rulebook = Rulebook([RULEBOOK.rule("A016")])
    grades: list[str] = []
    now = event.time
    while True:
        detection = detect(rulebook, "case:c1", facts, Reference(), now)
        grades += [finding.grade for finding in detection.findings]
        if not detection.again_at:
            break
        now = detection.again_at[0]
    assert grades == ["prompt", "yellow", "red"]


def test_an_evaluation_error_is_a_fault(tmp_path: Any) -> None:
    file = tmp_path / "A063_broken.yaml"
    text = RULEBOOK.rule("A063").source.read_text(encoding="utf-8")
    condition = text[text.index("condition: |") : text.index("evidence:")]
    file.write_text(text.replace(condition, "condition: settlement.paid_fen / (tolerance_yuan - tolerance_yuan) > 1\n"))
    rule = RULEBOOK.rule("A063")
    broken = Rulebook([load(file).rules[0], RULEBOOK.rule("A062")])
    facts = [fact for fact in _facts(rule) if fact.key.startswith("village:") and fact.data["case_id"] == "A063-0-c1"]
    detection = detect(broken, facts[0].key, facts, Reference(), _NOW)
    assert [(fault.rule_id, "divide by zero" in fault.message) for fault in detection.faults] == [("A063", True)]


@pytest.mark.parametrize("kind", ["alert.raised.v1", "no.such.event"])
def test_other_events_give_no_facts(kind: str) -> None:
    event = next(iter(events_of([{"flow": "PR1", "at": "2026-03-02"}])))
    assert facts_of(replace(event, type=kind)) == []
