"""What people type into a form's lists is read as they mean it."""

from typing import Any

import pytest

from services.approval.fields import all_fields
from services.approval.schemas import FiledFields
from shared.cells import Unreadable
from shared.identity import normalise_id_no

SECRET = "s"
CREDIT_CODE = "91330499MA0000001A"
ID_NO = normalise_id_no("330499470312001")


def read(name: str, text: str) -> Any:
    return all_fields()[name].read(text, SECRET)


def test_an_offer_with_a_reason_of_rejection_is_not_valid() -> None:
    kept, rejected = read("bids", f"甲|{CREDIT_CODE}|1000;乙|{CREDIT_CODE}|900|投标函未盖章")
    assert (kept.valid, kept.reject_reason) == (True, None)
    assert (rejected.valid, rejected.reject_reason) == (False, "投标函未盖章")


def test_an_offer_of_two_columns_is_refused() -> None:
    with pytest.raises(Unreadable, match="company"):
        read("bids", f"甲|{CREDIT_CODE}")


def test_of_a_workers_id_number_the_year_of_birth_is_kept() -> None:
    (typed,) = read("workers", f"张三|{ID_NO}|2|320")
    filed = FiledFields.model_validate(
        {"workers": [{"person_key": ID_NO, "name": "张三", "days": 2, "wage_fen": 32_000}]}
    ).keyed(SECRET)
    assert [line.model_dump() for line in filed.workers] == [typed.model_dump()]
    assert typed.birth_year == 1947
    assert ID_NO not in typed.model_dump_json()
