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


MOBILE = ["13900000001", "139-0000-0001", "139 0000 0001", "+86 139 0000 0001", "0086-13900000001", "(+86)13900000001"]
MOBILE += ["013900000001", "8613900000001", "".join(chr(ord(c) + 0xFEE0) for c in "+8613900000001")]
LANDLINE = ["0573-84012345", "(0573) 8401 2345", "+86 573 84012345", "+86 0573 84012345", "86-573-84012345"]


@pytest.mark.parametrize("ways", [MOBILE, LANDLINE], ids=["mobile", "landline"])
def test_a_telephone_is_one_however_it_is_written(ways: list[str]) -> None:
    assert len({identity.phone_key(text, SECRET) for text in ways}) == 1
    assert len({identity.phone_tail(text) for text in ways}) == 1


def test_a_local_number_that_begins_like_the_country_stays_whole() -> None:
    assert identity.normalise_phone("86012345") == "86012345"


def test_an_address_and_a_machine_are_one_however_they_are_written() -> None:
    assert len({identity.ip_key(text, SECRET) for text in ("10.1.1.1", " １０.1.1.1", "::ffff:10.1.1.1")}) == 1
    assert identity.ip_key("2001:DB8::1", SECRET) == identity.ip_key("2001:db8:0:0::1", SECRET)
    assert len({identity.device_key(text, SECRET) for text in ("00-1A-2B", "00:1a:2b", "001A2B")}) == 1


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
