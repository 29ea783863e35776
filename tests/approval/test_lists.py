"""The lists that a form may ask for: what a person types is read line by line, and shown again."""

from datetime import date

import pytest

from services.approval.fields import all_fields
from services.approval.forms import show_fields
from services.approval.schemas import FiledFields
from shared.cells import Unreadable
from shared.contracts.power import BillLine
from shared.identity import person_key

SECRET = "s"
ID_NO = "11010519491231002X"
KEY = person_key(ID_NO, SECRET)


def test_attendance_is_read_with_its_days() -> None:
    (line,) = all_fields()["attendance"].read(f"陈明|{ID_NO}|4.5|2026-03-02|2026-03-06", SECRET)
    assert (line.person_key, line.days, line.first_on, line.last_on) == (KEY, 4.5, date(2026, 3, 2), date(2026, 3, 6))


def test_a_bill_is_read_in_yuan() -> None:
    assert all_fields()["bill"].read("水泥|10|25.5|255", SECRET) == (
        BillLine(name="水泥", quantity=10, unit_price_fen=25_50, amount_fen=255_00),
    )


def test_a_bank_s_answer_tells_holder_and_result() -> None:
    paid, back = all_fields()["payouts"].read(f"陈明|{ID_NO}|100||成功;陈明|{ID_NO}|100|李方|退回", SECRET)
    assert (paid.holder, paid.rejected, back.holder, back.rejected) == (None, False, "李方", True)
    lines = show_fields({"payouts": [paid.model_dump(), back.model_dump()]})[0].lines
    assert "成功 paid" in lines[0]
    assert "李方" in lines[1]
    assert "退回 rejected" in lines[1]


def test_a_list_of_relief_is_read() -> None:
    (line,) = all_fields()["grants"].read(f"陈明|{ID_NO}|500", SECRET)
    assert (line.person_key, line.amount_fen) == (KEY, 500_00)


@pytest.mark.parametrize("name", ["attendance", "grants", "payouts", "bill"])
def test_a_line_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(Unreadable):
        all_fields()[name].read("陈明|1", SECRET)


def test_numbers_of_persons_in_lists_are_hashed() -> None:
    rows = [{"person_key": ID_NO, "name": "陈", "amount_fen": 1}]
    filed = FiledFields.model_validate({"grants": rows, "payouts": rows}).keyed(SECRET)
    assert (filed.grants[0].person_key, filed.payouts[0].person_key) == (KEY, KEY)
