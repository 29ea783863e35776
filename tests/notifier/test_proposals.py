"""What a supervision proposal says, and what may happen to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import standing
from services.notifier.errors import MoveNeedsMore, MoveNotYours, PersonUnknown, Recused
from services.notifier.handling.lifecycle import Actor
from services.notifier.proposals import proposal_book, proposal_text, proposals
from services.notifier.proposals.proposal_standing import Comparison, Content, Proposal
from services.notifier.standing import Standing
from shared.problems import Problem
from shared.workdays import add_calendar_days, add_working_days
from tests.notifier.samples import NOW, TOWN, VILLAGE, about, alert

SECRETARY = Actor(frozenset({"town_secretary"}), "wang-key", "wang", "王书记")
INSPECTOR = Actor(frozenset({"town_inspector"}), "li-key", "li", "李监督员")
FOUND = Comparison(before=4, after=1, days=90, full=True)


def arrived(**changed: Any) -> Standing:
    change = standing.arrive(None, alert(**changed), NOW)
    assert change
    return change.standing


def content(**changed: Any) -> Content:
    proposed = proposals.suggestion(proposals.grounds("alert", [arrived()]))
    return replace(proposed, problem="三笔采购拆分报批", **changed)


def drafted(*alerts: Standing, by: Actor = SECRETARY, **changed: Any) -> Proposal:
    found = alerts or (arrived(),)
    grounds = proposals.grounds("pattern", found)
    return proposals.draft("r-1", grounds, content(**changed), found, by, NOW).proposal


def moved(held: Proposal, to: str, note: str = "", by: Actor = SECRETARY, now: datetime = NOW) -> Proposal:
    found = proposals.check(held, to, note, by)
    return proposals.move(held, found, note, by, now, serial=7, comparison=FOUND).proposal


def test_it_is_walked_from_draft_to_closed_with_its_terms() -> None:
    served = moved(drafted(), "served")
    assert (served.number, served.due_by) == ("天凝镇监建〔2026〕7号", add_working_days(NOW, 15))
    replied = moved(served, "replied", "已整改")
    assert (replied.reply, replied.due_by) == ("已整改", None)
    adopted = moved(replied, "adopted")
    assert adopted.due_by == add_calendar_days(NOW, 90)
    assert adopted.overdue(NOW + timedelta(days=92))
    followed = moved(adopted, "followed_up", "同类预警明显减少")
    assert followed.comparison == FOUND
    assert moved(followed, "closed").state in proposal_book.finished()


def test_its_text_names_whom_what_and_by_when() -> None:
    first = arrived(occurred_at=NOW - timedelta(days=30), case_nos=("CG-1",))
    text = proposal_text.paragraphs(drafted(first, arrived(case_nos=("CG-2",))))
    assert text[0] == "蒋村村村民委员会："
    assert "2026年1月31日至2026年3月2日共发现“疑似化整为零”方面的预警2条" in text[1]
    assert "（涉及CG-1、CG-2）。三笔采购拆分报批。" in text[1]
    assert text[3].startswith("一、")
    assert "15个工作日内" in text[-1]


def test_what_was_served_is_kept_whatever_the_template_says_later() -> None:
    served = moved(drafted(), "served")
    assert proposal_text.paragraphs(replace(served, content=content(reply_days=5))) == served.paragraphs


@pytest.mark.parametrize(
    "number", ["33042119800101123X", "13800138000", "6222020200112233445", "１３８００１３８０００"]
)
def test_no_personal_number_is_written_into_it(number: str) -> None:
    with pytest.raises(MoveNeedsMore) as refused:
        proposals.draft("r", *_with(content(asks=("查实", f"约谈{number}"))))
    assert refused.value.errors[0].field == "asks.1"


def _with(written: Content) -> tuple[Any, ...]:
    alerts = [arrived()]
    return proposals.grounds("alert", alerts), written, alerts, SECRETARY, NOW


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"addressee_name": " "}, "addressee_name"),
        ({"asks": ()}, "asks"),
        ({"basis": ()}, "basis"),
        ({"reply_days": 1}, "reply_days"),
        ({"follow_up_days": 999}, "follow_up_days"),
    ],
)
def test_what_is_missing_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(MoveNeedsMore) as refused:
        drafted(**changed)
    assert [error.field for error in refused.value.errors] == [field]


def test_whom_its_alerts_are_about_neither_writes_nor_handles_it() -> None:
    concerned = arrived(about=(about("village", VILLAGE, "wang-key"),))
    with pytest.raises(Recused):
        drafted(concerned)
    other = replace(SECRETARY, person_key="chen-key")
    held = drafted(concerned, by=other)
    with pytest.raises(Recused):
        moved(held, "served")
    with pytest.raises(PersonUnknown):
        moved(held, "served", by=replace(SECRETARY, person_key=""))
    assert proposals.choices(held, replace(SECRETARY, person_key="")) == []


def test_an_inspector_writes_it_and_the_secretary_signs() -> None:
    held = drafted(by=INSPECTOR)
    assert {desk.address for desk in held.desks} == {f"town_inspector@{TOWN}", f"town_secretary@{TOWN}"}
    with pytest.raises(MoveNotYours):
        moved(held, "served", by=INSPECTOR)
    assert moved(held, "served").state == "served"


def test_a_follow_up_compares_equal_spans() -> None:
    served = moved(drafted(), "served")
    assert proposals.span(served, NOW + timedelta(days=10)) == (
        NOW - timedelta(days=10),
        NOW,
        NOW + timedelta(days=10),
        10,
        False,
    )
    assert proposals.span(served, NOW + timedelta(days=400))[3:] == (90, True)


def test_events_count_and_name_nobody() -> None:
    concerned = arrived(about=(about("village", VILLAGE, "zhang-key"),))
    grounds = proposals.grounds("alert", [concerned])
    step = proposals.draft("r-1", grounds, content(addressee_name="某某的单位"), [concerned], SECRETARY, NOW)
    assert step.event
    told = step.event.model_dump_json()
    assert step.event.alerts == 1
    for hidden in ("zhang-key", "某某", "三笔", "CG-2026-001", concerned.alert.alert_id):
        assert hidden not in told


STATES = sorted(proposal_book.book().states)
WISHES = st.tuples(st.sampled_from(STATES), st.sampled_from(["", "说明"]), st.sampled_from([SECRETARY, INSPECTOR]))


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(["", "说明"]), st.sampled_from([SECRETARY, INSPECTOR])))
)
def test_no_path_closes_it_unserved_or_unchecked(wishes: list[tuple[str, str, Actor]]) -> None:
    held, now = drafted(), NOW
    for to, note, actor in wishes:
        now += timedelta(days=1)
        try:
            found = proposals.check(held, to, note, actor)
        except Problem:
            continue
        assert found in proposals.choices(held, actor)
        step = proposals.move(held, found, note, actor, now, serial=1, comparison=FOUND)
        assert step.event
        assert (step.event.state_from, step.event.state_to) == (held.state, step.proposal.state)
        held = step.proposal
        assert (held.number is None) == (held.state in {"draft", "discarded"})
        assert (held.due_by is not None) == (held.state in {"served", "adopted", "partly_adopted", "refused"})
    if held.state == "closed":
        assert held.served_at
        assert held.comparison
        assert held.paragraphs
    if held.state == "refused":
        assert held.judgement
