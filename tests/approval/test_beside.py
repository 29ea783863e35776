"""Nodes that open together: done in any order, joined before the case goes on, each with its own term and way back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.approval import errors
from services.approval.cases import Case
from services.approval.changes import waits_for
from services.approval.flows import CatalogueError
from shared.contracts.power import NodeFields
from tests.approval.test_amending import amended, walked
from tests.approval.test_cases import ANYBODY, LI, MONDAY, completed, flow, opened, recorded, refused
from tests.approval.test_flows import flow as entry
from tests.approval.test_flows import node, read_from, written

EN5 = flow("EN5")
LATER = MONDAY + timedelta(hours=5)


def both() -> Case:
    """A change of works that waits for the visit to the site and for the estimate."""
    return completed(opened("EN5")[0])[0]


def waits(case: Case) -> list[str]:
    return [turn.node for turn in case.turns]


def back(case: Case, to_node: str) -> Case:
    return case.send_back(EN5, to_node=to_node, reason="复核", by=ANYBODY, now=LATER)[0]


def test_both_open_at_once_each_with_its_own_term() -> None:
    case, event = completed(opened("EN5")[0])
    assert (waits(case), event.next_node) == (["EN5-02", "EN5-03"], "EN5-02")
    (also,) = event.also_waiting
    assert (also.node, also.due_at) == ("EN5-03", case.turns[1].due_at)
    assert case.turns[0].since == case.turns[1].since == MONDAY
    assert case.turns[0].due_at != case.turns[1].due_at  # three working days and five
    assert [(wait.node, wait.roles) for wait in waits_for(EN5, case)] == [
        ("EN5-02", ("supervisory_committee",)),
        ("EN5-03", ("cost_consultant", "handler")),
    ]
    assert Case.from_state(case.to_state()) == case


@pytest.mark.parametrize("order", [("EN5-02", "EN5-03"), ("EN5-03", "EN5-02")])
def test_they_are_done_in_any_order_and_the_case_goes_on_when_both_are(order: tuple[str, str]) -> None:
    first, second = order
    case, one = completed(both(), node=first, now=LATER)
    assert (waits(case), one.next_node, one.expected_node, one.also_waiting) == ([second], second, None, ())
    assert one.started_at == MONDAY
    refused(errors.WrongNode, None, lambda: completed(case, node=first))
    refused(errors.WrongNode, None, lambda: completed(case, node="EN5-04"))
    case, other = completed(case, node=second, now=LATER)
    assert (waits(case), other.next_node, other.started_at) == (["EN5-04"], "EN5-04", MONDAY)


def test_each_caller_sees_what_is_his() -> None:
    may = both().actions(EN5, LI, MONDAY)
    assert (may.complete, may.complete_at) == (True, ("EN5-03",))
    event = both().send_back(EN5, to_node="EN5-01", reason="缺件", by=LI, now=MONDAY)[1]
    assert (event.node, event.also_waiting) == ("EN5-03", ())


def test_a_way_back_reopens_what_is_right() -> None:
    one = completed(both(), node="EN5-03")[0]
    assert waits(back(one, "EN5-01")) == ["EN5-01"]
    assert not back(one, "EN5-01").completed
    assert waits(completed(back(one, "EN5-01"))[0]) == ["EN5-02", "EN5-03"]
    # The estimate is asked for again while the visit still waits.
    again = back(one, "EN5-03")
    assert (waits(again), [turn.since for turn in again.turns]) == (["EN5-02", "EN5-03"], [MONDAY, LATER])
    refused(errors.CannotSendBack, "to_node", lambda: back(one, "EN5-02"))
    # From behind, only the visit is done again: the estimate beside it stands.
    joined = completed(one, node="EN5-02")[0]
    visit = back(joined, "EN5-02")
    assert (waits(visit), "EN5-03" in visit.completed) == (["EN5-02"], True)
    assert waits(completed(visit)[0]) == ["EN5-04"]


def test_a_rest_and_a_withdrawal_concern_both() -> None:
    case = both()
    rests, _ = case.suspend(EN5, reason="等待", until=None, by=LI, now=MONDAY)
    assert [turn.due_at for turn in rests.turns] == [None, None]
    assert waits_for(EN5, rests) == []
    awake, event = rests.resume(EN5, by=LI, now=MONDAY + timedelta(days=2))
    assert [turn.due_at for turn in awake.turns] == [
        turn.due_at and turn.due_at + timedelta(days=days) for turn, days in zip(case.turns, (4, 2), strict=True)
    ]  # two working days later, for the first over a weekend
    assert {event.node, *(each.node for each in event.also_waiting)} == {"EN5-02", "EN5-03"}
    ended, _ = case.withdraw(EN5, reason="不办", by=LI, now=MONDAY)
    assert ended.turns == ()


def test_a_decision_beside_is_made_anew_when_what_came_before_is_amended() -> None:
    case, events = walked("SE2-02")
    decided, event = completed(case, node="SE2-03")
    right, told = amended(decided, [*events, event], "SE2-01", fields=NodeFields(copies=9))
    assert (told.to_node, waits(right)) == ("SE2-03", ["SE2-02", "SE2-03"])
    # What is told beside a decision isn't what it was made on.
    joined, other = completed(decided, node="SE2-02")
    assert amended(joined, [*events, event, other], "SE2-02", fields=NodeFields(opinion="补"))[1].to_node is None


def test_a_record_in_either_order_breaks_none() -> None:
    case, late = recorded(both(), "EN5-03", LATER)
    assert (late.expected_node, waits(case)) == (None, ["EN5-02"])
    case, _ = recorded(case, "EN5-02", LATER)
    assert waits(case) == ["EN5-04"]
    ahead, event = recorded(opened("EN5")[0], "EN5-03", LATER)
    assert (event.expected_node, waits(ahead)) == ("EN5-01", ["EN5-02"])


@pytest.mark.parametrize(
    ("nodes", "path", "what"),
    [
        ([node(1, beside="PR1-02"), node(2)], "nodes.0.beside", "the one before"),
        ([node(1), node(2), node(3, beside="PR1-01")], "nodes.2.beside", "the one before"),
        ([node(1), node(2, beside="PR1-01")], "nodes.1.beside", "begins at one"),
        (
            [node(1), node(2), node(3, beside="PR1-02", notice_days=3, form=["notice_from"])],
            "nodes.2.beside",
            "runs alone",
        ),
        (
            [node(1), node(2), node(3, beside="PR1-02", term={"days": 1, "unit": "working_day", "from": "PR1-02"})],
            "nodes.2.term.from",
            "opens together",
        ),
        (
            [node(1), node(2, form=["major"]), node(3, beside="PR1-02", when={"field": "major"})],
            "nodes.2.when.field",
            "no earlier form",
        ),
    ],
)
def test_what_cannot_stand_beside_is_a_fault(tmp_path: Path, nodes: list[Any], path: str, what: str) -> None:
    with pytest.raises(CatalogueError, match=what) as told:
        read_from(written(tmp_path, entry(*nodes)))
    assert told.value.path == path
