"""A column of a register's sheet: its cells read as rows are uploaded, and written as they are read. Pure."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from shared.cells import (
    Unreadable,
    check_visible,
    folded,
    read_account_no,
    read_date,
    read_integer,
    read_list,
    read_money,
    read_number,
    read_parts,
    read_phone_no,
    read_time,
    read_yes_no,
    write_list,
    write_parts,
)
from shared.identity import valid_id_no
from shared.words import Name
from shared.workdays import SHANGHAI

Kind = Literal[
    "text",
    "code",
    "credit_code",
    "id_no",
    "account_no",
    "id_nos",
    "account_nos",
    "phones",
    "region",
    "regions",
    "texts",
    "rows",
    "date",
    "time",
    "money",
    "fen",
    "number",
    "integer",
    "share",
    "yes_no",
    "choice",
]
_MAX_TEXT = 2000
_KEY = re.compile(r"[0-9a-f]{32}")
_REGION = re.compile(r"[0-9]{12}")
_CREDIT_CODE = re.compile(r"[0-9A-Z]{15}|[0-9A-Z]{18}")
_ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+")
# What a spreadsheet would take for the beginning of a formula; an apostrophe before it makes it text.
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "'")
_SECRET = re.compile(r"[0-9A-Za-z]")
_LONG_NUMBER = re.compile(r"\d[\d -]{5,}[\dXx]")
_LONGER_NUMBER = re.compile(r"(?<!\d)(?:\d{11}|\d{13,})[Xx]?(?![\dXx])")


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: `name` as a row is uploaded, `field` as the record keeps it, `form` how a cell is filled in."""

    name: str
    field: str
    kind: Kind
    label: Name
    form: Name
    example: str
    required: bool
    also: tuple[str, ...] = ()
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parts: tuple["Column", ...] = ()
    default: Any = None

    @property
    def key(self) -> str:
        """Its name in a header: yuan and fen of one field are two columns."""
        return self.name.removesuffix("_fen") + "_yuan" if self.kind == "money" else self.name

    @property
    def recurs(self) -> bool:
        """Whether many of its cells are alike, and none is the number of a person."""
        return self.kind in ("text", "region", "regions", "date", "choice", "yes_no")

    @property
    def title(self) -> str:
        """Its header in a template."""
        units = {"money": "(元)", "fen": "(分)"}
        return self.label.zh + units.get(self.kind, "")

    @property
    def titles(self) -> tuple[str, ...]:
        """All headers that a sheet may use for it."""
        if self.kind == "fen":
            return (self.title, self.name)
        return (self.title, self.label.zh, self.label.en, self.key, *self.also)

    def read(self, cell: str) -> tuple[str, Any]:
        """A cell as an entry of a row: under which name, and its value; raises `Unreadable`."""
        text = cell[1:] if cell[0] == "'" and cell[1:2] in _GUARDED else cell
        check_visible(text)
        return self._read(text)

    def _read(self, text: str) -> tuple[str, Any]:
        match self.kind:
            case "text":
                return self.name, _short(text)
            case "texts":
                return self.name, list(read_list(text))
            case "rows":
                return self.name, [self._entry(parts) for parts in read_parts(text)]
            case "id_no" | "account_no":
                text = _digits(text)
                return (self.field, text) if _KEY.fullmatch(text) else (self.name, _NUMBERS[self.kind](text))
            case "id_nos" | "account_nos" | "phones":
                return self._numbers([_digits(item) for item in read_list(text)])
            case "regions":
                return self.name, [_region(_digits(item)) for item in read_list(text)]
            case "choice":
                return self.name, self._choice(folded(text))
            case _:
                return self.name, _READERS[self.kind](_digits(text))

    def _numbers(self, items: Sequence[str]) -> tuple[str, Any]:
        keys = [item for item in items if _KEY.fullmatch(item)]
        if not keys:
            return self.name, [_NUMBERS[self.kind](item) for item in items]
        if len(keys) < len(items):
            raise Unreadable("号码与 32 位标识不可混填", "Give numbers, or keys of 32 characters, not both")
        return self.field, keys

    def _choice(self, text: str) -> str:
        for value, zh in self.choices.items():
            if text.lower() in (value, zh):
                return value
        en = ", ".join(f"{zh} ({value})" for value, zh in self.choices.items())
        raise Unreadable(f"只可填 {'、'.join(self.choices.values())}", f"Write one of {en}")

    def _entry(self, texts: Sequence[str]) -> dict[str, Any]:
        needed = sum(part.required for part in self.parts)
        if not needed <= len(texts) <= len(self.parts) or not all(texts[:needed]):
            raise Unreadable(f"应写作 {self.form.zh}", f"Write {self.form.en}")
        return dict(part._read(text) for part, text in zip(self.parts, texts, strict=False) if text)

    def write(self, value: Any) -> str:
        """A record's value as `read` takes it, safe to open in a spreadsheet; "" for none and for the default."""
        if value is None or (value == self.default and self.kind != "yes_no"):
            return ""
        text = self._write(value)
        amount = self.kind in ("money", "fen", "number", "integer", "share")
        return f"'{text}" if text.startswith(_GUARDED) and not amount else text

    def _write(self, value: Any) -> str:
        match self.kind:
            case "yes_no":
                return "是" if value else "否"
            case "choice":
                return self.choices[value]
            case "money":
                return format(Decimal(value) / 100, ".2f")
            case "number" | "share":
                return format(Decimal(repr(value)), "f")
            case "time":
                return str(value.astimezone(SHANGHAI).replace(tzinfo=None))
            case "texts" | "regions" | "id_nos" | "account_nos" | "phones":
                return write_list(value)
            case "rows":
                return write_parts([part._part(entry) for part in self.parts] for entry in value)
            case _:
                return str(value)

    def _part(self, entry: Any) -> str:
        value = getattr(entry, self.field)
        return "" if value == self.default else self._write(value)

    def holds(self, value: Any) -> bool:
        """Whether a value belongs into this column, where another serves the same field: a person's, or a company's."""
        return bool(_KEY.fullmatch(str(value))) == (self.kind == "id_no")

    def masked(self, cell: str) -> str:
        """A cell as it may be told of: of numbers of persons, accounts and telephones the last three digits."""
        text = folded(cell)
        shown = text if len(text) <= 40 else text[:40] + "…"
        match self.kind:
            case "id_no" | "account_no" | "id_nos" | "account_nos" | "phones":
                return _stars(shown)
            case "region" | "regions" | "date" | "time" | "money" | "fen" | "number" | "integer" | "yes_no":
                return _LONGER_NUMBER.sub(lambda found: _stars(found[0]), shown)
            case _:
                return _LONG_NUMBER.sub(lambda found: _stars(found[0]), shown)


def _stars(number: str) -> str:
    return _SECRET.sub("*", number[:-3]) + number[-3:] if len(number) > 5 else _SECRET.sub("*", number)


def _short(text: str) -> str:
    if len(text) > _MAX_TEXT:
        raise Unreadable(f"最多 {_MAX_TEXT} 字", f"{_MAX_TEXT} characters at most")
    return text


def _digits(text: str) -> str:
    """A text whose digits matter, folded; raises `Unreadable` where a spreadsheet has rounded them."""
    text = folded(text)
    if _ROUNDED.fullmatch(text):
        raise Unreadable(
            "长数字已变成科学计数,请把该列设为文本后重填", "Digits were lost: format the column as text and fill it in"
        )
    return text


def _id_no(text: str) -> str:
    if not valid_id_no(text):
        raise Unreadable("身份证号有误,请核对", "Not a valid ID number: check its digits")
    return text


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise Unreadable("应为 12 位统计用区划代码", "A region code of 12 digits is needed")
    return text


def _credit_code(text: str) -> str:
    code = text.replace(" ", "").upper()
    if not _CREDIT_CODE.fullmatch(code):
        raise Unreadable("应为 18 位统一社会信用代码", "A credit code of 18 characters is needed")
    return code


def _share(text: str) -> float:
    share = float(Decimal(str(read_number(text[:-1]))) / 100) if text.endswith("%") else read_number(text)
    if not 0 <= share <= 1:
        raise Unreadable("比例应写作 60% 或 0.6", "A share is written 60% or 0.6")
    return share


def _day(text: str) -> str:
    return read_date(text).isoformat()


def _moment(text: str) -> str:
    return read_time(text).isoformat()


_NUMBERS: Mapping[str, Callable[[str], str]] = {
    "id_no": _id_no,
    "id_nos": _id_no,
    "account_no": read_account_no,
    "account_nos": read_account_no,
    "phones": read_phone_no,
}
_READERS: Mapping[str, Callable[[str], Any]] = {
    "code": _short,
    "credit_code": _credit_code,
    "region": _region,
    "date": _day,
    "time": _moment,
    "money": read_money,
    "fen": read_integer,
    "number": read_number,
    "integer": read_integer,
    "share": _share,
    "yes_no": read_yes_no,
}
