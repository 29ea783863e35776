"""What may happen to an inquiry, and what that makes of its alerts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import standing
from services.notifier.errors import AlertInInquiry, AlertsNotReady, MoveNeedsMore, MoveNotYours, PersonUnknown, Recused
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries import inquiries, inquiry_book, inquiry_seen
from services.notifier.inquiries.inquiry_standing import Inquiry, Step, Wish
from services.notifier.standing import Standing
from shared.problems import Problem
from shared.workdays import add_working_days
from tests.notifier.samples import COUNTY, NOW, OTHER_TOWN, about, alert

SECRETARY = Actor(frozenset({"town_secretary"}), "wang-key", "wang", "王书记")
INSPECTOR = Actor(frozenset({"town_inspector"}), "li-key", "li", "李监督员")
LATER = NOW + timedelta(days=1)


def arrived(**changed: Any) -> Standing:
    change = standing.arrive(None, alert(**changed), NOW)
    assert change
    return change.standing


def new(*alerts: Standing, **changed: Any) -> Inquiry:
    values: dict[str, Any] = {
        "inquiry_id": "7a4f4f5e-0000-4000-8000-000000000001",
        "number": inquiries.number(2026, 12),
        "county_code": COUNTY,
        "title": "系列采购",
        "state": "open",
        "alert_ids": tuple(one.alert.alert_id for one in alerts),
        "term": 20,
        "opened_at": NOW,
        "updated_at": NOW,
        "due_by": None,
    }
    return Inquiry(**values | changed)


def opened(*alerts: Standing, by: Actor = SECRETARY, **changed: Any) -> Step:
    return inquiries.open_(new(*alerts, **changed), alerts, by)


def moved(held: Inquiry, alerts: list[Standing], by: Actor = SECRETARY, **wish: Any) -> tuple[Step, list[Standing]]:
    """A move, and the alerts as they stand behind it."""
    step = inquiries.move(held, Wish(**wish), alerts, [by] * len(alerts), by, LATER)
    latest = {change.standing.alert.alert_id: change.standing for change in step.changes}
    return step, [latest.get(one.alert.alert_id, one) for one in alerts]


def test_a_number_tells_its_year_and_has_four_digits() -> None:
    assert inquiries.number(2026, 12) == "线2026-0012"
    assert inquiries.number(2026, 12345) == "线2026-12345"


def test_each_alert_says_in_its_own_history_into_which_inquiry_it_was_merged() -> None:
    alerts = [arrived(), arrived()]
    step = opened(*alerts)
    assert [change.kind for change in step.changes] == ["merged", "merged"]
    assert {change.reason.zh for change in step.changes if change.reason} == {"并入线索 线2026-0012"}
    assert [change.standing.state for change in step.changes] == ["pushed", "pushed"]
    assert step.inquiry.lead == "王书记"


def test_an_inquiry_brings_all_its_alerts_to_one_outcome() -> None:
    alerts = [arrived(), arrived(grade="yellow"), replace(arrived(), state="verifying", due_by=None)]
    step, alerts = moved(opened(*alerts).inquiry, alerts, to="under_inquiry")
    assert {one.state for one in alerts} == {"verifying"}
    assert [change.standing.state for change in step.changes] == ["acknowledged", "verifying"] * 2
    assert step.inquiry.due_by == add_working_days(LATER, 20)
    step, alerts = moved(step.inquiry, alerts, to="reported", note="三笔采购同日开票")
    assert {one.state for one in alerts} == {"fed_back"}
    step, alerts = moved(
        step.inquiry, alerts, to="concluded", note="诫勉", outcome="admonition", recovered_fen=5_200_000, people=1
    )
    assert step.inquiry.state in inquiry_book.finished()
    assert {(one.state, one.judgement and one.judgement.outcome) for one in alerts} == {
        ("closed_accountable", "admonition")
    }
    assert all("线2026-0012" in change.reason.zh for change in step.changes if change.reason)
    assert sum(change.event.recovered_fen or 0 for change in step.changes if change.event) == 5_200_000


def test_what_one_alert_does_not_allow_is_refused_for_all_with_a_list() -> None:
    ready = replace(arrived(), state="fed_back")
    unready = replace(arrived(title=alert().title), state="verifying")
    held = new(ready, unready, state="reported")
    with pytest.raises(AlertsNotReady) as refused:
        moved(held, [ready, unready], to="concluded", note="x", outcome="admonition")
    assert [error.field for error in refused.value.errors] == [f"alerts.{unready.alert.alert_id}"]
    assert "核查中" in refused.value.errors[0].zh


def test_what_is_finished_keeps_its_own_outcome() -> None:
    done, ready = replace(arrived(), state="withdrawn"), replace(arrived(), state="fed_back")
    step, alerts = moved(
        new(done, ready, state="reported"), [done, ready], to="concluded", note="x", outcome="explanation_accepted"
    )
    assert [one.state for one in alerts] == ["withdrawn", "no_action"]
    assert {change.standing.alert.alert_id for change in step.changes} == {ready.alert.alert_id}


def test_an_alert_that_lies_elsewhere_by_now_keeps_the_whole_from_moving() -> None:
    here, gone = arrived(), arrived()
    with pytest.raises(AlertsNotReady, match=r"handled so") as refused:
        moved(new(here, gone), [here], to="under_inquiry")
    assert gone.alert.alert_id in refused.value.errors[0].field


def test_whom_it_concerns_can_neither_open_nor_lead_it() -> None:
    concerned = arrived(about=(about("village", "330421107201", "zhang-key"),))
    himself = replace(SECRETARY, person_key="zhang-key")
    with pytest.raises(Recused):
        inquiries.opener([arrived(), concerned], [himself, himself])
    with pytest.raises(PersonUnknown):
        inquiries.opener([concerned], [replace(SECRETARY, person_key="")])
    with pytest.raises(MoveNeedsMore) as refused:
        opened(concerned, lead="某某")
    assert refused.value.errors[0].field == "lead"
    assert opened(concerned).inquiry.barred == {"zhang-key"}


def test_kin_stay_barred_when_the_alert_is_taken_out() -> None:
    concerned = about("village", "330421107201", "zhang-key").model_copy(update={"kin": ("wife-key",)})
    first, second = arrived(), arrived(about=(concerned,))
    held = opened(first, second).inquiry
    left = inquiries.remove(held, second.alert.alert_id, second, "另案处理", SECRETARY, LATER)
    assert left.inquiry.alert_ids == (first.alert.alert_id,)
    assert left.inquiry.barred == {"zhang-key", "wife-key"}
    assert [(change.kind, change.note) for change in left.changes] == [("separated", "另案处理")]


@pytest.mark.parametrize(("reason", "both", "field"), [("", True, "reason"), ("重复", False, "alert_id")])
def test_an_alert_is_taken_out_with_a_reason_and_the_last_one_stays(reason: str, both: bool, field: str) -> None:
    first, second = arrived(), arrived()
    held = opened(first, second).inquiry if both else opened(first).inquiry
    with pytest.raises(MoveNeedsMore) as refused:
        inquiries.remove(held, first.alert.alert_id, first, reason, SECRETARY, LATER)
    assert [error.field for error in refused.value.errors] == [field]


def test_alerts_of_two_counties_or_in_another_inquiry_are_not_merged() -> None:
    far = arrived(village_code="330482001201", town_code="330482001000")
    with pytest.raises(MoveNeedsMore):
        inquiries.county_of([arrived(), far])
    with pytest.raises(AlertInInquiry):
        inquiries.refuse_bound({"a": "线2026-0001"})


def test_an_inspector_reports_and_a_secretary_judges() -> None:
    alerts = [replace(arrived(grade="yellow"), state="fed_back")]
    held = new(*alerts, state="reported")
    assert [move.to for move in inquiries.choices(held, INSPECTOR)] == []
    with pytest.raises(MoveNotYours):
        moved(held, alerts, by=INSPECTOR, to="concluded", note="x", outcome="admonition")


def test_a_longer_term_is_counted_from_the_day_it_began() -> None:
    alerts = [arrived()]
    step, _ = moved(opened(*alerts).inquiry, alerts, to="under_inquiry")
    longer = inquiries.prolong(step.inquiry, 40, "等待银行回函", SECRETARY, LATER + timedelta(days=9)).inquiry
    assert longer.due_by == add_working_days(LATER, 40)
    with pytest.raises(MoveNeedsMore):
        inquiries.prolong(longer, 40, "再等", SECRETARY, LATER)


def test_what_no_desk_holds_any_more_goes_up_to_the_county_and_comes_back() -> None:
    ours, theirs = arrived(), arrived(town_code=OTHER_TOWN, village_code="330421105201")
    passed = inquiries.pass_up(new(ours, theirs), [ours, theirs], LATER)
    assert passed
    assert passed.inquiry.overseers == (f"county_secretary@{COUNTY}",)
    alone = replace(new(ours), overseers=(f"county_secretary@{COUNTY}",))
    back = inquiries.pass_up(alone, [ours], LATER)
    assert back
    assert back.inquiry.overseers == ()
    assert inquiries.pass_up(new(ours), [ours], LATER) is None


def test_persons_and_cases_are_seen_together() -> None:
    person = about("village", "330421107201", "zhang-key")
    alerts = [arrived(about=(person,), case_nos=("CG-1", "CG-2")), arrived(about=(person,), case_nos=("CG-2",))]
    seen = inquiry_seen.seen_together(alerts)
    assert [(name, many) for _, name, _, many in seen.persons] == [("某某", 2)]
    assert seen.cases == (("CG-2", 2), ("CG-1", 1))


WISHES = st.builds(
    Wish,
    to=st.sampled_from(sorted(inquiry_book.book().states)),
    note=st.sampled_from(["", "查明"]),
    outcome=st.sampled_from([None, *lifecycle.book().outcomes]),
    receiver=st.sampled_from(["", "县公安局"]),
)
LEFT_BY_PEOPLE = {s for m in lifecycle.book().transitions if m.by != "system" for s in m.sources}
STATES = st.sampled_from(sorted(LEFT_BY_PEOPLE - lifecycle.finished()))


@given(
    st.lists(st.tuples(WISHES, st.sampled_from([SECRETARY, INSPECTOR])), max_size=12),
    st.lists(STATES, min_size=1, max_size=3),
)
def test_no_path_ends_without_an_outcome_an_author_and_an_outcome_for_each_alert(
    wishes: list[tuple[Wish, Actor]], states: list[str]
) -> None:
    alerts = [replace(arrived(), state=state, due_by=None) for state in states]
    held, refusals = new(*alerts), list[Problem]()
    for wish, actor in wishes:
        try:
            step = inquiries.move(held, wish, alerts, [actor] * len(alerts), actor, LATER)
        except Problem as problem:
            refusals.append(problem)
            continue
        latest = {change.standing.alert.alert_id: change.standing for change in step.changes}
        alerts = [latest.get(one.alert.alert_id, one) for one in alerts]
        held = step.inquiry
        assert step.by.name
        if held.state in inquiry_book.finished():
            assert (held.outcome, held.conclusion) == (wish.outcome, "查明")
            assert all(one.judgement and one.judgement.outcome == wish.outcome for one in alerts)
            assert actor.roles & inquiry_book.book().groups["judge"]
            break
        assert not any(one.state in lifecycle.judged() for one in alerts)
    assert all(refusal.errors or refusal.detail_zh for refusal in refusals)
