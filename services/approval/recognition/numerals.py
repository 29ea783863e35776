"""Amounts in words: 壹万贰仟叁佰元整 and 一万二千三百元 as fen. Pure."""

import re

_DIGITS = dict(zip("零壹贰叁肆伍陆柒捌玖", range(10), strict=True))
_DIGITS |= dict(zip("〇一二三四五六七八九", range(10), strict=True))
_DIGITS |= {"○": 0, "两": 2, "贰": 2, "弍": 2, "叄": 3, "参": 3, "參": 3, "陸": 6, "貳": 2, "伍": 5}
_SMALL = {"拾": 10, "十": 10, "佰": 100, "百": 100, "仟": 1000, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
NUMERAL = "[" + "".join([*_DIGITS, *_SMALL, *_LARGE]) + "]"
_AMOUNT = re.compile(rf"(?P<yuan>{NUMERAL}+)[元圆圓](?:(?P<jiao>{NUMERAL})角)?(?:零?(?P<fen>{NUMERAL})分)?[整正]?")


def amount_in_words(text: str) -> int | None:
    """The fen of an amount in words; None when it is none, or one that contradicts itself (壹贰元)."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    yuan = whole_number(found["yuan"])
    parts = [0 if part is None else _DIGITS.get(part) for part in (found["jiao"], found["fen"])]
    if yuan is None or parts[0] is None or parts[1] is None:
        return None
    return yuan * 100 + parts[0] * 10 + parts[1]


def whole_number(text: str) -> int | None:
    """A whole number in words, below 10^12; None when the words make none."""
    rest, total = text, 0
    for sign in ("亿億", "万萬"):
        head, found, tail = _cut(rest, sign)
        if found:
            section = _section(head)
            if not section:
                return None
            total += section * _LARGE[sign[0]]
            rest = tail
    last = 0 if total and not rest else _section(rest)
    return None if last is None else total + last


def _cut(text: str, signs: str) -> tuple[str, bool, str]:
    place = next((i for i, char in enumerate(text) if char in signs), None)
    return ("", False, text) if place is None else (text[:place], True, text[place + 1 :])


def _section(text: str) -> int | None:
    """A number below ten thousand: its units fall, and a digit stands before each (but for 十 in front)."""
    total, digit, last = 0, None, 10_000
    for place, char in enumerate(text):
        if char in _SMALL:
            unit = _SMALL[char]
            if digit == 0 or unit >= last or (digit is None and (unit != 10 or place)):
                return None
            total, digit, last = total + (1 if digit is None else digit) * unit, None, unit
        elif char in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[char]
        else:
            return None
    if digit and last == 1:
        return None
    return total + (digit or 0) if text else None


def digits_in_words(text: str) -> str | None:
    """二〇二五 as 2025: digits one by one."""
    read = [_DIGITS.get(char) for char in text]
    return None if None in read else "".join(str(digit) for digit in read)
