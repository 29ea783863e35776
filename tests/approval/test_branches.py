"""Nodes that a flow asks only of some cases, and amounts that another flow is for."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.approval import errors
from services.approval.cases import Case
from services.approval.flows import CatalogueError, load
from shared.contracts.power import NodeFields
from tests.approval.test_amending import amended, walked
from tests.approval.test_cases import ANYBODY, MONDAY, completed, filled, flow, opened, recorded, refused
from tests.approval.test_flows import flow as entry
from tests.approval.test_flows import node, read_from, written

LIMIT = 10_000_00


def changed(*amounts: int) -> Case:
    """A change of works, as the contractor and then the consultant put it, that the two committees have agreed to."""
    case = opened("EN5")[0]
    for amount in (amounts[0], None, amounts[-1]):
        at = flow("EN5").node(case.node or "")
        told: dict[str, Any] = {} if amount is None else {"change_fen": amount}
        case = completed(case, fields=filled(at.form, **told))[0]
    return case


@pytest.mark.parametrize(
    ("amounts", "next_node"),
    [((LIMIT,), "EN5-05"), ((LIMIT - 1,), "EN5-06"), ((LIMIT, LIMIT - 1), "EN5-06"), ((LIMIT - 1, LIMIT), "EN5-05")],
)
def test_a_resolution_is_asked_for_from_the_limit_on_as_the_last_form_says(amounts: Any, next_node: str) -> None:
    case, event = completed(changed(*amounts))
    assert (case.node, event.next_node) == (next_node, next_node)
    assert event.left_out == (() if next_node == "EN5-05" else ("EN5-05",))
    assert case.due_at == event.next_due_at
    assert Case.from_state(case.to_state()) == case


def test_nobody_sends_a_case_back_to_what_it_is_not_asked_for() -> None:
    case, _ = completed(changed(1))
    of = flow("EN5")
    assert "EN5-05" not in case.actions(of, ANYBODY, MONDAY).send_back_to
    refused(
        errors.CannotSendBack,
        "to_node",
        lambda: case.send_back(of, to_node="EN5-05", reason="缺件", by=ANYBODY, now=MONDAY),
    )
    back, _ = case.send_back(of, to_node="EN5-01", reason="缺件", by=ANYBODY, now=MONDAY)
    assert back.asks(of, of.node("EN5-05"))  # the amounts are told anew


def test_a_yes_or_no_takes_a_branch_and_what_is_not_said_counts_as_a_yes() -> None:
    of = flow("SE2")
    case = opened("SE2")[0]
    assert case.asks(of, of.node("SE2-05"))
    assert completed(case)[0].asks(of, of.node("SE2-05"))
    assert not completed(case, fields=filled(of.first.form, major=False))[0].asks(of, of.node("SE2-05"))


def test_an_amended_amount_is_decided_anew_and_takes_the_other_branch() -> None:
    case, events = walked("EN5-07")
    assert "EN5-05" not in case.completed
    right, event = amended(case, events, "EN5-03", fields=NodeFields(change_fen=LIMIT), by=ANYBODY)
    assert (event.to_node, right.node) == ("EN5-04", "EN5-04")
    assert completed(right, now=event.occurred_at)[0].node == "EN5-05"
    early, _ = amended(case, events, "EN5-01", fields=NodeFields(change_fen=LIMIT), by=ANYBODY)
    assert not early.asks(flow("EN5"), flow("EN5").node("EN5-05"))  # the consultant's amount still stands


def test_a_record_passes_over_what_it_need_not_have_and_may_have_it_all_the_same() -> None:
    case = changed(1)
    case, event = recorded(case, "EN5-04", MONDAY)
    assert (event.left_out, case.node) == (("EN5-05",), "EN5-06")
    case, extra = recorded(case, "EN5-05", MONDAY + timedelta(days=1))
    assert (extra.expected_node, extra.next_node, extra.left_out) == (None, "EN5-06", ())
    _, ahead = recorded(changed(1), "EN5-06", MONDAY)
    assert (ahead.expected_node, ahead.left_out) == ("EN5-04", ("EN5-05",))


def test_a_case_kept_before_there_were_branches_is_asked_for_all() -> None:
    state = changed(1).to_state()
    del state["answers"]
    case, event = completed(Case.from_state(state))
    assert (case.node, event.left_out) == ("EN5-05", ())


@pytest.mark.parametrize(
    ("code", "fen", "fits"),
    [("PR1", 500_000, "PR2"), ("PR2", 499_999, "PR1"), ("EN1", 5_000_000, "EN2"), ("EN3", 400_000_000, "EN4")],
)
def test_an_amount_that_another_flow_is_for_is_refused_with_its_name(code: str, fen: int, fits: str) -> None:
    told = refused(errors.AnotherFlow, "fields.estimate_fen", lambda: load().check_amount(flow(code), fen))
    assert fits in told.detail_zh
    assert fits in told.detail_en
    load().check_amount(flow(fits), fen)


def test_every_amount_has_exactly_one_flow_of_works_and_of_purchases() -> None:
    for matter in ("EN", "PR"):
        bounded = [each for each in load().flows.values() if each.matter == matter and (each.at_or_above or each.below)]
        edges = {limit.fen for each in bounded for limit in (each.at_or_above, each.below) if limit}
        for fen in (0, 10**12, *edges, *(edge - 1 for edge in edges)):
            assert len([each for each in bounded if each.takes(fen)]) == 1, (matter, fen)
    load().check_amount(flow("PR1"), None)
    load().check_amount(flow("EN5"), 10**12)


MONEY, YES = ["budget_fen"], ["major"]


@pytest.mark.parametrize(
    ("form", "when", "path", "what"),
    [
        (MONEY, {"field": "award_fen", "below": "petty"}, "nodes.1.when.field", "no earlier form"),
        (MONEY, {"field": "budget_fen"}, "nodes.1.when", "needs a limit"),
        (YES, {"field": "major", "below": "petty"}, "nodes.1.when", "needs a limit"),
        (MONEY, {"field": "budget_fen", "below": "huge"}, "nodes.1.when.below", "unknown"),
    ],
)
def test_a_condition_that_cannot_be_told_is_a_fault(
    tmp_path: Path, form: list[str], when: dict[str, Any], path: str, what: str
) -> None:
    with pytest.raises(CatalogueError, match=what) as told:
        read_from(written(tmp_path, entry(node(1, form=form), node(2, when=when))))
    assert told.value.path == path


def test_the_first_node_is_asked_of_every_case(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no earlier form"):
        read_from(written(tmp_path, entry(node(1, when={"field": "major"}), form=["major"])))


def test_a_condition_says_itself_in_words() -> None:
    said = flow("EN5").node("EN5-05").when
    assert said
    assert said.said.zh == "变更金额达到工程变更须经代表会议决议的限额 10,000.00 元时"
