"""What supervisors count: cases with their steps, money and contractors, alerts with their handling, proposals."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.disclosure.supervision import alerts, cases, proposals
from services.disclosure.supervision.alerts import SupervisedAlert
from services.disclosure.supervision.cases import Step, SupervisedCase
from services.disclosure.supervision.plan import plan
from shared.contracts.alerts import AlertStateChanged
from shared.contracts.power import CaseAmended, CaseEvent, CaseResumed, CaseSuspended
from shared.contracts.proposals import ProposalChanged
from tests.disclosure.samples import (
    CLERK,
    FIRM,
    NOW,
    VILLAGE,
    award,
    bids_in,
    closing,
    completed,
    exactly,
    form,
    opened,
    returned,
)
from tests.disclosure.samples import (
    withdrawn as case_withdrawn,
)
from tests.notifier.samples import TOWN, about, alert, raised, withdrawn

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in Shanghai
COUNTY = "330421000000"


def told(*events: CaseEvent) -> tuple[SupervisedCase, list[Step]]:
    """A case after its events."""
    case, steps = None, []
    for event in events:
        case, step = cases.take(case, event, plan(), lambda text: f"key of {text}")
        steps += [step] if step else []
    assert case
    return case, steps


def rest(case: str, sequence: int, at: datetime, **values: Any) -> dict[str, Any]:
    """What the events of a rest have in common."""
    about_case = opened(case).model_dump(include={"case_id", "case_no", "title", "matter", "flow"})
    place = {"village_code": VILLAGE, "town_code": TOWN, "sequence": sequence, "occurred_at": at, "actor": CLERK}
    return about_case | place | values


def test_a_case_has_its_state_money_and_contractor() -> None:
    case, steps = told(opened("c"), bids_in("c"), award("c"))
    assert (case.state, case.node, case.amount(plan())) == ("running", "EN1-05", ("award_fen", 3_800_000))
    assert case.contracted
    assert case.contracted.contractor
    assert case.contracted.contractor.name == FIRM
    assert case.contracted.at == NOW + timedelta(hours=3)
    assert [step.node for step in steps] == ["EN1-03", "EN1-04"]
    case, _ = told(opened("c"), award("c"), closing("c"))
    assert (case.state, case.closed_at, case.node) == ("closed", NOW + timedelta(hours=5), None)
    case, _ = told(opened("c"), case_withdrawn("c", 2))
    assert (case.state, case.withdrawn_at) == ("withdrawn", NOW + timedelta(hours=2))


def test_a_step_lasts_from_its_arrival_in_working_hours() -> None:
    friday = MONDAY + timedelta(days=4, hours=8)  # 17:00
    _, steps = told(
        opened("c", occurred_at=friday, next_node="EN1-03", next_due_at=friday + timedelta(days=1)),
        bids_in("c", occurred_at=friday + timedelta(days=3), due_at=friday + timedelta(days=1)),
    )
    assert (steps[0].started_at, steps[0].working_hours, steps[0].late) == (friday, 8.0, True)


def test_no_hours_run_while_a_case_rests() -> None:
    _, steps = told(
        opened("c", occurred_at=MONDAY, next_node="EN1-03"),
        exactly(CaseSuspended, **rest("c", 2, MONDAY + timedelta(hours=1), node="EN1-03", reason="汛期")),
        exactly(
            CaseResumed,
            **rest("c", 3, MONDAY + timedelta(days=2), node="EN1-03", suspended_at=MONDAY + timedelta(hours=1)),
        ),
        bids_in("c", 4, occurred_at=MONDAY + timedelta(days=2, hours=2)),
    )
    assert steps[0].working_hours == 3.0, "an hour before the rest, two after it"


def test_what_is_sent_back_counts_as_handled_and_waits_anew() -> None:
    case, steps = told(opened("c"), bids_in("c"), award("c"), returned("c", 4, "EN1-03"))
    assert (steps[-1].node, steps[-1].returned, steps[-1].started_at) == ("EN1-05", True, NOW + timedelta(hours=3))
    assert (case.node, case.returns, dict(case.waiting)) == ("EN1-03", 1, {"EN1-03": NOW + timedelta(hours=4)})


def test_an_amendment_says_anew_what_a_step_said() -> None:
    mended = form(supplier_name="王小明", supplier_id=None, award_fen=3_500_000)
    amended = exactly(
        CaseAmended,
        **rest("c", 4, NOW + timedelta(days=1), supersedes=3, done_at=NOW, changed=("award_fen",), reason="笔误"),
        fields=mended,
    )
    for events in ([award("c"), amended], [amended, award("c")]):
        case, _ = told(opened("c"), *events)
        assert case.amount(plan()) == ("award_fen", 3_500_000)
        assert case.contracted
        assert case.contracted.contractor
        assert case.contracted.contractor.name == "王**", "a natural person's name is masked"


def test_money_is_the_best_word_there_is() -> None:
    case, _ = told(opened("c"), award("c"), completed("c", 4, "EN1-05", "EN1-06", form(payment_fen=1)))
    assert case.amount(plan()) == ("award_fen", 3_800_000)
    case, _ = told(opened("c"))
    assert case.amount(plan()) == ("estimate_fen", 3_900_000)


def moved(state: str, hours: float, **values: Any) -> AlertStateChanged:
    """The notifier moved the sample alert, so long after Monday morning."""
    usual: dict[str, Any] = {"state_from": values.pop("state_from", "before"), "state_to": state}
    place = {"village_code": VILLAGE, "town_code": TOWN, "grade": "red", "matter": "PR"}
    at = MONDAY + timedelta(hours=hours)
    return exactly(AlertStateChanged, alert_id="a", rule_id="A001", **place, **usual, occurred_at=at, **values)


def handled(*events: AlertStateChanged, first: SupervisedAlert | None = None) -> SupervisedAlert:
    """The alert after these moves."""
    one = first or alerts.told(None, alert(alert_id="a"), MONDAY)
    for event in events:
        one = alerts.moved(one, event, plan())
    return one


JUDGED = (
    moved("pushed", 0, due_by=MONDAY + timedelta(hours=1)),
    moved("acknowledged", 2),
    moved("closed_rectified", 24, outcome="rectified", recovered_fen=500, people=2),
)


def test_an_alert_has_its_times_outcome_and_money() -> None:
    one = handled(*JUDGED)
    assert (one.state, one.outcome, one.recovered_fen, one.people) == ("closed_rectified", "rectified", 500, 2)
    assert (one.hours_to_acknowledge, one.hours_to_close, one.overdue) == (2.0, 8.0, 1)
    confirmed = handled(moved("reviewed", 30), first=one)
    assert (confirmed.closed_at, confirmed.outcome) == (one.closed_at, "rectified")


def test_a_judgement_that_was_reopened_counts_no_longer() -> None:
    one = handled(*JUDGED, moved("reopened", 48))
    assert (one.closed_at, one.outcome, one.recovered_fen, one.reopened) == (None, None, 0, 1)
    assert one.hours_to_acknowledge == 2.0


def test_what_was_taken_back_leaves_the_counts_unless_it_was_judged() -> None:
    found = alert(alert_id="a")
    fresh = alerts.told(None, found, MONDAY)
    assert alerts.taken_back(fresh, withdrawn(found)).withdrawn
    assert not alerts.taken_back(handled(*JUDGED), withdrawn(found)).withdrawn
    again = alerts.told(alerts.taken_back(fresh, withdrawn(found)), found.model_copy(update={"revision": 3}), MONDAY)
    assert not again.withdrawn


def test_detector_and_notifier_may_arrive_in_any_order() -> None:
    """Each topic keeps its own order."""
    found = alert(alert_id="a")
    detector = [raised(found), withdrawn(found), raised(found, revision=3, grade="yellow")]
    notifier = list(JUDGED)
    outcomes = set()
    for seed in range(40):
        lines: list[list[Any]] = [list(detector), list(notifier)]
        one = None
        dice = random.Random(seed)
        while any(lines):
            event = dice.choice([line for line in lines if line]).pop(0)
            if isinstance(event, AlertStateChanged):
                one = alerts.moved(one, event, plan())
            elif event.TYPE == "alert.withdrawn.v1":
                one = alerts.taken_back(one, event)
            else:
                one = alerts.told(one, event, MONDAY)
        outcomes.add(one)
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    ("concerned", "above"),
    [
        ((), "village"),
        ((about("village", VILLAGE),), "town"),
        ((about("village", VILLAGE), about("town", TOWN)), "county"),
        ((about("county", COUNTY),), "city"),
        ((about("town", "330421105000"),), "village"),
    ],
)
def test_an_alert_is_known_only_above_whom_it_is_about(concerned: tuple[Any, ...], above: str) -> None:
    one = alerts.told(None, alert(about=concerned), MONDAY)
    assert one.above == above
    assert one.barred == tuple({who.person_key for who in concerned})


def changed(state: str, day: int, before: str = "draft", **values: Any) -> ProposalChanged:
    """The notifier moved the sample proposal."""
    usual: dict[str, Any] = {"proposal_id": "p", "origin": "pattern", "addressee": "town_office", "matter": "EN"}
    place = {"region_code": TOWN, "issued_by": TOWN, "rule_id": "A001", "alerts": 3}
    moves = {"state_from": before, "state_to": state, "occurred_at": MONDAY + timedelta(days=day)}
    return exactly(ProposalChanged, **usual, **place, **moves, **values)


def test_a_proposal_has_when_it_was_made_answered_and_adopted() -> None:
    one = None
    for event in (
        changed("draft", 0),
        changed("served", 1),
        changed("served", 20, "served", overdue=True),
        changed("replied", 21),
        changed("adopted", 22),
        changed("followed_up", 90, alerts_before=4, alerts_after=1, compared_days=68),
        changed("closed", 91),
    ):
        one = proposals.changed(one, event)
    assert one
    assert (one.served_at, one.answered_at, one.decided_at) == tuple(MONDAY + timedelta(days=d) for d in (1, 21, 22))
    assert (one.adopted, one.state, one.overdue) == ("adopted", "closed", True)
    assert (one.alerts_before, one.alerts_after) == (4, 1)
