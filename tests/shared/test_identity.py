"""Persons are matched by keyed hashes that survive the ways an ID number is written."""

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from shared import identity

SECRET = "a-secret-of-the-test"
ID_NO = "11010519491231002X"  # the worked example of GB 11643-1999


def test_lower_case_and_full_width_are_the_same_person() -> None:
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in ID_NO)
    keys = {identity.person_key(text, SECRET) for text in (ID_NO, ID_NO.lower(), f" {full_width} ")}
    assert len(keys) == 1


def test_the_old_fifteen_digits_are_the_same_person() -> None:
    assert identity.normalise_id_no("110105491231002") == ID_NO


@pytest.mark.parametrize("wrong", ["", "123", "110105194912310021", "11010519491231002Y", "A1010519491231002X"])
def test_a_wrong_number_is_refused(wrong: str) -> None:
    assert not identity.valid_id_no(wrong)


def test_another_secret_gives_another_key() -> None:
    assert identity.person_key(ID_NO, SECRET) != identity.person_key(ID_NO, "another-secret-of-it")


def test_a_person_and_an_account_never_share_a_key() -> None:
    assert identity.person_key(ID_NO, SECRET) != identity.account_key(ID_NO, SECRET)


@given(st.text())
def test_what_was_sealed_comes_back_and_only_by_its_secret(value: str) -> None:
    sealed = identity.seal(value, SECRET)
    assert identity.unseal(sealed, SECRET) == value
    with pytest.raises(InvalidTag):
        identity.unseal(sealed, "another-secret-of-it")
