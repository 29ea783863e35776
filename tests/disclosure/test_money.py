"""What was planned, agreed and paid stands side by side, and the differences are said."""

from services.disclosure.case_view import CaseView
from services.disclosure.masking import masks
from services.disclosure.money import MoneyRow, money_of
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent
from tests.disclosure.samples import NOW, award, bids_in, completed, folded, form, opened


def rows_of(*events: CaseEvent) -> dict[str, MoneyRow]:
    view = CaseView.at(folded(*events), NOW, masks(), vocabulary())
    return {row.name: row for row in money_of(view.history)}


def said(row: MoneyRow) -> str:
    return row.difference.zh if row.difference else ""


def test_each_amount_is_measured_by_the_one_before_it() -> None:
    contract = completed("a", 4, "EN1-05", "EN1-06", form(contract_fen=3_800_000))
    paid = completed("a", 5, "EN1-07", "EN1-08", form(settlement_fen=3_990_000, payment_fen=3_000_000))
    rows = rows_of(opened("a"), bids_in("a"), award("a"), contract, paid)
    assert list(rows) == ["estimate_fen", "award_fen", "contract_fen", "settlement_fen", "payment_fen"]
    assert said(rows["estimate_fen"]) == ""
    assert said(rows["award_fen"]) == "比估算金额低 1,000.00 元（2.6%）"
    assert said(rows["contract_fen"]) == "与成交金额相同"
    assert said(rows["settlement_fen"]) == "比合同金额高 1,900.00 元（5.0%）"
    assert said(rows["payment_fen"]) == "未付 9,900.00 元"
    assert [name for name, row in rows.items() if row.over] == ["settlement_fen"]


def test_paid_in_full_and_paid_too_much_are_told_apart() -> None:
    for payment, words in ((3_800_000, "已付清"), (3_800_100, "多付 1.00 元")):
        paid = completed("a", 4, "EN1-07", "EN1-08", form(settlement_fen=3_800_000, payment_fen=payment))
        assert said(rows_of(opened("a"), paid)["payment_fen"]) == words


def test_a_case_without_money_has_no_rows() -> None:
    assert not rows_of(opened("a", form(item="盖章")))


def test_a_payment_that_nothing_measures_has_no_difference() -> None:
    paid = completed("a", 2, "EN1-07", "EN1-08", form(payment_fen=100))
    assert rows_of(opened("a", form()), paid)["payment_fen"].difference is None
