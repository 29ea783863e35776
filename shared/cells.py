"""What people type into a cell or an input (yuan, dates, 是/否, lists) read as values. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from shared import texts
from shared.identity import normalise_phone
from shared.workdays import SHANGHAI

_MAX_FEN = 10**15
_YES = frozenset({"是", "同意", "通过", "合格", "有", "√", "y", "yes", "true", "1"})
_NO = frozenset({"否", "不同意", "不通过", "不合格", "无", "×", "n", "no", "false", "0"})
_DATE = re.compile(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?$|^(\d{4})(\d{2})(\d{2})$")
_CLOCK = re.compile(r"^(.*?)[T\s]+(\d{1,2})[::时](\d{1,2})(?:[::分](\d{1,2}))?[分秒]?$")
_MONEY = re.compile(r"^[¥¥]?\s*(-?[\d,]+(?:\.\d+)?)\s*(万)?\s*元?(?:整)?$")
_ACCOUNT = re.compile(r"[0-9A-Za-z\- ]{5,40}")
_PHONE = re.compile(r"[0-9]{5,16}")
# Between the items of a list; a backslash before one makes it a part of its item.
BETWEEN = "、,;|\n\uff0c\uff1b\uff5c"
_BETWEEN_ROWS = ";\n\uff1b"
_BETWEEN_PARTS = "|\uff5c"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Unreadable(ValueError):
    """A text that isn't what its field holds; `zh` and `en` say how to mend it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def folded(text: str) -> str:
    """A text as it is read: full-width digits and signs narrow, lines ended by \\n, no blanks around it."""
    if text.isascii() and "\r" not in text:
        return text.strip()
    return unicodedata.normalize("NFKC", text.replace("\r\n", "\n")).strip()


def visible(text: str) -> bool:
    """Whether a reader can see all of it, and reads the line as it is written."""
    return texts.hidden(text) is None


def check_visible(text: str) -> None:
    """Refuse a text that isn't `visible`; raises `Unreadable`."""
    if found := texts.hidden(text):
        raise Unreadable(
            f"含有不可见的控制字符 U+{ord(found):04X}",
            f"There is an invisible control character in it, U+{ord(found):04X}",
        )


def read_money(text: str) -> int:
    """Yuan (or 万元) as fen; raises `Unreadable`."""
    found = _MONEY.match(text)
    if not found:
        raise Unreadable("金额应为数字(元),例如 12345.60", "An amount in yuan is needed, for example 12345.60")
    try:
        yuan = Decimal(found[1].replace(",", "")) * (10000 if found[2] else 1)
    except InvalidOperation as error:
        raise Unreadable("金额应为数字(元),例如 12345.60", "An amount in yuan is needed") from error
    fen = yuan * 100
    if fen != fen.to_integral_value():
        raise Unreadable("金额最多两位小数(到分)", "An amount has two decimals at most")
    if abs(fen) > _MAX_FEN:
        raise Unreadable("金额过大,请核对单位", "The amount is too large, check its unit")
    return int(fen)


def read_date(text: str) -> date:
    """A day in one of the usual spellings; raises `Unreadable`."""
    found = _DATE.match(text.removesuffix(" 00:00:00"))
    try:
        if found:
            year, month, day = (int(part) for part in found.groups() if part is not None)
            return date(year, month, day)
    except ValueError:
        pass
    raise Unreadable("日期应写作 2026-03-01", "A date is needed, for example 2026-03-01")


def read_time(text: str) -> datetime:
    """A moment, in Shanghai's time when no zone is given, as UTC; raises `Unreadable`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = _CLOCK.match(text)
        day = read_date(found[1].strip() if found else text)
        try:
            hour, minute, second = (int(part or 0) for part in found.groups()[1:]) if found else (0, 0, 0)
            moment = datetime(day.year, day.month, day.day, hour, minute, second)
        except ValueError as error:
            raise Unreadable("时间应写作 2026-03-01 09:30", "A time is needed, for example 2026-03-01 09:30") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)


def read_number(text: str) -> float:
    """A number, thousands divided by commas or not; raises `Unreadable`."""
    if not re.fullmatch(r"-?[\d,]{1,18}(\.\d{1,17})?", text) or not any(c.isdigit() for c in text):
        raise Unreadable("应为数字", "A number is needed")
    return float(text.replace(",", ""))


def read_integer(text: str) -> int:
    """A whole number; raises `Unreadable`."""
    number = read_number(text)
    if number != int(number):
        raise Unreadable("应为整数", "A whole number is needed")
    return int(number)


def read_yes_no(text: str) -> bool:
    """是 or 否 in the usual words; raises `Unreadable`."""
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable("应填 是 或 否", "Write 是 (yes) or 否 (no)")


def read_account_no(text: str) -> str:
    """The number of a bank account; raises `Unreadable`."""
    if not _ACCOUNT.fullmatch(text):
        raise Unreadable("银行账号应为 5 到 40 位数字", "An account number of 5 to 40 digits is needed")
    return text


def read_phone_no(text: str) -> str:
    """The number of a telephone; raises `Unreadable`."""
    if not _PHONE.fullmatch(normalise_phone(text)):
        raise Unreadable("电话号码不正确,请核对", "This is no telephone number")
    return text


def read_list(text: str) -> tuple[str, ...]:
    """The items of a cell that holds several, divided by any of 、 , ; | or a line's end."""
    return tuple(item for piece in _divided(text, BETWEEN) if (item := _unescaped(piece)))


def write_list(items: Iterable[str]) -> str:
    """Items in one cell, as `read_list` reads them."""
    return "、".join(_escaped(item) for item in items)


def read_parts(text: str) -> tuple[tuple[str, ...], ...]:
    """The entries of a cell, divided by ; or a line's end, each in its parts, divided by |."""
    entries = (piece for piece in _divided(text, _BETWEEN_ROWS) if piece.strip())
    return tuple(tuple(_unescaped(part) for part in _divided(entry, _BETWEEN_PARTS)) for entry in entries)


def write_parts(entries: Iterable[Iterable[str]]) -> str:
    """Entries in one cell, as `read_parts` reads them."""
    return ";".join("|".join(_escaped(part) for part in parts) for parts in entries)


def _divided(text: str, between: str) -> list[str]:
    """The pieces between these characters, but not where a backslash stands before one."""
    if "\\" not in text:
        return re.split(f"[{between}]", text)
    pieces, chars = [""], iter(text)
    for char in chars:
        if char in between:
            pieces.append("")
        else:
            pieces[-1] += char + next(chars, "") if char == "\\" else char
    return pieces


def _unescaped(piece: str) -> str:
    return _ESCAPED.sub(r"\1", piece.strip())


def _escaped(item: str) -> str:
    return re.sub(rf"([\\{BETWEEN}])", r"\\\1", item)
