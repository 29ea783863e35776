"""What was filed is put right: by whom, what can't be, where the case goes then, and what its forms say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.approval import errors
from services.approval.cases import Actions, Case, RoleHolder
from services.approval.changes import CaseChange
from services.approval.told import Told, told_now
from shared.contracts.power import CaseAmended, NodeFields, PowerEvent
from shared.problems import Problem
from tests.approval.test_cases import ANYBODY, LI, MONDAY, completed, filled, flow, opened, refused
from tests.approval.test_rest_and_archive import DIGEST, HEAD, KEEPER, suspended

LATER = MONDAY + timedelta(days=1)
CHEAPER = NodeFields(budget_fen=90_00)


def walked(code: str, by: RoleHolder = ANYBODY) -> tuple[Case, list[PowerEvent]]:
    """A case that waits at this node, or is closed where it has none such, and all that was told of it."""
    case, first = opened(code[:3], by=by)
    now = MONDAY
    events: list[PowerEvent] = [first]
    while case.node and case.node != code:
        now = max(now, case.notice_ends_at or now)
        case, event = completed(case, now=now)
        events.append(event)
    return case, events


def told(events: list[PowerEvent]) -> dict[str | None, Told]:
    return told_now((event.TYPE, event.model_dump(mode="json")) for event in events)


def amended(case: Case, events: list[PowerEvent], node: str | None, **asked: Any) -> tuple[Case, CaseAmended]:
    what: dict[str, Any] = {"fields": CHEAPER, "reason": "漏计一项", "by": LI, "now": LATER} | asked
    forms = told(events)
    return case.amend(flow(case.flow), node=node, told=forms.get(node, forms[None]), **what)


def test_an_amendment_tells_what_was_and_goes_back_to_the_decision_on_it() -> None:
    case, events = walked("PR1-04")
    right, event = amended(case, events, "PR1-01", reason=" 漏计一项 ")
    assert (event.node, event.supersedes, event.done_at, event.changed) == ("PR1-01", 2, MONDAY, ("budget_fen",))
    assert (event.before, event.fields.budget_fen, event.reason) == (NodeFields(budget_fen=100_00), 90_00, "漏计一项")
    assert (right.node, event.to_node, event.next_due_at) == ("PR1-02", "PR1-02", right.due_at)
    assert (right.node_since, list(right.completed), list(right.filed_by)) == (LATER, ["PR1-01"], ["PR1-01"])
    assert told([*events, event])["PR1-01"] == Told(2, MONDAY, event.fields, amended_at=LATER)
    _, again = amended(right, [*events, event], "PR1-01", fields=NodeFields(budget_fen=1))
    assert (again.supersedes, again.before, again.to_node) == (2, CHEAPER, None)


def test_the_opening_is_amended_without_a_node() -> None:
    case, events = walked("PR1-03")
    right, event = amended(case, events, None, fields=NodeFields(estimate_fen=5))
    assert (event.node, event.supersedes, event.to_node, right.node) == (None, 1, "PR1-02", "PR1-02")
    early, events = walked("PR1-01")
    stays, event = amended(early, events, None, fields=NodeFields(estimate_fen=5))
    assert (event.to_node, event.next_due_at) == (None, None)
    assert stays == replace(early, sequence=2, last_at=LATER)


def test_a_closed_case_stays_closed_and_an_archived_or_ended_one_is_not_amended() -> None:
    case, events = walked("PR1")
    of, end = flow("PR1"), case.last_at
    right, event = amended(case, events, "PR1-01", now=end)
    assert (right.status, right.completed, event.to_node) == ("closed", case.completed, None)
    kept, _ = case.archive(archive_no=None, documents=1, digest=DIGEST, by=LI, now=end)
    refused(errors.AlreadyArchived, None, lambda: amended(kept, events, "PR1-01"))
    case, events = walked("PR1-02")
    refused(errors.CaseRests, None, lambda: amended(suspended(case), events, "PR1-01"))
    ended, _ = case.withdraw(of, reason="不办了", by=LI, now=MONDAY)
    refused(errors.CaseNotOpen, None, lambda: amended(ended, events, "PR1-01"))


def test_who_filed_it_amends_it_or_a_handler_but_a_decision_only_who_made_it() -> None:
    case, events = walked("PR1-02", by=HEAD)
    case, event = completed(case, by=HEAD)
    events.append(event)
    opinion = NodeFields(opinion="同意,尽快办理")
    assert amended(case, events, "PR1-02", fields=opinion, by=HEAD)[1].actor.role == "village_head"
    refused(errors.RoleMissing, None, lambda: amended(case, events, "PR1-02", fields=opinion, by=LI))
    refused(errors.RoleMissing, None, lambda: amended(case, events, "PR1-01", by=HEAD))
    refused(errors.RoleMissing, None, lambda: amended(case, events, "PR1-01", by=KEEPER))
    assert amended(case, events, None, fields=NodeFields(estimate_fen=5), by=HEAD)[1].actor.role == "village_head"
    no_more = replace(HEAD, roles=frozenset({"seal_keeper"}))
    refused(errors.RoleMissing, None, lambda: amended(case, events, "PR1-02", fields=opinion, by=no_more))
    assert case.actions(flow("PR1"), HEAD, LATER) == Actions(withdraw=True, amend=("PR1-02",), amend_opening=True)
    assert case.actions(flow("PR1"), LI, LATER).amend == ("PR1-01",)


@pytest.mark.parametrize(
    ("node", "fields", "kind", "field"),
    [
        ("PR1-02", NodeFields(approved=False), errors.CannotAmend, "fields.approved"),
        ("PR1-01", NodeFields(notice_from=MONDAY.date()), errors.CannotAmend, "fields.notice_from"),
        ("PR1-01", NodeFields(notice_to=MONDAY.date()), errors.CannotAmend, "fields.notice_to"),
        ("PR1-01", NodeFields(budget_fen=100_00), errors.FieldsMissing, "fields"),
        ("PR1-01", NodeFields(budget_fen=None), errors.FieldsMissing, "fields.budget_fen"),
        ("PR1-01", NodeFields(budget_fen=-1), errors.FieldsUnsound, "fields.budget_fen"),
        ("PR1-04", NodeFields(accepted=False), errors.NotApproved, "fields.accepted"),
        ("PR1-05", CHEAPER, errors.CannotAmend, None),
    ],
)
def test_what_is_not_amended(node: str, fields: NodeFields, kind: type[Problem], field: str | None) -> None:
    case, events = walked("PR1-05")
    refused(kind, field, lambda: amended(case, events, node, fields=fields, by=ANYBODY))


def test_an_amendment_needs_a_reason_and_a_node_of_the_flow() -> None:
    case, events = walked("PR1-02")
    refused(errors.ReasonMissing, "reason", lambda: amended(case, events, "PR1-01", reason=" "))
    refused(errors.NoSuchNode, None, lambda: amended(case, events, "PR1-77"))


def test_what_a_case_is_about_in_money_follows_the_last_form_not_the_last_amendment() -> None:
    case, events = walked("PR1-02")
    _, event = amended(case, events, None, fields=NodeFields(estimate_fen=5))
    forms = [each.fields for each in told([*events, event]).values()]
    assert CaseChange(case, [event], (), forms=forms).amount_fen == 100_00
    assert CaseChange(case, [event], ()).amount_fen is None


def test_an_amendment_of_what_was_done_anew_since_changes_nothing() -> None:
    case, events = walked("PR1-02")
    _, event = amended(case, events, "PR1-01")
    back, returned = case.send_back(flow("PR1"), to_node="PR1-01", reason="缺件", by=HEAD, now=MONDAY)
    _, anew = completed(back)
    assert told([*events, returned, anew, event])["PR1-01"].fields == filled(flow("PR1").first.form)
