"""What was amended holds, and its old value stays evidence; what rested, or was rightly passed over, isn't late."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detector.amendments import as_told_now
from services.detector.detection import Finding
from services.detector.distil import Fact, facts_of
from services.detector.examples import judge_all
from services.detector.rules import Rulebook, load
from shared.bus.envelope import Envelope
from shared.contracts import power

VILLAGE = "330421107201"
_COMMON: dict[str, Any] = {
    "case_id": "c1",
    "case_no": "C1",
    "title": "道路",
    "matter": "EN",
    "village_code": VILLAGE,
    "town_code": "330421107000",
    "actor": power.Actor(person_key="p:li", name="李明", role="handler"),
}


def day(number: int, month: int = 3) -> datetime:
    return datetime(2026, month, number, 4, tzinfo=UTC)


_NOW = day(1, 6)


def told(events: list[power.CaseEvent]) -> list[Fact]:
    """The facts of these events."""
    return [
        fact
        for event in events
        for fact in facts_of(
            Envelope.of(event, source="/t", topic="t", key="k", time=event.occurred_at, id=f"e{event.sequence}")
        )
    ]


def found(rule: str, events: list[power.CaseEvent], now: datetime = _NOW) -> list[Finding]:
    """What one rule finds."""
    return judge_all(only(rule), told(events), [], now)


@cache
def only(rule: str) -> Rulebook:
    """A rulebook of one rule."""
    return Rulebook([each for each in load().rules if each.id == rule])


def opened(flow: str = "EN1", **more: Any) -> power.CaseOpened:
    return power.CaseOpened(**_COMMON, flow=flow, sequence=1, occurred_at=day(2), next_node=f"{flow}-01", **more)


def done(node: str, number: int, at: datetime, **more: Any) -> power.NodeCompleted:
    return power.NodeCompleted(**_COMMON, flow=node[:3], sequence=number, occurred_at=at, node=node, **more)


def amended(node: str, number: int, supersedes: int, **more: Any) -> power.CaseAmended:
    return power.CaseAmended(
        **_COMMON,
        flow=node[:3],
        sequence=number,
        occurred_at=day(20),
        node=node,
        supersedes=supersedes,
        done_at=day(10),
        reason="录入错误",
        **more,
    )


def award(fen: int, **more: Any) -> power.NodeFields:
    return power.NodeFields(award_fen=fen, supplier_id="91330421MA2", supplier_name="某公司", **more)


def test_the_amended_value_is_judged_and_the_old_one_is_evidence() -> None:
    tender_avoided = "A045"
    events: list[power.CaseEvent] = [opened(), done("EN1-04", 2, day(10), fields=award(4_000_000))]
    assert found(tender_avoided, events) == []
    events.append(amended("EN1-04", 3, 2, changed=("award_fen",), before=award(4_000_000), fields=award(6_000_000)))
    evidence = found(tender_avoided, events)[0].evidence[-1]
    assert evidence.value == "40,000.00 元 → 60,000.00 元(录入错误)"
    assert evidence.label.zh.startswith("更正前的")


def test_what_was_red_before_an_amendment_stays_for_a_person_to_clear() -> None:
    tender_avoided = "A045"
    events: list[power.CaseEvent] = [opened(), done("EN1-04", 2, day(10), fields=award(6_000_000))]
    red = found(tender_avoided, events)
    assert [finding.grade for finding in red] == ["red"]
    events.append(amended("EN1-04", 3, 2, changed=("award_fen",), before=award(6_000_000), fields=award(4_500_000)))
    still = found(tender_avoided, events)
    assert [finding.alert_id for finding in still] == [red[0].alert_id]
    assert still[0].evidence[:-1] == red[0].evidence
    assert still[0].evidence[-1].value == "60,000.00 元 → 45,000.00 元(录入错误)"


def test_what_was_never_red_is_judged_as_it_was_put_right() -> None:
    """A slip of the pen that nobody was alerted to: later papers are compared with what holds, not with the slip."""
    tender_avoided = "A045"
    slip = amended("EN1-04", 3, 2, changed=("award_fen",), before=award(4_000_000), fields=award(4_500_000))
    assert found(tender_avoided, [opened(), done("EN1-04", 2, day(10), fields=award(4_000_000)), slip]) == []


def test_an_amendment_moves_what_is_told_from_one_company_to_the_other() -> None:
    right = power.NodeFields(award_fen=1, supplier_id="91330421MB3", supplier_name="另一公司")
    facts = told(
        [
            done("EN1-04", 2, day(10), fields=award(1)),
            amended("EN1-04", 3, 2, changed=("supplier_id", "supplier_name"), before=award(1), fields=right),
        ]
    )

    def company(key: str) -> list[tuple[str, datetime, str]]:
        kept = as_told_now([fact for fact in facts if fact.key == f"company:{key}"])
        return [(fact.kind, fact.occurred_at, fact.data["fields"]["supplier_id"]) for fact in kept]

    assert company("91330421MA2") == []
    assert company("91330421MB3") == [("completed", day(10), "91330421MB3")]


@given(st.permutations(range(4)))
@settings(max_examples=12, deadline=None)
def test_the_order_of_arrival_changes_nothing(order: list[int]) -> None:
    events: list[power.CaseEvent] = [
        opened(fields=power.NodeFields(estimate_fen=1)),
        done("EN1-04", 2, day(10), fields=award(4_000_000)),
        amended("EN1-04", 3, 2, changed=("award_fen",), before=award(4_000_000), fields=award(6_000_000)),
        amended("EN1-04", 4, 2, changed=("award_fen",), before=award(6_000_000), fields=award(7_000_000)),
    ]
    assert found("A045", [events[at] for at in order]) == found("A045", events)


def rested(until: datetime, next_due: datetime) -> list[power.CaseEvent]:
    """A case that should go on by 6 March and rested from the 4th."""
    start = opened(flow="PR2", next_due_at=day(6))
    rest = power.CaseSuspended(
        **_COMMON, flow="PR2", sequence=2, occurred_at=day(4), node="PR2-01", reason="等批复", until=date(2026, 3, 30)
    )
    go_on = power.CaseResumed(
        **_COMMON, flow="PR2", sequence=3, occurred_at=until, node="PR2-01", suspended_at=day(4), next_due_at=next_due
    )
    return [start, rest, go_on]


@pytest.mark.parametrize(
    ("events", "now", "late"),
    [
        (rested(day(30), day(1, 4))[:1], day(9), True),
        (rested(day(30), day(1, 4))[:2], day(29), False),
        (rested(day(30), day(1, 4)), day(31), False),
        (rested(day(30), day(1, 4)), day(3, 4), True),
    ],
    ids=["without a rest it is late", "while it rests nothing runs", "then it has what was left", "and may be late"],
)
def test_a_rest_does_not_count(events: list[power.CaseEvent], now: datetime, late: bool) -> None:
    procurement = [event.model_copy(update={"matter": "PR"}) for event in events]
    assert bool(found("A016", procurement, now)) is late


def test_nodes_beside_each_other_have_a_term_each() -> None:
    beside = (power.Waiting(node="EN5-03", due_at=day(12)),)
    both = done("EN5-01", 2, day(3), next_node="EN5-02", next_due_at=day(9), also_waiting=beside)
    consultant = done("EN5-03", 3, day(10), next_node="EN5-02", next_due_at=day(9))
    late = found("A016", [opened(flow="EN5"), both, consultant], day(11))
    assert [finding.node for finding in late] == ["EN5-02"]
    assert [finding.node for finding in found("A016", [opened(flow="EN5"), both], day(16))] == ["EN5-02", "EN5-03"]


@pytest.mark.parametrize("left_out", [(), ("EN2-04",)], ids=["skipped", "not asked for"])
def test_what_the_flow_does_not_ask_for_is_not_skipped(left_out: tuple[str, ...]) -> None:
    events: list[power.CaseEvent] = [opened(flow="EN2"), done("EN2-03", 2, day(5), left_out=left_out)]
    events += [done("EN2-05", 3, day(9))]
    assert bool(found("A006", events)) is not bool(left_out)
