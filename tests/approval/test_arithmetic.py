"""What the papers of a case must say of each other: slips are refused, real excess wants a reason."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.approval import errors
from services.approval.arithmetic import REASON, Check, arithmetic, told
from services.approval.cases import Case
from services.approval.figures import STANDS_IN, figures_of
from services.approval.flows import load
from shared.contracts.power import BillLine, Grant, NodeFields, Payout, Worker
from shared.workdays import SHANGHAI
from tests.approval.test_cases import FLOWS, MONDAY, completed, filled, flow, opened, recorded, refused

TODAY = date(2026, 3, 2)
FEN = st.integers(0, 10**12)


def look(code: str, known: Mapping[str, Any] | None = None, **filed: Any) -> None:
    arithmetic().check(code, NodeFields(**filed), known or {}, TODAY)


def differs(field: str, act: Callable[[], Any]) -> None:
    """Refused for this field, with the room for a reason named beside it."""
    with pytest.raises(errors.PapersDiffer) as told:
        act()
    assert [error.field for error in told.value.errors] == [f"fields.{field}", f"fields.{REASON}"]
    assert told.value.detail_zh
    assert told.value.detail_en


IMPOSSIBLE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("EN2", {}, {"votes_for": 20, "votes_against": 5, "attendees_present": 24}, "votes_for"),
    ("EN2", {}, {"attendees_present": 31, "attendees_due": 30}, "attendees_present"),
    ("EN2", {"started_on": TODAY.toordinal()}, {"finished_on": TODAY - timedelta(days=1)}, "finished_on"),
    ("EN2", {}, {"meeting_on": TODAY, "contract_signed_on": TODAY + timedelta(days=1)}, "contract_signed_on"),
    ("RE1", {}, {"household_size": 0}, "household_size"),
    ("SE1", {}, {"seal_diff_pct": 140.0}, "seal_diff_pct"),
]


@pytest.mark.parametrize(("code", "known", "filed", "field"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_with_a_reason_too(
    code: str, known: dict[str, Any], filed: dict[str, Any], field: str
) -> None:
    for reason in (None, "确实如此"):
        refused(errors.FieldsUnsound, f"fields.{field}", lambda r=reason: look(code, known, excess_reason=r, **filed))  # type: ignore[misc]


WORKER = Worker(person_key="p:1", name="陈", days=2, wage_fen=300_00, day_rate_fen=160_00)
LINE = BillLine(name="水泥", quantity=3, unit_price_fen=100_00, amount_fen=310_00)
PAID = Payout(person_key="p:1", name="陈", amount_fen=90_00)
LEASE: dict[str, Any] = {"annual_rent_fen": 12_000_00, "lease_from": date(2026, 1, 1), "lease_to": date(2028, 12, 31)}
DIFFERS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("EN2", {"budget_fen": 99}, {"award_fen": 100}, "award_fen"),
    ("PR3", {"ceiling_price_fen": 99}, {"award_fen": 100}, "award_fen"),
    ("EN2", {"award_fen": 99}, {"contract_fen": 100}, "contract_fen"),
    ("AS3", {"award_fen": 100}, {"contract_fen": 99}, "contract_fen"),
    ("AS1", {}, LEASE | {"contract_fen": 34_900_00}, "contract_fen"),
    ("AS1", {}, LEASE | {"contract_fen": 36_000_00, "rent_step_pct": 10.0}, "contract_fen"),
    ("EN3", {"contract_fen": 99}, {"subcontract_fen": 100}, "subcontract_fen"),
    ("EN3", {"contract_fen": 90, "approved_changes_fen": 9}, {"settlement_fen": 100}, "settlement_fen"),
    ("EN3", {"contract_fen": 100}, {"settlement_fen": 100, "submitted_fen": 99}, "settlement_fen"),
    ("PR1", {"award_fen": 99}, {"payment_fen": 100}, "payment_fen"),
    ("EN1", {"contract_fen": 200}, {"settlement_fen": 99, "payment_fen": 100}, "payment_fen"),
    ("EN1", {}, {"payment_fen": 100, "invoice_fen": 99}, "payment_fen"),
    ("PR4", {"payment_fen": 100}, {"settlement_fen": 99}, "settlement_fen"),
    ("RE2", {"relief_fen": 99}, {"payment_fen": 100}, "payment_fen"),
    ("RE3", {"granted_fen": 99}, {"payment_fen": 100}, "payment_fen"),
    ("LA1", {"wages_fen": 300_00}, {"payment_fen": 320_00}, "payment_fen"),
    ("LA1", {}, {"payment_fen": 100_00, "payouts": (PAID,)}, "payment_fen"),
    ("LA1", {}, {"workers": (WORKER,)}, "workers"),
    ("EN5", {}, {"bill": (LINE,)}, "bill"),
    ("EN5", {}, {"bill": (LINE.model_copy(update={"amount_fen": 300_00}),), "change_fen": 400_00}, "bill"),
    ("EN2", {"awarded_on": TODAY.toordinal()}, {"contract_signed_on": TODAY - timedelta(days=1)}, "contract_signed_on"),
    ("EN2", {"contract_signed_on": TODAY.toordinal()}, {"started_on": TODAY - timedelta(days=1)}, "started_on"),
]


@pytest.mark.parametrize(("code", "known", "filed", "field"), DIFFERS)
def test_real_excess_is_a_slip_until_a_reason_is_written(
    code: str, known: dict[str, Any], filed: dict[str, Any], field: str
) -> None:
    differs(field, lambda: look(code, known, **filed))
    differs(field, lambda: look(code, known, excess_reason=" ", **filed))
    look(code, known, excess_reason="招标文件允许的算术修正", **filed)


def test_every_check_has_its_case_here() -> None:
    cases = [("impossible", *each) for each in IMPOSSIBLE] + [("wants_reason", *each) for each in DIFFERS]
    told = set()
    for kind, code, known, filed, _ in cases:
        figures = {"today": TODAY.toordinal(), "one": 1, "hundred": 100, "yuan": 100, **known}
        figures |= figures_of(NodeFields(**filed))
        checks: tuple[Check, ...] = getattr(arithmetic(), kind)
        told |= {check.zh for check in checks if check.is_for(code) and not check.holds(figures)}
    bids = {"成交金额与成交单位的报价不一致", "成交单位没有报价", "完工(验收)早于合同签订"}
    assert {check.zh for check in (*arithmetic().impossible, *arithmetic().wants_reason)} - told <= bids


def bid_case(price: int, winner: str) -> dict[str, Any]:
    bids = [{"company_id": "A", "company_name": "甲", "price_fen": price}]
    return {"bids": bids, "supplier_id": winner, "award_fen": 100}


def test_an_award_is_what_its_bidder_offered() -> None:
    look("EN2", **bid_case(100, "A"))
    differs("award_fen", lambda: look("EN2", **bid_case(99, "A")))
    differs("supplier_id", lambda: look("EN2", **bid_case(100, "B")))
    look("EN2", award_fen=100, supplier_id="B")  # no bids told here


@given(award=FEN, below=FEN, changes=FEN, saved=FEN)
def test_papers_that_stay_within_each_other_pass(award: int, below: int, changes: int, saved: int) -> None:
    contract = max(0, award - below)
    settled = max(0, contract + changes - saved)
    look("EN3", {"award_fen": award}, contract_fen=contract)
    known = {"award_fen": award, "contract_fen": contract, "approved_changes_fen": changes}
    look("EN3", known, settlement_fen=settled, payment_fen=settled, invoice_fen=settled)


@given(contract=FEN, changes=FEN, over=st.integers(1, 10**12))
def test_a_single_fen_above_contract_and_changes_is_seen(contract: int, changes: int, over: int) -> None:
    known = {"contract_fen": contract, "approved_changes_fen": changes}
    settled = contract + changes + over
    differs("settlement_fen", lambda: look("EN3", known, settlement_fen=settled))


@given(lines=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10**6)), min_size=1, max_size=8))
def test_a_bill_and_a_sheet_that_add_up_pass(lines: list[tuple[int, int]]) -> None:
    bill = tuple(BillLine(name="甲", quantity=n, unit_price_fen=fen, amount_fen=n * fen) for n, fen in lines)
    total = sum(line.amount_fen for line in bill)
    look("EN5", bill=bill, change_fen=total)
    sheet = tuple(
        Worker(person_key=f"p:{i}", name="陈", days=n, wage_fen=n * fen, day_rate_fen=fen)
        for i, (n, fen) in enumerate(lines)
    )
    look("LA1", told(NodeFields(workers=sheet)), payment_fen=total)
    grants = tuple(Grant(person_key=f"p:{i}", name="陈", amount_fen=n) for i, (n, _) in enumerate(lines))
    look("RE3", told(NodeFields(grants=grants)), payment_fen=sum(n for n, _ in lines))


def test_a_lease_of_whole_months_is_rent_times_term() -> None:
    look("AS1", **LEASE, contract_fen=36_000_00)
    look("AS1", **LEASE, contract_fen=39_720_00, rent_step_pct=10.0)
    look("AS1", **(LEASE | {"lease_to": date(2026, 6, 30)}), contract_fen=6_000_00)


def awarded(code: str, award: int) -> Case:
    """A case of the flow behind its award."""
    case = opened(code)[0]
    now = MONDAY
    while not any("award_fen" in said for said in case.answers.values()):
        at = flow(code).node(case.node or "")
        now = case.notice_ends_at or now
        case, _ = completed(case, now=now, fields=filled(at.form, now, **_if_asked(at, award_fen=award)))
    return case


def _if_asked(at: Any, **values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in {use.name for use in at.form}}


def test_a_case_knows_what_its_other_forms_say() -> None:
    case = awarded("PR2", 50_000)
    known = case.known(flow("PR2"), "PR2-07")
    assert (known["award_fen"], known["awarded_on"]) == (
        50_000,
        case.completed["PR2-05"].astimezone(SHANGHAI).toordinal(),
    )
    assert "award_fen" not in case.known(flow("PR2"), "PR2-05")
    assert Case.from_state(case.to_state()).known(flow("PR2"), "PR2-07") == known


def test_of_an_amended_form_only_what_changed_is_looked_at() -> None:
    form, known = NodeFields(settlement_fen=120, payment_fen=130, invoice_no="1"), {"contract_fen": 100}
    arithmetic().check("EN1", form, known, TODAY, changed=("invoice_no",))
    differs("payment_fen", lambda: arithmetic().check("EN1", form, known, TODAY, changed=("payment_fen",)))


def test_what_happened_before_the_system_is_taken_over_as_it_was() -> None:
    overpaid = NodeFields(settlement_fen=1, payment_fen=10**9, votes_for=9, attendees_present=1)
    _, event = recorded(opened("EN1")[0], "EN1-08", MONDAY, fields=overpaid)
    assert event.fields == overpaid


def test_a_contract_that_outgrows_its_flow_names_the_one_to_take() -> None:
    limit = flow("EN2").below
    assert limit
    load().check_within(flow("EN2"), NodeFields(award_fen=limit.fen - 1, settlement_fen=10 * limit.fen))
    for name in ("award_fen", "contract_fen"):
        over = NodeFields(**{name: limit.fen})
        told = refused(errors.AnotherFlow, f"fields.{name}", lambda f=over: load().check_within(flow("EN2"), f))  # type: ignore[misc]
        assert "EN3" in told.detail_en
    # Offers may come in below the limit from which the stricter flow was due: that is what tendering is for.
    load().check_within(flow("EN3"), NodeFields(award_fen=1, contract_fen=1))


def test_each_form_that_a_reason_may_be_asked_of_has_room_for_it() -> None:
    rooms = {node.code for of in FLOWS for node in of.nodes if REASON in {use.name for use in node.form}}
    assert {"EN2-09", "EN2-10", "EN2-12", "AS1-12", "PR1-05", "LA1-08", "RE2-07"} <= rooms
    assert rooms.isdisjoint({"EN2-01", "PR1-01", "SE1-01", "RE1-08"})


@pytest.mark.parametrize(
    "entry",
    [
        {"sum": ["award_fen"], "zh": "甲", "en": "a"},
        {"sum": ["award_fen"], "at_most": [["budget_fen"]], "equals": [["budget_fen"]], "zh": "甲", "en": "a"},
        {"sum": ["awrad_fen"], "at_most": [["budget_fen"]], "zh": "甲", "en": "a"},
        {"sum": ["award_fen"], "at_most": [], "zh": "甲", "en": "a"},
    ],
)
def test_an_unsound_check_is_a_fault(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate(entry)


def test_figures_stand_in_fields_of_forms() -> None:
    assert set(STANDS_IN.values()) <= set(NodeFields.model_fields)
