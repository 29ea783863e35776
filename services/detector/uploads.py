"""Rows of a register as they are uploaded: numbers of persons, accounts and telephones become keyed hashes. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from shared.contracts.reference import Record
from shared.identity import account_key, person_key, phone_key, valid_id_no
from shared.problems import FieldError, field_errors

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
    return _Number(key, person_key, valid_id_no, "身份证号有误", "not a valid ID number")


_ONE = {
    "id_no": _id_no("person_key"),
    "legal_person_id_no": _id_no("legal_person_key"),
    "relative_id_no": _id_no("relative_key"),
    "subject_id_no": _id_no("subject_id"),
    "owner_id_no": _id_no("owner_key"),
    "holder_id_no": _id_no("holder_key"),
    "lessee_id_no": _id_no("lessee_key"),
    "account_no": _Number("account_key", account_key, _some_digits, "账号有误", "not an account number"),
}
_MANY = {
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


class Unreadable(Exception):
    """The upload's line (counted from 1) is no JSON object."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not a JSON object")
        self.line = line


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """The rows of a JSON array or of NDJSON; raises `Unreadable`."""
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
    return list(rows)


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
    if valid_id_no(str(keyed.get("id", ""))):
        faults.append(FieldError(f"{path}id", "记录编号不得使用身份证号", "an ID number may not serve as a record id"))
    try:
        record = model.model_validate(keyed)
    except ValidationError as error:
        faults += [FieldError(path + e.field, e.zh, e.en) for e in field_errors(error.errors())]
        return None, faults
    return (None, faults) if faults else (record, [])


def read_records(
    model: type[Record], rows: Iterable[Mapping[str, Any]], *, secret: str
) -> tuple[list[Record], list[FieldError]]:
    """All rows as records, and the faults of all rows as `rows.<n>.<field>`, counted from 1."""
    records: list[Record] = []
    faults: list[FieldError] = []
    first_row: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        record, wrong = read_record(model, row, secret=secret, path=f"rows.{number}.")
        faults += wrong
        if record is None:
            continue
        first = first_row.setdefault(record.id, number)
        if first != number:
            faults.append(FieldError(f"rows.{number}.id", f"与第 {first} 行重复", f"the same id as row {first}"))
        records.append(record)
    return records, faults


def region_of(record: Mapping[str, Any], county: str) -> str:
    """The region a record belongs to: its village or area, or the whole county."""
    return str(record.get("village_code") or record.get("region_code") or county)


def _keyed(row: Mapping[str, Any], secret: str, path: str, faults: list[FieldError]) -> dict[str, Any]:
    """The row with its numbers replaced by keyed hashes, also in the persons it lists."""
    keyed: dict[str, Any] = {}
    for name, value in row.items():
        if number := _ONE.get(name):
            if isinstance(value, str) and number.valid(value):
                keyed[number.key] = number.hashed(value, secret)
            else:
                faults.append(FieldError(path + name, number.zh, number.en))
        elif number := _MANY.get(name):
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
            keyed[name] = value
    return keyed
