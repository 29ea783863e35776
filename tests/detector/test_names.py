"""Names of real registers: pairs judged by hand, kept as a frozen reference."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from services.detector.names import (
    Likeness,
    company_sound,
    same_address,
    same_company_name,
    same_person_name,
    sound,
)
from shared.identity import normalise_phone

_REFERENCE = yaml.safe_load((Path(__file__).parent / "reference" / "names.yaml").read_text(encoding="utf-8"))
_COMPARE: dict[str, Callable[[str, str], Likeness]] = {
    "company": same_company_name,
    "person": same_person_name,
    "address": same_address,
}
_PAIRS = [(kind, one, other, verdict) for kind in _COMPARE for one, other, verdict in _REFERENCE[kind]]


@pytest.mark.parametrize(("kind", "one", "other", "verdict"), _PAIRS)
def test_a_pair_is_judged_as_by_hand(kind: str, one: str, other: str, verdict: str) -> None:
    found, back = _COMPARE[kind](one, other), _COMPARE[kind](other, one)
    assert (found.verdict, back.verdict) == (verdict, verdict), found
    assert found.score == back.score


@pytest.mark.parametrize(("one", "other", "verdict"), _REFERENCE["phone"])
def test_a_phone_is_one_however_it_is_written(one: str, other: str, verdict: str) -> None:
    assert (normalise_phone(one) == normalise_phone(other)) == (verdict == "same")


def test_what_is_the_same_or_sounds_alike_is_filed_together() -> None:
    """A near name of other words (a place left out, a doubled one) is found only when both are at hand."""
    for one, other, verdict in _REFERENCE["person"]:
        if verdict in ("same", "near"):
            assert sound(one) == sound(other)
    for one, other, verdict in _REFERENCE["company"]:
        if verdict == "same":
            assert company_sound(one) == company_sound(other)


def test_a_near_name_says_so_with_its_score() -> None:
    assert same_person_name("陈建国", "陈健国").said == "名称相近 0.83 / similar name"
    assert same_person_name("张国荣", "張國榮").said == "名称相同 / same name"
