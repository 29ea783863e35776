"""Rows of a register as they are uploaded: numbers of persons, accounts and telephones become keyed hashes. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from pydantic import ValidationError

from shared.contracts.reference import Record
from shared.identity import account_key, person_key, phone_key, valid_id_no
from shared.problems import FieldError, field_errors
from shared.texts import hidden

DELETED = "deleted"
MOST_NAMED = 200
MOST_ID = 200
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class _Number:
    """A number as it is uploaded: the field that holds its keyed hash, and what is no such number."""

    key: str
    hashed: Callable[[str, str], str]
    valid: Callable[[str], bool]
    zh: str
    en: str


def _some_digits(number: str) -> bool:
    return bool(_DIGIT.search(number))


def _id_no(key: str) -> _Number:
    return _Number(key, person_key, valid_id_no, "身份证号有误,请核对", "not a valid ID number: check its digits")


ONE = {
    "id_no": _id_no("person_key"),
    "legal_person_id_no": _id_no("legal_person_key"),
    "relative_id_no": _id_no("relative_key"),
    "subject_id_no": _id_no("subject_id"),
    "owner_id_no": _id_no("owner_key"),
    "holder_id_no": _id_no("holder_key"),
    "lessee_id_no": _id_no("lessee_key"),
    "account_no": _Number("account_key", account_key, _some_digits, "账号有误", "not an account number"),
}
MANY = {
    "account_nos": _Number(
        "account_keys", account_key, _some_digits, "应为账号列表", "a list of account numbers is needed"
    ),
    "phones": _Number(
        "phone_keys", phone_key, _some_digits, "应为电话号码列表", "a list of telephone numbers is needed"
    ),
    "on_behalf_of_id_nos": _Number(
        "on_behalf_of", person_key, valid_id_no, "应为身份证号列表", "a list of valid ID numbers is needed"
    ),
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """What must be mended in a row: where it stands, the value as it may be told, and how to mend it."""

    sheet: str
    line: int
    column: str
    value: str
    zh: str
    en: str

    @property
    def place(self) -> str:
        """Where it is, in people's words (`村干部 第 12 行 C 身份证号`) or, of JSON, as a path (`rows.2.id_no`)."""
        if self.sheet:
            return f"{self.sheet} 第 {self.line} 行 {self.column}".strip()
        return f"rows.{self.line}.{self.column}"


def _as_named(field: str) -> tuple[str, str]:
    return field, ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is uploaded: its values by name, and what of it couldn't be read.

    `cell` tells under which header a field stands, and its value as it may be told.
    """

    line: int
    values: Mapping[str, Any]
    sheet: str = ""
    faults: tuple[RowFault, ...] = ()
    cell: Callable[[str], tuple[str, str]] = _as_named

    def fault(self, field: str, zh: str, en: str) -> RowFault:
        """A fault of one of its fields."""
        return RowFault(self.sheet, self.line, *self.cell(field), zh, en)


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it shall be, with its body as it is published; without one it shall be deleted."""

    id: str
    record: Record | None
    body: Mapping[str, Any]

    @classmethod
    def of(cls, record: Record) -> Self:
        """The change that sets a record."""
        return cls(record.id, record, record.model_dump(mode="json", exclude_defaults=True))


@dataclass
class Reading:
    """An upload as read: the good rows, and the faults of the bad ones, of which the first are kept."""

    rows: int = 0
    changes: list[Change] = field(default_factory=list)
    refused: int = 0
    faults: list[RowFault] = field(default_factory=list)
    faults_found: int = 0

    def refuse(self, faults: Sequence[RowFault]) -> None:
        """Count a bad row."""
        self.refused += 1
        self.faults_found += len(faults)
        self.faults += faults[: max(0, MOST_NAMED - len(self.faults))]


class Unreadable(Exception):
    """The upload's line (counted from 1) is no JSON object."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not a JSON object")
        self.line = line


def rows_of(body: bytes) -> list[Row]:
    """The rows of a JSON array or of NDJSON, counted from 1; raises `Unreadable`."""
    if body.lstrip().startswith(b"["):
        try:
            rows = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Unreadable(error.lineno) from error
    else:
        rows = [_line(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise Unreadable(number)
    return [Row(number, row) for number, row in enumerate(rows, 1)]


def _line(number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unreadable(number) from error


def read_record(
    model: type[Record], row: Mapping[str, Any], *, secret: str, path: str = ""
) -> tuple[Record | None, list[FieldError]]:
    """A row as a record of the register, or what is wrong with it; `path` goes before the names of fields."""
    faults: list[FieldError] = []
    keyed = _keyed(row, secret, path, faults)
    unknown = set(keyed) - set(model.model_fields)
    faults += [FieldError(path + name, "多余的字段", "unknown field") for name in sorted(unknown)]
    id = keyed.get("id")
    if isinstance(id, str) and not sound_id(id):
        faults.append(FieldError(f"{path}id", f"须为 1 到 {MOST_ID} 个字符", f"1 to {MOST_ID} characters are needed"))
    if valid_id_no(str(id or "")):
        faults.append(FieldError(f"{path}id", "记录编号不得使用身份证号", "an ID number may not serve as a record id"))
    try:
        record = model.model_validate(keyed)
    except ValidationError as error:
        faults += [FieldError(path + e.field, e.zh, e.en) for e in field_errors(error.errors())]
        return None, faults
    return (None, faults) if faults else (record, [])


def read_changes(model: type[Record], rows: Iterable[Row], *, secret: str) -> Reading:
    """All rows as changes of the register, and the faults of the rest. Of two rows of one record the first counts."""
    reading = Reading()
    first_line: dict[str, int] = {}
    for row in rows:
        reading.rows += 1
        change, faults = _read_change(model, row, secret)
        if change is not None:
            first = first_line.setdefault(change.id, row.line)
            if first == row.line:
                reading.changes.append(change)
                continue
            faults = [row.fault("id", f"与第 {first} 行重复,请删去一行", f"The same id as row {first}: remove one")]
        reading.refuse(faults)
    return reading


def _read_change(model: type[Record], row: Row, secret: str) -> tuple[Change | None, list[RowFault]]:
    values = dict(row.values)
    deleted = values.pop(DELETED, False)
    if not isinstance(deleted, bool):
        return None, [row.fault(DELETED, "应为是或否", "true or false is needed")]
    if row.faults:
        return None, list(row.faults)
    if deleted:
        id = values.get("id")
        if isinstance(id, str) and sound_id(id):
            return Change(id, None, {}), []
        return None, [row.fault("id", "必填", "Field required")]
    record, wrong = read_record(model, values, secret=secret)
    if record is None:
        return None, [row.fault(fault.field, fault.zh, fault.en) for fault in wrong]
    return Change.of(record), []


def sound_id(id: str) -> bool:
    """Whether a record may go by this id: 1 to 200 characters, none of them a blank at an end or unseen."""
    return 0 < len(id) <= MOST_ID and id == id.strip() and hidden(id) is None


def region_of(record: Mapping[str, Any], county: str) -> str:
    """The region a record belongs to: its village or area, or the whole county."""
    return str(record.get("village_code") or record.get("region_code") or county)


def _keyed(row: Mapping[str, Any], secret: str, path: str, faults: list[FieldError]) -> dict[str, Any]:
    """The row with its numbers replaced by keyed hashes, also in the persons it lists."""
    keyed: dict[str, Any] = {}
    for name, value in row.items():
        if number := ONE.get(name):
            if isinstance(value, str) and number.valid(value):
                keyed[number.key] = number.hashed(value, secret)
            else:
                faults.append(FieldError(path + name, number.zh, number.en))
        elif number := MANY.get(name):
            if isinstance(value, list) and all(isinstance(one, str) and number.valid(one) for one in value):
                keyed[number.key] = [number.hashed(one, secret) for one in value]
            else:
                faults.append(FieldError(path + name, number.zh, number.en))
        elif isinstance(value, list):
            keyed[name] = [
                _keyed(item, secret, f"{path}{name}.{at}.", faults) if isinstance(item, dict) else item
                for at, item in enumerate(value, 1)
            ]
        else:
            if isinstance(value, str) and "\x00" in value:
                faults.append(FieldError(path + name, "含有不可见的控制字符", "it holds an invisible control"))
            keyed[name] = value
    return keyed
