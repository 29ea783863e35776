"""What is told after a key was judged: raised, joined by more evidence, withdrawn, raised again."""

from dataclasses import replace
from datetime import UTC, datetime

from services.detector.detection import Detection, Fault, Finding
from services.detector.verdicts import FindingChange, OnRecord, changes_of
from shared.contracts.alerts import AlertRaised, AlertWithdrawn, Bilingual
from tests.detector.rulebook import RULEBOOK

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
RULE = RULEBOOK.rules[0]
KEY = "case:1"
FINDING = Finding(
    rule_id=RULE.id,
    rule_version=RULE.spec.version,
    dedupe_key="1",
    grade="yellow",
    matter="EN",
    village_code="330421107201",
    town_code="330421107000",
    case_ids=("1",),
    case_nos=("EN-1",),
    node=None,
    explanation=Bilingual(zh="说明", en="explained"),
    evidence=(),
    params={},
    about=(),
    occurred_at=NOW,
    village_visible=False,
)


def judged(*findings: Finding, key: str = KEY, faults: tuple[Fault, ...] = ()) -> dict[str, Detection]:
    return {key: Detection(findings=findings, faults=faults)}


def on_record(change: FindingChange) -> OnRecord:
    return OnRecord(
        alert_id=change.event.alert_id,
        key=change.key,
        rule_id=change.event.rule_id,
        grade=change.grade,
        revision=change.event.revision,
        state=change.state,
        body_hash=change.body_hash,
        village_code=change.event.village_code,
        town_code=change.event.town_code,
    )


def first() -> OnRecord:
    (raised,) = changes_of(judged(FINDING), [], RULEBOOK, NOW)
    return on_record(raised)


def test_a_new_finding_is_raised() -> None:
    (change,) = changes_of(judged(FINDING), [], RULEBOOK, NOW)
    assert change.kind == "raised"
    assert isinstance(change.event, AlertRaised)
    assert change.event.revision == 1


def test_the_same_finding_is_not_told_again() -> None:
    assert changes_of(judged(FINDING), [first()], RULEBOOK, NOW) == []


def test_more_evidence_is_an_update() -> None:
    (change,) = changes_of(judged(replace(FINDING, case_nos=("EN-1", "EN-2"))), [first()], RULEBOOK, NOW)
    assert (change.kind, change.event.revision) == ("updated", 2)


def test_what_is_no_longer_supported_is_withdrawn_and_may_be_raised_again() -> None:
    (gone,) = changes_of(judged(), [first()], RULEBOOK, NOW)
    assert isinstance(gone.event, AlertWithdrawn)
    assert gone.event.revision == 2
    assert changes_of(judged(), [on_record(gone)], RULEBOOK, NOW) == []
    (again,) = changes_of(judged(FINDING), [on_record(gone)], RULEBOOK, NOW)
    assert (again.kind, again.event.revision, again.event.alert_id) == ("raised", 3, gone.event.alert_id)


def test_a_rule_that_failed_withdraws_nothing() -> None:
    fault = Fault(RULE.id, KEY, "no such field")
    assert changes_of(judged(faults=(fault,)), [first()], RULEBOOK, NOW) == []


def test_a_rule_that_left_the_rulebook_withdraws_nothing() -> None:
    assert changes_of(judged(), [replace(first(), rule_id="A000")], RULEBOOK, NOW) == []


def test_the_key_on_record_speaks_for_its_alert() -> None:
    other = replace(FINDING, case_nos=("EN-9",))
    both = judged(FINDING) | judged(other, key="a:earlier in order")
    assert changes_of(both, [first()], RULEBOOK, NOW) == []
    assert changes_of(judged(other, key="case:2"), [first()], RULEBOOK, NOW) == []
    (taken,) = changes_of(judged() | judged(other, key="case:2"), [first()], RULEBOOK, NOW)
    assert (taken.kind, taken.key) == ("updated", "case:2")
