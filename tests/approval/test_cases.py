"""What a case may do: the walk through every flow, each refusal with its field, and what always holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.approval import errors
from services.approval.cases import Actions, Case, RoleHolder
from services.approval.changes import waits_for
from services.approval.fields import all_fields
from services.approval.flows import Flow, FormUse, Node, load
from services.approval.told import told_now
from shared.contracts.power import (
    Ballot,
    Bid,
    BillLine,
    CaseOpened,
    DocumentRef,
    NodeCompleted,
    NodeFields,
    PowerEvent,
    Worker,
)
from shared.problems import Problem
from shared.workdays import SHANGHAI

FLOWS = tuple(load().flows.values())
VILLAGE, TOWN = "330421103201", "330421103000"
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)
LI = RoleHolder("p:li", "李明", frozenset({"handler"}))
ANYBODY = RoleHolder("p:all", "王芳", frozenset(load().roles))
NOTHING = NodeFields()
SAMPLES: dict[str, Any] = {
    "text": "文字",
    "long": "几行文字",
    "money": 100_00,
    "number": 2.5,
    "integer": 3,
    "date": date(2026, 3, 2),
    "yes_no": True,
    "names": ("张强",),
    "bids": (Bid(company_id="91330421MA2", company_name="某公司", price_fen=100_00),),
    "workers": (Worker(person_key="p:1", name="陈", days=1, wage_fen=160_00),),
    "bill": (BillLine(name="水泥", quantity=1, unit_price_fen=100_00, amount_fen=100_00),),
    "id_no": "p:hash",
    "account_no": "a:hash",
}

# What the branches of the flows go by, on either side.
ANSWERS: tuple[dict[str, Any], ...] = (
    {},
    {"change_fen": 1},
    {"change_fen": 10_000_00},
    {"major": False},
    {"major": True},
)


def _asked(use: FormUse) -> bool:
    return (use.required and not use.when) or use.required_when is not None


def filled(form: tuple[FormUse, ...], now: datetime = MONDAY, **changes: Any) -> NodeFields:
    """The fields of a form that it requires, or may; a notice is posted today."""
    values = {use.name: SAMPLES[all_fields()[use.name].kind] for use in form if _asked(use)}
    if "notice_from" in values:
        values["notice_from"] = now.astimezone(SHANGHAI).date()
    if "attendees_due" in values:
        values |= {"attendees_due": 4} | {name: 0 for name in ("votes_against",) if name in values}
    return NodeFields(**(values | changes))


def papers(node: Node) -> tuple[DocumentRef, ...]:
    """The required papers of a node."""
    return tuple(DocumentRef(kind=kind, sha256="a" * 64, name="a.pdf", size=1) for kind in node.required_documents)


def ballots(node: Node) -> tuple[Ballot, ...]:
    """As many votes in favour as a node needs whose members vote, and no more."""
    voters = [place.role for place in (node.joint.places if node.joint else ()) for _ in range(place.least)]
    return tuple(
        Ballot(person_key=f"p:{number}", name="委员", vote="for", cast_at=MONDAY, role=role)
        for number, role in enumerate(voters)
    )


def flow(code: str) -> Flow:
    return load().flow(code)


def opened(
    code: str, by: RoleHolder = ANYBODY, now: datetime = MONDAY, title: str = "采购", **changes: Any
) -> tuple[Case, CaseOpened]:
    """A new case."""
    return Case.open(
        flow(code),
        case_id="0191",
        case_no="PR-2026-1",
        title=title,
        village_code=VILLAGE,
        by=by,
        fields=filled(flow(code).form, **changes),
        now=now,
    )


def completed(
    case: Case, by: RoleHolder = ANYBODY, now: datetime = MONDAY, **changes: Any
) -> tuple[Case, NodeCompleted]:
    """The present node, or the one that `changes` name, completed with all it asks for unless they say otherwise."""
    of = flow(case.flow)
    assert case.node
    at = of.node(changes.get("node", case.node))
    if at.by_ballot and at.code not in case.ballots:
        case = replace(case, ballots={**case.ballots, at.code: ballots(at)})
    asked: dict[str, Any] = {"node": at.code, "fields": filled(at.form, now), "documents": papers(at)} | changes
    return case.complete(of, by=by, now=now, **asked)


def at(code: str) -> tuple[Case, datetime]:
    """A case that waits at this node, and when."""
    case, now = opened(code[:3])[0], MONDAY
    while case.node != code:
        now = case.actions(flow(case.flow), ANYBODY, now).waits_until or now
        case, _ = completed(case, now=now)
    return case, now


@pytest.mark.parametrize("of", FLOWS, ids=lambda of: of.code)
def test_every_flow_walks_from_opening_to_close(of: Flow) -> None:
    case, event = opened(of.code)
    now, seen = MONDAY, list[str]()
    assert event.next_node == of.first.code
    while case.node:
        now = max(now, case.notice_ends_at or now) + timedelta(hours=1)
        seen.append(case.node)
        filed = case.sequence
        assert case.due_at
        assert case.due_at > now
        case, done = completed(case, now=now)
        assert (done.node, done.next_node, done.sequence) == (seen[-1], case.node, case.sequence)
        seen += done.left_out
        assert done.required_documents == of.node(done.node).required_documents
    assert seen == [node.code for node in of.nodes]
    assert (case.status, case.due_at, case.node_since) == ("closed", None, None)
    assert case.sequence == len(case.completed) + 1 == filed + 1


def test_opening_tells_who_where_and_what_is_next() -> None:
    case, event = opened("PR1", by=LI)
    assert (case.status, case.node, case.town_code, case.opened_by) == ("open", "PR1-01", TOWN, LI.person_key)
    assert event.actor.role == "handler"
    assert (event.sequence, event.matter, event.flow_version) == (1, "PR", 1)
    # One working day: to the end of Tuesday in Shanghai.
    assert event.next_due_at == datetime(2026, 3, 3, 16, tzinfo=UTC)


@pytest.mark.parametrize("role", ["handler", "applicant", "reporting_clerk", "village_head"])
def test_who_may_open(role: str) -> None:
    assert opened("EN1", by=replace(LI, roles=frozenset({role})))[1].actor.role == role


def test_the_role_of_the_first_node_may_open_too() -> None:
    office = replace(LI, roles=frozenset({"town_civil_affairs"}))
    assert opened("RE1", by=office)[1].actor.role == "town_civil_affairs"
    with pytest.raises(errors.RoleMissing):
        opened("PR1", by=office)


def refused(kind: type[Problem], field: str | None, act: Callable[[], Any]) -> Problem:
    """The refusal, which must be of this kind and name this field."""
    with pytest.raises(kind) as told:
        act()
    assert [error.field for error in told.value.errors] == ([field] if field else [])
    assert told.value.detail_zh
    assert told.value.detail_en
    return told.value


def test_opening_needs_a_title_and_the_form() -> None:
    def attempt(title: str, fields: NodeFields) -> None:
        Case.open(
            flow("PR1"),
            case_id="1",
            case_no="1",
            title=title,
            village_code=VILLAGE,
            by=LI,
            fields=fields,
            now=MONDAY,
        )

    form = flow("PR1").form
    refused(errors.FieldsMissing, "title", lambda: attempt("  ", filled(form)))
    refused(errors.FieldsMissing, "fields.estimate_fen", lambda: attempt("采购", filled(form, estimate_fen=None)))
    refused(errors.FieldsMissing, "fields.item", lambda: attempt("采购", filled(form, item=" ")))
    refused(errors.FieldsUnsound, "fields.estimate_fen", lambda: attempt("采购", filled(form, estimate_fen=-1)))


def test_only_the_present_node_is_completed() -> None:
    case, _ = opened("PR1")
    refused(errors.WrongNode, None, lambda: completed(case, node="PR1-02"))
    refused(errors.NoSuchNode, None, lambda: completed(case, node="PR1-77"))


def test_the_node_is_for_its_role() -> None:
    case, _ = at("PR1-02")
    told = refused(errors.RoleMissing, None, lambda: completed(case, by=LI))
    assert "村书记/主任" in told.detail_zh


def test_the_handler_files_for_an_outsider_and_it_shows() -> None:
    case, _ = at("EN5-01")
    _, event = completed(case, by=LI)
    assert event.actor.role == "handler"
    contractor = replace(LI, roles=frozenset({"contractor", "handler"}))
    assert completed(case, by=contractor)[1].actor.role == "contractor"


def test_required_fields_and_papers() -> None:
    case, now = at("PR1-05")
    form = flow("PR1").node("PR1-05").form
    short = filled(form, payee_account_key=None)
    told = refused(errors.FieldsMissing, "fields.payee_account_key", lambda: completed(case, now=now, fields=short))
    assert "收款账号" in told.detail_zh
    some = papers(flow("PR1").node("PR1-05"))[1:]
    told = refused(errors.DocumentsMissing, "documents.invoice", lambda: completed(case, now=now, documents=some))
    assert "发票" in told.detail_zh


def test_fields_and_papers_beyond_those_asked_for_are_kept() -> None:
    case, _ = opened("PR1")
    more = (*papers(flow("PR1").first), DocumentRef(kind="quotes", sha256="b" * 64, name="b.pdf", size=1))
    _, event = completed(case, documents=more, fields=filled(flow("PR1").first.form, risk_note="急"))
    assert event.fields.risk_note == "急"
    assert {paper.kind for paper in event.documents} == {"purchase_request", "quotes"}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("payment_fen", {"payment_fen": -1}),
        ("copies", {"copies": -1}),
        ("bids", {"bids": (SAMPLES["bids"][0].model_copy(update={"price_fen": -1}),)}),
        ("workers", {"workers": (SAMPLES["workers"][0].model_copy(update={"days": -1.0}),)}),
        ("lease_to", {"lease_to": date(9999, 12, 31)}),
        ("lease_to", {"lease_from": date(2026, 3, 2), "lease_to": date(2026, 3, 1)}),
        ("finished_on", {"started_on": date(2026, 3, 2), "finished_on": date(2026, 3, 1)}),
    ],
)
def test_fields_that_cannot_be_true(field: str, changes: dict[str, Any]) -> None:
    case, _ = opened("PR1")
    fields = filled(flow("PR1").first.form, **changes)
    refused(errors.FieldsUnsound, f"fields.{field}", lambda: completed(case, fields=fields))


def test_a_step_too_large_to_be_published_is_refused_with_its_largest_field() -> None:
    case, _ = opened("PR1")
    one = SAMPLES["workers"][0].model_copy(update={"name": "陈" * 40})
    form = flow("PR1").first.form
    completed(case, fields=filled(form, workers=(one,) * 1000))
    told = refused(
        errors.FieldsUnsound, "fields.workers", lambda: completed(case, fields=filled(form, workers=(one,) * 2000))
    )
    assert "256 KiB" in told.detail_zh
    assert "256" in told.detail_en


def test_an_opening_too_large_to_be_published_is_refused() -> None:
    bids = SAMPLES["bids"] * 4000
    refused(errors.FieldsUnsound, "fields.bids", lambda: opened("PR1", bids=bids))


@pytest.mark.parametrize("hidden", ["\x07", "\x1b", "\u202e", "\u2067"])
def test_titles_and_reasons_hold_nothing_invisible(hidden: str) -> None:
    case, now = at("PR1-03")
    of, why = flow("PR1"), f"缺{hidden}件"
    refused(errors.FieldsUnsound, "title", lambda: opened("PR1", title=why))
    refused(errors.FieldsUnsound, "reason", lambda: case.send_back(of, to_node="PR1-01", reason=why, by=LI, now=now))
    refused(errors.FieldsUnsound, "reason", lambda: case.withdraw(of, reason=why, by=LI, now=now))


def test_a_change_may_take_money_away() -> None:
    case, _ = at("EN5-01")
    assert completed(case, fields=filled(flow("EN5").first.form, change_fen=-5))[1].fields.change_fen == -5


@pytest.mark.parametrize(("code", "field"), [("PR1-02", "approved"), ("PR1-04", "accepted")])
def test_a_no_carries_no_case_on(code: str, field: str) -> None:
    case, now = at(code)
    no = filled(flow("PR1").node(code).form).model_copy(update={field: False})
    refused(errors.NotApproved, f"fields.{field}", lambda: completed(case, now=now, fields=no))


def test_whoever_decides_may_end_a_refused_case() -> None:
    case, now = at("PR1-02")
    head = RoleHolder("p:head", "赵", frozenset({"village_head"}))
    ended, event = case.withdraw(flow("PR1"), reason="不同意", by=head, now=now)
    assert (ended.status, event.node, event.actor.role) == ("withdrawn", "PR1-02", "village_head")
    late, now = at("PR1-03")
    refused(errors.RoleMissing, None, lambda: late.withdraw(flow("PR1"), reason="不同意", by=head, now=now))


def test_a_notice_holds_the_next_node_until_it_has_run() -> None:
    case, now = at("PR2-03")
    assert case.due_at == datetime(2026, 3, 4, 16, tzinfo=UTC) + timedelta(days=3)
    case, event = completed(case, now=now)
    ends = datetime(2026, 3, 5, 16, tzinfo=UTC)  # posted on Monday, three days: to the end of Thursday
    assert event.notice_ends_at == case.notice_ends_at == case.node_since == ends
    assert event.next_due_at == datetime(2026, 3, 13, 16, tzinfo=UTC)  # five working days after Friday's midnight
    refused(errors.NoticeRunning, None, lambda: completed(case, now=ends - timedelta(seconds=1)))
    assert case.actions(flow("PR2"), LI, now).waits_until == ends
    case, event = completed(case, now=ends)
    assert (event.notice_ends_at, case.notice_ends_at) == (None, None)


def test_a_longer_notice_ends_later() -> None:
    case, now = at("PR2-03")
    form = flow("PR2").node("PR2-03").form
    _, event = completed(case, now=now, fields=filled(form, now, notice_to=date(2026, 3, 8)))
    assert event.notice_ends_at == datetime(2026, 3, 8, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"notice_from": date(2026, 3, 1)}, "notice_from"),
        ({"notice_from": date(2026, 3, 3)}, "notice_from"),
        ({"notice_to": date(2026, 3, 4)}, "notice_to"),
        ({"notice_to": date(2026, 3, 1)}, "notice_to"),
    ],
)
def test_a_notice_begins_in_its_turn_and_is_not_cut_short(changes: dict[str, date], field: str) -> None:
    case, now = at("PR2-03")
    fields = filled(flow("PR2").node("PR2-03").form, now, **changes)
    refused(errors.FieldsUnsound, f"fields.{field}", lambda: completed(case, now=now, fields=fields))


def test_a_term_may_count_from_an_earlier_node() -> None:
    case, _ = completed(opened("RE1")[0])
    for day in range(1, 5):
        case, event = completed(case, now=MONDAY + timedelta(days=day))
    assert (case.node, event.node) == ("RE1-06", "RE1-05")
    assert case.due_at == datetime(2026, 3, 23, 16, tzinfo=UTC)  # 15 working days after RE1-01, not after RE1-05


def test_sending_back_opens_the_earlier_node_again() -> None:
    case, now = at("PR1-03")
    later = now + timedelta(days=1)
    back, event = case.send_back(flow("PR1"), to_node="PR1-01", reason=" 预算不清 ", by=LI, now=later)
    assert (back.node, back.node_since, dict(back.completed)) == ("PR1-01", later, {})
    assert (event.node, event.to_node, event.reason) == ("PR1-03", "PR1-01", "预算不清")
    assert event.next_due_at == back.due_at == datetime(2026, 3, 4, 16, tzinfo=UTC)


def test_an_objection_sends_back_while_the_notice_runs() -> None:
    case, now = at("PR2-03")
    case, _ = completed(case, now=now)
    back, _ = case.send_back(flow("PR2"), to_node="PR2-02", reason="有异议", by=LI, now=now)
    assert (back.node, back.notice_ends_at) == ("PR2-02", None)


def test_sending_back_is_refused() -> None:
    case, now = at("PR1-03")

    def attempt(to_node: str = "PR1-01", reason: str = "缺件", by: RoleHolder = LI) -> None:
        case.send_back(flow("PR1"), to_node=to_node, reason=reason, by=by, now=now)

    refused(errors.CannotSendBack, "to_node", lambda: attempt(to_node="PR1-03"))
    refused(errors.CannotSendBack, "to_node", lambda: attempt(to_node="PR1-05"))
    refused(errors.NoSuchNode, None, lambda: attempt(to_node="EN1-01"))
    refused(errors.ReasonMissing, "reason", lambda: attempt(reason=" "))
    refused(errors.RoleMissing, None, lambda: attempt(by=replace(LI, roles=frozenset({"seal_keeper"}))))


def test_withdrawing_is_for_the_opener_and_the_handler() -> None:
    opener = RoleHolder("p:villager", "孙", frozenset({"applicant"}))
    case, _ = opened("SE1", by=opener)
    assert case.withdraw(flow("SE1"), reason="不办了", by=opener, now=MONDAY)[1].actor.role == "applicant"
    assert case.withdraw(flow("SE1"), reason="不办了", by=LI, now=MONDAY)[1].actor.role == "handler"
    other = replace(opener, person_key="p:other")
    refused(errors.RoleMissing, None, lambda: case.withdraw(flow("SE1"), reason="不办了", by=other, now=MONDAY))
    refused(errors.ReasonMissing, "reason", lambda: case.withdraw(flow("SE1"), reason="", by=LI, now=MONDAY))


def recorded(
    case: Case, node: str, when: datetime, now: datetime | None = None, fields: NodeFields = NOTHING
) -> tuple[Case, NodeCompleted]:
    """A node of an existing record."""
    return case.record(
        flow(case.flow),
        node=node,
        by=LI,
        fields=fields,
        documents=(),
        occurred_at=when,
        now=now or MONDAY + timedelta(days=365),
    )


def test_the_opening_of_a_record_is_taken_as_it_was() -> None:
    def attempt(now: datetime) -> tuple[Case, CaseOpened]:
        return Case.record_opening(
            flow("PR1"),
            case_id="1",
            case_no="旧-1",
            title="采购",
            village_code=VILLAGE,
            by=replace(LI, roles=frozenset()),
            fields=NOTHING,
            occurred_at=MONDAY,
            now=now,
        )

    case, event = attempt(MONDAY)
    assert (case.opened_at, event.occurred_at, event.actor.role) == (MONDAY, MONDAY, "handler")
    refused(errors.TimeUnsound, "occurred_at", lambda: attempt(MONDAY - timedelta(seconds=1)))


def test_records_out_of_order_are_taken_and_marked() -> None:
    case, _ = opened("PR1")
    case, first = recorded(case, "PR1-01", MONDAY)
    assert (first.expected_node, first.backfilled, first.next_node) == (None, True, "PR1-02")
    case, paid = recorded(case, "PR1-05", MONDAY + timedelta(days=1), fields=NodeFields(payment_fen=1))
    assert (paid.expected_node, paid.due_at, paid.next_node) == ("PR1-02", None, "PR1-06")
    case, late = recorded(case, "PR1-02", MONDAY + timedelta(days=2))
    assert (late.expected_node, late.next_node) == ("PR1-06", "PR1-06")
    case, last = recorded(case, "PR1-06", MONDAY + timedelta(days=3))
    assert (last.expected_node, last.next_node, case.status) == (None, None, "closed")
    case, after = recorded(case, "PR1-04", MONDAY + timedelta(days=4))
    assert (after.expected_node, after.sequence, case.status) == ("PR1-03", 6, "closed")


def test_a_recorded_notice_says_how_long_it_had_to_run() -> None:
    case, _ = opened("PR2")
    short = NodeFields(notice_from=date(2026, 3, 3), notice_to=date(2026, 3, 4))
    _, event = recorded(case, "PR2-03", MONDAY + timedelta(days=9), fields=short)
    assert event.notice_ends_at == datetime(2026, 3, 6, 16, tzinfo=UTC)
    _, undated = recorded(case, "PR2-03", MONDAY)
    assert undated.notice_ends_at == datetime(2026, 3, 5, 16, tzinfo=UTC)


def test_nonsense_records_are_refused() -> None:
    case, _ = opened("PR1")
    early, late = MONDAY - timedelta(seconds=1), MONDAY + timedelta(seconds=1)
    refused(errors.TimeUnsound, "occurred_at", lambda: recorded(case, "PR1-01", early))
    refused(errors.TimeUnsound, "occurred_at", lambda: recorded(case, "PR1-01", late, now=MONDAY))
    refused(errors.NoSuchNode, None, lambda: recorded(case, "PR1-77", MONDAY))
    far = NodeFields(notice_from=date(9999, 12, 31))
    refused(errors.FieldsUnsound, "fields.notice_from", lambda: recorded(case, "PR1-06", MONDAY, fields=far))
    ended, _ = case.withdraw(flow("PR1"), reason="不办了", by=LI, now=MONDAY)
    refused(errors.CaseNotOpen, None, lambda: recorded(ended, "PR1-01", MONDAY))


def test_what_a_caller_may_do() -> None:
    case, now = at("PR1-03")
    of = flow("PR1")
    assert case.actions(of, LI, now) == Actions(
        True,
        None,
        ("PR1-01", "PR1-02"),
        withdraw=True,
        suspend=True,
        amend=("PR1-01",),
        amend_opening=True,
        complete_at=("PR1-03",),
    )
    assert case.actions(of, RoleHolder("p:x", "外", frozenset({"seal_keeper"})), now) == Actions()
    ended, _ = case.withdraw(of, reason="不办了", by=LI, now=now)
    assert ended.actions(of, LI, now) == Actions()


@settings(deadline=None)
@given(st.data())
def test_whatever_is_allowed_keeps_the_case_sound(data: st.DataObject) -> None:
    of = data.draw(st.sampled_from(FLOWS))
    (case, first), now = opened(of.code), MONDAY
    events: list[PowerEvent] = [first]
    for sequence in range(2, 30):
        now += timedelta(hours=data.draw(st.integers(0, 100)))
        may = case.actions(of, ANYBODY, now)
        moves = [*["complete"] * (5 * may.complete), *["back"] * bool(may.send_back_to), *["withdraw"] * may.withdraw]
        moves += [*["suspend"] * may.suspend, *["resume"] * may.resume, *["amend"] * bool(may.amend)]
        if not moves:
            break
        before = case
        event: PowerEvent
        match data.draw(st.sampled_from(moves)):
            case "complete":
                case, event = completed(case, now=now, node=data.draw(st.sampled_from(may.complete_at)))
                began = before.turn_at(event.node)
                assert began
                assert (event.started_at, event.due_at, event.expected_node) == (began.since, began.due_at, None)
                assert waits_in(event.next_node, event) == [turn.node for turn in case.turns]
                assert not any(case.asks(of, of.node(code)) for code in event.left_out)
            case "back":
                to_node = data.draw(st.sampled_from(may.send_back_to))
                case, event = case.send_back(of, to_node=to_node, reason="缺件", by=ANYBODY, now=now)
                assert {turn.node for turn in case.turns} == {*waits_in(to_node, event)}
                assert set(case.completed) <= set(before.completed) - {to_node}
            case "withdraw":
                case, event = case.withdraw(of, reason="不办了", by=ANYBODY, now=now)
            case "suspend":
                case, event = case.suspend(of, reason="等待评估", until=None, by=ANYBODY, now=now)
                assert [replace(turn, due_at=None) for turn in before.turns] == list(case.turns)
                rests_and_takes_nothing(case, of, now)
            case "resume":
                case, event = case.resume(of, by=ANYBODY, now=now)
                assert [turn.node for turn in case.turns] == [turn.node for turn in before.turns]
                assert (waits_in(event.node, event)[0], case.completed) == (event.node, before.completed)
            case "amend":
                node = data.draw(st.sampled_from(may.amend))
                told = told_now((each.TYPE, each.model_dump(mode="json")) for each in events)[node]
                right = NodeFields(risk_note=f"更正 {sequence}", **data.draw(st.sampled_from(ANSWERS)))
                case, event = case.amend(of, node=node, told=told, fields=right, reason="写错", by=ANYBODY, now=now)
                assert case.status == before.status
                assert event.to_node is None or case.turn_at(event.to_node)
                assert event.to_node is None or of.node(event.to_node).order > of.node(node).order
                # What was passed over is asked for behind the decision that is made anew, or it still isn't.
                assert case.node is None or not [
                    each
                    for each in of.nodes
                    if each.turn < of.node(case.node).turn and each.code not in case.completed and case.asks(of, each)
                ]
        events.append(event)
        assert case.sequence == event.sequence == sequence
        assert Case.from_state(case.to_state()) == case
        if case.node:
            joined_soundly(case, of)
    if case.status != "open":
        takes_nothing(case, of, now)


def waits_in(first: str | None, event: Any) -> list[str]:
    """The nodes that an event says wait after it."""
    return [*([first] if first else []), *(waiting.node for waiting in event.also_waiting)]


def joined_soundly(case: Case, of: Flow) -> None:
    """All that is asked for before the present turn is done, nothing behind it is, and in it each is done or waits."""
    present = of.node(case.node or "").turn
    asked = [node for node in of.nodes if node.turn <= present and case.asks(of, node)]
    here, waits = {node.code for node in asked if node.turn == present}, {turn.node for turn in case.turns}
    assert set(case.completed) == set(case.filed_by) == {node.code for node in asked} - waits
    assert waits <= here
    assert all(of.node(turn.node).term is None or turn.due_at for turn in case.turns) or case.suspended_at
    assert [wait.node for wait in waits_for(of, case)] == ([] if case.suspended_at else [t.node for t in case.turns])


@settings(deadline=None)
@given(st.data())
def test_times_never_run_backwards_though_clocks_differ(data: st.DataObject) -> None:
    of = data.draw(st.sampled_from(FLOWS))
    (case, first), now = opened(of.code), MONDAY
    event: PowerEvent = first
    times = [event.occurred_at]
    for _ in range(2, 12):
        now += timedelta(hours=data.draw(st.integers(0, 100)))
        late = now - timedelta(minutes=data.draw(st.integers(0, 10_000)))
        may = case.actions(of, ANYBODY, late)
        back: bool = data.draw(st.booleans())
        if back and may.send_back_to:
            case, event = case.send_back(of, to_node=may.send_back_to[-1], reason="缺件", by=ANYBODY, now=late)
        elif may.complete and case.node:
            form = filled(of.node(case.node).form, max(late, case.last_at))
            case, event = completed(case, now=late, fields=form)
        else:
            continue
        times.append(event.occurred_at)
        assert case.last_at == event.occurred_at == max(late, times[-2])
    if case.status == "open":
        case, event = case.withdraw(of, reason="不办了", by=ANYBODY, now=MONDAY)
        times.append(event.occurred_at)
    assert times == sorted(times)


def test_an_old_record_found_late_does_not_turn_the_clock_back() -> None:
    case, _ = opened("PR1")
    case, last = recorded(case, "PR1-02", MONDAY + timedelta(days=3))
    case, found = recorded(case, "PR1-01", MONDAY + timedelta(days=1))
    assert found.occurred_at < last.occurred_at == case.last_at
    _, live = completed(case, now=MONDAY + timedelta(days=2))
    assert live.occurred_at == last.occurred_at


def takes_nothing(case: Case, of: Flow, now: datetime) -> None:
    """No move is left to a case that has ended."""
    node = of.first
    moves: list[Callable[[], Any]] = [
        lambda: case.complete(
            of, node=node.code, by=ANYBODY, fields=filled(node.form), documents=papers(node), now=now
        ),
        lambda: case.send_back(of, to_node=node.code, reason="缺件", by=ANYBODY, now=now),
        lambda: case.withdraw(of, reason="不办了", by=ANYBODY, now=now),
        lambda: case.suspend(of, reason="等待评估", until=None, by=ANYBODY, now=now),
        lambda: case.resume(of, by=ANYBODY, now=now),
    ]
    assert case.status == "closed" or case.actions(of, ANYBODY, now) == Actions()
    for move in moves:
        refused(errors.CaseNotOpen, None, move)


def rests_and_takes_nothing(case: Case, of: Flow, now: datetime) -> None:
    """A case that rests is neither carried on nor sent back."""
    assert case.node
    node = of.node(case.node)
    moves: list[Callable[[], Any]] = [
        lambda: case.complete(
            of, node=node.code, by=ANYBODY, fields=filled(node.form), documents=papers(node), now=now
        ),
        lambda: case.send_back(of, to_node=of.first.code, reason="缺件", by=ANYBODY, now=now),
        lambda: case.suspend(of, reason="等待评估", until=None, by=ANYBODY, now=now),
    ]
    for move in moves:
        refused(errors.CaseRests, None, move)


@settings(deadline=None)
@given(st.data())
def test_records_in_any_order_are_numbered_and_close_with_the_last_node(data: st.DataObject) -> None:
    of = data.draw(st.sampled_from(FLOWS))
    codes = [node.code for node in of.nodes]
    case, _ = opened(of.code)
    seen: list[str] = []
    for code in data.draw(st.lists(st.sampled_from(codes), max_size=20)):
        in_order = case.turn_at(code) is not None
        case, event = recorded(case, code, MONDAY + timedelta(hours=len(seen)))
        seen.append(code)
        assert event.sequence == case.sequence == len(seen) + 1
        assert not in_order or event.expected_node is None
        assert set(case.completed) == set(seen)
        assert (case.status == "closed") == (codes[-1] in seen)
        assert Case.from_state(case.to_state()) == case
