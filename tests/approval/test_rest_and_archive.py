"""A case that rests, and one that is archived: who may, when, what its terms become, and what it takes then."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval import errors
from services.approval.archive import seal
from services.approval.cases import Actions, Case, RoleHolder
from services.approval.changes import waits_for
from shared.workdays import SHANGHAI
from tests.approval.test_cases import ANYBODY, LI, MONDAY, NOTHING, completed, flow, opened, refused

HEAD = RoleHolder("p:wang", "王书记", frozenset({"village_head"}))
KEEPER = RoleHolder("p:zhang", "章会计", frozenset({"seal_keeper"}))
DIGEST = "d" * 64


def suspended(case: Case, now: datetime = MONDAY) -> Case:
    return case.suspend(flow(case.flow), reason="等待评估", until=None, by=LI, now=now)[0]


def closed(code: str) -> Case:
    case, now = opened(code)[0], MONDAY
    while case.node:
        now = max(now, case.notice_ends_at or now)
        case = completed(case, now=now)[0]
    return case


def day(moment: datetime | None) -> date:
    assert moment
    return (moment - timedelta(seconds=1)).astimezone(SHANGHAI).date()


def test_a_rest_tells_why_and_until_when_and_nobody_is_waited_for() -> None:
    case = opened("PR1")[0]
    assert waits_for(flow("PR1"), case)
    rests, event = case.suspend(flow("PR1"), reason=" 等待评估 ", until=date(2026, 3, 9), by=LI, now=MONDAY)
    assert (event.node, event.reason, event.until, event.actor.role) == (
        "PR1-01",
        "等待评估",
        date(2026, 3, 9),
        "handler",
    )
    assert (rests.due_at, rests.suspended_at, waits_for(flow("PR1"), rests)) == (None, MONDAY, [])
    assert rests.actions(flow("PR1"), LI, MONDAY) == Actions(withdraw=True, resume=True)
    assert Case.from_state(rests.to_state()) == rests


def test_it_rests_and_goes_on_by_the_handler_or_by_whose_turn_it_is() -> None:
    of, case = flow("PR1"), completed(opened("PR1")[0])[0]
    assert case.suspend(of, reason="等待评估", until=None, by=HEAD, now=MONDAY)[1].actor.role == "village_head"
    refused(errors.RoleMissing, None, lambda: case.suspend(of, reason="等待", until=None, by=KEEPER, now=MONDAY))
    refused(errors.RoleMissing, None, lambda: suspended(case).resume(of, by=KEEPER, now=MONDAY))
    assert not case.actions(of, KEEPER, MONDAY).suspend
    assert not suspended(case).actions(of, KEEPER, MONDAY).resume


def test_a_rest_needs_a_reason_and_a_day_to_come() -> None:
    of, case = flow("PR1"), opened("PR1")[0]
    refused(errors.ReasonMissing, "reason", lambda: case.suspend(of, reason=" ", until=None, by=LI, now=MONDAY))
    past = date(2026, 3, 1)
    refused(errors.FieldsUnsound, "until", lambda: case.suspend(of, reason="等待", until=past, by=LI, now=MONDAY))


def test_nothing_is_done_to_a_case_that_rests_but_to_withdraw_it() -> None:
    of = flow("PR1")
    case = suspended(completed(opened("PR1")[0])[0])
    refused(errors.CaseRests, None, lambda: completed(case))
    refused(errors.CaseRests, None, lambda: case.send_back(of, to_node="PR1-01", reason="x", by=ANYBODY, now=MONDAY))
    refused(errors.CaseRests, None, lambda: suspended(case))
    refused(
        errors.CaseRests,
        None,
        lambda: case.record(of, node="PR1-02", by=LI, fields=NOTHING, documents=(), occurred_at=MONDAY, now=MONDAY),
    )
    ended, _ = case.withdraw(of, reason="不办了", by=LI, now=MONDAY)
    assert (ended.status, ended.suspended_at) == ("withdrawn", None)
    refused(errors.CaseNotOpen, None, lambda: ended.resume(of, by=LI, now=MONDAY))
    refused(errors.CaseRestsNot, None, lambda: opened("PR1")[0].resume(of, by=LI, now=MONDAY))


WITH_TERM = [
    (node.code, node.term.unit) for code in ("PR1", "EN2", "SE1") for node in flow(code).nodes[:1] if node.term
]


@pytest.mark.parametrize(("code", "unit"), WITH_TERM)
def test_a_term_ends_later_by_the_days_of_the_rest(code: str, unit: str) -> None:
    case = opened(code[:3])[0]
    back, event = suspended(case).resume(flow(code[:3]), by=LI, now=MONDAY + timedelta(days=7))
    assert event.suspended_at == MONDAY
    assert event.next_due_at == back.due_at
    # A week has five working days; a term that ends on a working day ends a week later in either unit.
    assert day(back.due_at) - day(case.due_at) == timedelta(days=7), unit
    assert (back.suspended_at, back.rests) == (None, ((MONDAY, MONDAY + timedelta(days=7)),))
    assert Case.from_state(back.to_state()) == back


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=4))
def test_rests_never_bring_a_term_nearer(rests: list[tuple[int, int]]) -> None:
    case, now = opened("PR1")[0], MONDAY
    for before, length in rests:
        due = case.due_at
        now += timedelta(hours=before)
        case = suspended(case, now)
        now += timedelta(hours=length)
        case, event = case.resume(flow("PR1"), by=LI, now=now)
        assert case.due_at == event.next_due_at
        assert due is None or (case.due_at is not None and case.due_at >= due)


def test_a_closed_case_is_archived_once_by_a_handler() -> None:
    case = closed("PR1")
    now = case.last_at
    assert replace(case.actions(flow("PR1"), LI, now), amend=(), amend_opening=False) == Actions(archive=True)
    refused(
        errors.RoleMissing,
        None,
        lambda: case.archive(archive_no=None, documents=2, digest=DIGEST, by=HEAD, now=now),
    )
    kept, event = case.archive(archive_no=" DA-17 ", documents=2, digest=DIGEST, by=LI, now=now)
    assert (kept.archive_no, event.archive_no, event.documents, kept.status) == ("DA-17", "DA-17", 2, "closed")
    assert case.archive(archive_no="", documents=2, digest=DIGEST, by=LI, now=now)[0].archive_no == case.case_no
    assert kept.actions(flow("PR1"), ANYBODY, now) == Actions()
    assert Case.from_state(kept.to_state()) == kept
    refused(
        errors.AlreadyArchived,
        None,
        lambda: kept.archive(archive_no=None, documents=2, digest=DIGEST, by=LI, now=now),
    )
    refused(
        errors.AlreadyArchived,
        None,
        lambda: kept.record(flow("PR1"), node="PR1-02", by=LI, fields=NOTHING, documents=(), occurred_at=now, now=now),
    )


def test_only_a_closed_case_is_archived() -> None:
    case = opened("PR1")[0]
    refused(
        errors.CaseNotClosed,
        None,
        lambda: case.archive(archive_no=None, documents=0, digest=DIGEST, by=LI, now=MONDAY),
    )


def test_a_seal_counts_papers_once_and_changes_with_anything_in_the_log() -> None:
    paper = {"kind": "contract", "sha256": "a" * 64, "name": "合同.pdf", "size": 1}
    log: list[dict[str, Any]] = [
        {"sequence": 1, "fields": {"item": "桌椅"}},
        {"documents": [paper]},
        {"documents": [paper]},
    ]
    count, digest = seal(log)
    assert count == 1
    assert digest == seal([dict(reversed(entry.items())) for entry in log])[1]
    assert digest != seal([{"sequence": 1, "fields": {"item": "桌子"}}, *log[1:]])[1]
    assert digest != seal(log[:-1])[1]
    assert seal([*log, {"documents": 1, "archive_no": "DA-17"}])[0] == 1


def test_a_case_kept_before_there_were_rests_is_still_read() -> None:
    state = opened("PR1")[0].to_state()
    for name in ("suspended_at", "suspended_until", "rests", "archive_no", "filed_by"):
        del state[name]
    assert Case.from_state(state) == opened("PR1")[0]
    assert datetime.fromisoformat(state["opened_at"]).astimezone(UTC) == MONDAY
