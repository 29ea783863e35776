"""Amounts in words, both ways of writing them, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval.recognition.numerals import amount_in_words, digits_in_words, whole_number

CAPITAL = "零壹贰叁肆伍陆柒捌玖"
PLAIN = "〇一二三四五六七八九"


def in_words(number: int, digits: str, units: tuple[str, ...]) -> str:
    """A whole number below 10^12 as it is written on cheques and bills."""
    sections = [number // 10**8, number // 10**4 % 10**4, number % 10**4]
    told, gap = "", False
    for section, sign in zip(sections, ("亿", "万", ""), strict=True):
        if not section:
            gap = bool(told)
            continue
        told += digits[0] if told and (gap or section < 1000) else ""
        told += four(section, digits, units) + sign
        gap = False
    return told or digits[0]


def four(number: int, digits: str, units: tuple[str, ...]) -> str:
    text, gap = "", False
    for value, unit in zip((number // 1000, number // 100 % 10, number // 10 % 10, number % 10), units, strict=True):
        gap = gap or (value == 0 and bool(text))
        if value:
            text += (digits[0] if gap else "") + digits[value] + unit
            gap = False
    return text


@given(st.integers(0, 10**12 - 1))
def test_every_number_in_words_is_read_back(number: int) -> None:
    assert whole_number(in_words(number, CAPITAL, ("仟", "佰", "拾", ""))) == number
    assert whole_number(in_words(number, PLAIN, ("千", "百", "十", ""))) == number


@given(st.integers(0, 10**10), st.integers(0, 9), st.integers(0, 9))
def test_every_amount_in_words_is_read_back(yuan: int, jiao: int, fen: int) -> None:
    text = in_words(yuan, CAPITAL, ("仟", "佰", "拾", "")) + "元"
    text += f"{CAPITAL[jiao]}角" if jiao else "零" if fen else ""
    text += f"{CAPITAL[fen]}分" if fen else "整"
    assert amount_in_words(text) == yuan * 100 + jiao * 10 + fen


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("壹万贰仟叁佰元整", 1_230_000),
        ("壹拾万元正", 10_000_000),
        ("拾伍元", 1500),
        ("贰仟零伍元叁角零贰分", 200_532),
        ("一万二千三百元", 1_230_000),
        ("叁亿零伍万圆整", 30_005_000_000),
        ("两千元", 200_000),
        ("叁佰元零伍分", 30_005),
    ],
)
def test_amounts_as_they_are_written(text: str, fen: int) -> None:
    assert amount_in_words(text) == fen


@pytest.mark.parametrize(
    "text", ["", "元", "壹贰元", "佰元", "壹佰仟元", "万元", "壹万", "壹元整整", "零佰元", "伍元拾角"]
)
def test_what_is_no_amount(text: str) -> None:
    assert amount_in_words(text) is None


@given(st.text("零壹贰叁拾佰仟万亿元角分整一十百千", max_size=20))
def test_nonsense_is_refused_and_never_an_error(text: str) -> None:
    fen = amount_in_words(text)
    assert fen is None or fen >= 0


def test_digits_one_by_one() -> None:
    assert digits_in_words("二〇二五") == "2025"
    assert digits_in_words("二O") is None
