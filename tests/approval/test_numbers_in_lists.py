"""Project managers and accounts in lists: they may be left out, and their numbers are hashed."""

import pytest

from services.approval.fields import all_fields
from shared.cells import Unreadable
from shared.identity import account_key, person_key

SECRET = "identity-secret-of-the-tests"
ID_NO = "11010519491231002X"


def test_an_offer_may_name_its_project_manager() -> None:
    plain, rejected, managed = all_fields()["bids"].read(
        f"甲|91330421MA0000001X|100;乙|91330421MA0000002X|110|未盖章;丙|91330421MA0000003X|120||王某|{ID_NO}", SECRET
    )
    assert (plain.manager_key, plain.valid, rejected.valid) == (None, True, False)
    assert (managed.valid, managed.manager_name, managed.manager_key) == (True, "王某", person_key(ID_NO, SECRET))


def test_a_payout_may_name_its_account() -> None:
    line = f"张三|{ID_NO}|100||成功"
    bare, told = all_fields()["payouts"].read(f"{line};{line}|6222 0000 1111", SECRET)
    assert (bare.account_key, told.account_key) == (None, account_key("622200001111", SECRET))


@pytest.mark.parametrize(
    ("name", "text"), [("bids", "甲|91330421MA0000001X|100||王某|1"), ("payouts", "张三|x|1||成功|a")]
)
def test_a_wrong_number_is_refused(name: str, text: str) -> None:
    with pytest.raises(Unreadable):
        all_fields()[name].read(text, SECRET)
