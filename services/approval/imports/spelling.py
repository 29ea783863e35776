"""Days and amounts as old sheets spell them, put as the forms' fields read them. Pure."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from services.approval.imports.mapping import Unit

_SERIAL = re.compile(r"(\d{5})(?:\.(\d+))?")
_EARLIEST, _LATEST = 14_611, 73_050  # 1940 and 2100 as Excel counts days
_EPOCH = date(1899, 12, 30)
_CHINESE = re.compile(
    r"([〇○零一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,4})[日号](.*)"
)
_DIGITS = {"〇": 0, "○": 0, "零": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CLOCK = re.compile(r"^(.*?)[\sT]*(上午|下午|晚上|中午)?\s*(\d{1,2})[时点:](\d{1,2})?分?(?::(\d{1,2}))?秒?$")
_AROUND = "\u00a5\uffe5 "
_EMPTY = frozenset({"-", "--", "—", "——", "/", "\\", "无", "空", "n/a", "N/A"})
_FACTORS: dict[Unit, Decimal] = {
    "wan": Decimal(10_000),
    "qian": Decimal(1000),
    "fen": Decimal("0.01"),
    "yuan": Decimal(1),
}


def is_empty(text: str) -> bool:
    """Whether a cell of days or numbers holds only a sign for nothing."""
    return text in _EMPTY


def day_or_time(text: str) -> str:
    """A day, with its time or without, as `shared.cells` reads it: Excel's count of days and Chinese forms as well."""
    if found := _SERIAL.fullmatch(text):
        return _of_serial(text, int(found[1]), found[2])
    with suppress(ValueError):
        datetime.fromisoformat(text)
        return text
    text = re.sub(r"\s*[((]?(?:星期|周)[一二三四五六日天][))]?\s*", " ", text).strip()
    if found := _CHINESE.fullmatch(text):
        year = "".join(str(_DIGITS[digit]) for digit in found[1])
        text = f"{year}-{_counted(found[2])}-{_counted(found[3])}{found[4]}"
    text = re.sub(r"(\d)号", r"\1日", text)
    if (found := _CLOCK.fullmatch(text)) and found[1]:
        hour = int(found[3]) + (12 if found[2] in ("下午", "晚上") and int(found[3]) < 12 else 0)
        text = f"{found[1].strip()} {hour:02}:{int(found[4] or 0):02}:{int(found[5] or 0):02}"
    return text


def amount(text: str, unit: Unit) -> str:
    """An amount as `read_money` reads it; its own unit goes before that of its column."""
    bare = text.replace(",", "").strip(_AROUND)
    if unit == "yuan" or not bare or bare.endswith(("元", "万", "整")):
        return text
    try:
        return format(Decimal(bare) * _FACTORS[unit], "f")
    except InvalidOperation:
        return text


def _of_serial(text: str, days: int, rest: str | None) -> str:
    if not _EARLIEST <= days <= _LATEST:
        return text
    day = _EPOCH + timedelta(days=days)
    if rest is None:
        return day.isoformat()
    moment = datetime(day.year, day.month, day.day) + timedelta(seconds=round(float(f"0.{rest}") * 86_400))
    return moment.isoformat(sep=" ")


def _counted(text: str) -> int:
    tens, ten, ones = text.partition("十")
    if not ten:
        return _DIGITS[tens] if len(tens) == 1 else int("".join(str(_DIGITS[each]) for each in tens))
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)
