"""How people fill in `NodeFields`: names of the fields, and their text (yuan, dates, 是/否) read as values."""

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from shared.cells import (
    Unreadable,
    check_visible,
    folded,
    read_account_no,
    read_date,
    read_integer,
    read_money,
    read_number,
    read_phone_no,
    read_yes_no,
)
from shared.contracts.power import Attendance, Bid, BillLine, Grant, NodeFields, Payout, Worker
from shared.identity import account_key, birth_year, person_key, phone_key, phone_tail, valid_id_no
from shared.words import words

Kind = Literal[
    "text",
    "long",
    "money",
    "number",
    "integer",
    "date",
    "yes_no",
    "names",
    "id_no",
    "account_no",
    "bids",
    "workers",
    "attendance",
    "grants",
    "payouts",
    "bill",
]
LISTS: tuple[Kind, ...] = ("bids", "workers", "attendance", "grants", "payouts", "bill")
_MAX_TEXT = {"text": 500, "long": 4000}


@dataclass(frozen=True)
class FormField:
    """One field of a form, as people see it."""

    name: str
    zh: str
    en: str
    kind: Kind
    also: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """The column headers that a sheet may use for it."""
        return (self.zh, self.en, self.name, self.name.removesuffix("_fen"), *self.also)

    def read(self, text: str, identity_secret: str) -> Any:
        """The value that a text stands for; raises `Unreadable`."""
        text = folded(text)
        check_visible(text)
        match self.kind:
            case "id_no":
                return _read_id_no(text, identity_secret)
            case "account_no":
                return _read_account_no(text, identity_secret)
            case "bids":
                return tuple(_read_bids(text, identity_secret))
            case "workers":
                return tuple(_read_workers(text, identity_secret))
            case "attendance":
                return tuple(_read_attendance(text, identity_secret))
            case "grants":
                return tuple(_read_grants(text, identity_secret))
            case "payouts":
                return tuple(_read_payouts(text, identity_secret))
            case "bill":
                return tuple(_read_bill(text))
            case "text" | "long":
                return _read_text(text, _MAX_TEXT[self.kind])
            case _:
                return _READERS[self.kind](text)


@cache
def all_fields() -> Mapping[str, FormField]:
    """Every field of `NodeFields`, in its order; one in `fields.yaml` that an event doesn't have is an error."""
    filled = yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text(encoding="utf-8"))
    if unknown := set(filled) - set(NodeFields.model_fields):
        raise ValueError(f"fields.yaml: {', '.join(sorted(unknown))} is no field of an event")
    names = words().fields
    return {
        name: FormField(
            name,
            names[name].zh,
            names[name].en,
            filled.get(name, {}).get("kind") or _kind(name, info.annotation),
            tuple(filled.get(name, {}).get("also", ())),
        )
        for name, info in NodeFields.model_fields.items()
    }


def _kind(name: str, annotation: Any) -> Kind:
    if name in LISTS:
        return name
    if name.endswith("_fen"):
        return "money"
    options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    by_type: dict[Any, Kind] = {bool: "yes_no", int: "integer", float: "number", date: "date"}
    for option in options:
        if option in by_type:
            return by_type[option]
    return "names" if typing.get_origin(annotation) is tuple else "text"


def _read_text(text: str, limit: int) -> str:
    if len(text) > limit:
        raise Unreadable(f"最多 {limit} 字", f"{limit} characters at most")
    return text


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in re.split(r"[、,;/\n]", text) if name.strip())


# Whether the bank sent it back.
_RESULTS: Mapping[str, bool] = {"成功": False, "paid": False, "退回": True, "rejected": True}
_READERS: Mapping[str, Any] = {
    "money": read_money,
    "number": read_number,
    "integer": read_integer,
    "date": read_date,
    "yes_no": read_yes_no,
    "names": _read_names,
}


def _read_id_no(text: str, secret: str) -> str:
    if not valid_id_no(text):
        raise Unreadable("身份证号不正确,请核对", "This is no valid ID number")
    return person_key(text, secret)


def _read_account_no(text: str, secret: str) -> str:
    return account_key(read_account_no(text), secret)


def read_phone(text: str, secret: str) -> tuple[str, str]:
    """A telephone's key and its last digits; raises `Unreadable`."""
    return phone_key(read_phone_no(text), secret), phone_tail(text)


def _read_bids(text: str, secret: str) -> Iterator[Bid]:
    for parts in _rows(
        text,
        (3, 4, 6),
        "报价写作 单位|信用代码|金额(元),可再加 |否决理由(可空)|项目负责人|身份证号;多家用分号隔开",
        "Write company|code|yuan, and |reason if it was rejected, or |reason (may be empty)|manager|ID number; ...",
    ):
        told = dict(
            zip(("company_name", "company_id", "price", "reject_reason", "manager", "id_no"), parts, strict=False)
        )
        yield read_bid(told, secret)


def _read_workers(text: str, secret: str) -> Iterator[Worker]:
    for parts in _rows(
        text,
        (4, 5),
        "人员写作 姓名|身份证号|天数|金额(元),可再加 |日工资(元);多人用分号隔开",
        "Write name|ID number|days|yuan, and |day rate in yuan if you like; ...",
    ):
        yield read_worker(dict(zip(("name", "id_no", "days", "wage", "day_rate"), parts, strict=False)), secret)


def _read_attendance(text: str, secret: str) -> Iterator[Attendance]:
    for name, id_no, days, first, last in _rows(
        text,
        (5,),
        "考勤写作 姓名|身份证号|天数|起|止;多人用分号隔开",
        "Write name|ID number|days|first day|last day; ...",
    ):
        yield Attendance(
            name=_named(name),
            person_key=_read_id_no(id_no, secret),
            days=read_number(days),
            first_on=read_date(first),
            last_on=read_date(last),
        )


def _read_grants(text: str, secret: str) -> Iterator[Grant]:
    for name, id_no, amount in _rows(
        text, (3,), "名单写作 姓名|身份证号|金额(元);多人用分号隔开", "Write name|ID number|yuan; ..."
    ):
        yield Grant(name=_named(name), person_key=_read_id_no(id_no, secret), amount_fen=read_money(amount))


def _read_payouts(text: str, secret: str) -> Iterator[Payout]:
    for name, id_no, amount, holder, result, *account in _rows(
        text,
        (5, 6),
        "发放结果写作 姓名|身份证号|金额(元)|户名(本人可空)|成功或退回|账号(可不填);多人用分号隔开",
        "Write name|ID number|yuan|account holder (empty: himself)|成功 (paid) or 退回 (rejected)|account number; ...",
    ):
        if result not in _RESULTS:
            raise Unreadable("结果应填 成功 或 退回", "Write 成功 (paid) or 退回 (rejected)")
        yield Payout(
            name=_named(name),
            person_key=_read_id_no(id_no, secret),
            amount_fen=read_money(amount),
            holder=holder or None,
            rejected=_RESULTS[result],
            account_key=_read_account_no(account[0], secret) if account and account[0] else None,
        )


def _read_bill(text: str) -> Iterator[BillLine]:
    for name, quantity, price, amount in _rows(
        text, (4,), "清单写作 名称|数量|单价(元)|金额(元);多项用分号隔开", "Write item|quantity|unit price|yuan; ..."
    ):
        yield BillLine(
            name=_named(name),
            quantity=read_number(quantity),
            unit_price_fen=read_money(price),
            amount_fen=read_money(amount),
        )


def _named(name: str) -> str:
    if not name:
        raise Unreadable("每行都要填名称", "Each row needs a name")
    return name


def _rows(text: str, columns: tuple[int, ...], zh: str, en: str) -> Iterator[Sequence[str]]:
    for line in re.split(r"[;\n]", text):
        if line.strip():
            parts = [part.strip() for part in line.split("|")]
            if len(parts) not in columns:
                raise Unreadable(zh, en)
            yield parts


def read_bid(row: Mapping[str, str], secret: str) -> Bid:
    """One row of the bids' table; an offer with a reason of rejection is not valid. Raises `Unreadable`."""
    if not row.get("company_name") or not row.get("company_id"):
        raise Unreadable("每个报价都要填单位名称和统一社会信用代码", "A bid needs the company's name and credit code")
    reason = row.get("reject_reason") or None
    return Bid(
        company_id=row["company_id"].upper(),
        company_name=row["company_name"],
        price_fen=read_money(row["price"]),
        valid=reason is None,
        reject_reason=reason,
        manager_name=row.get("manager") or None,
        manager_key=_read_id_no(row["id_no"], secret) if row.get("id_no") else None,
    )


def read_worker(row: Mapping[str, str], secret: str) -> Worker:
    """One row of the wage sheet; raises `Unreadable`."""
    if not row.get("name"):
        raise Unreadable("每行都要填姓名", "Each row needs a name")
    return Worker(
        name=row["name"],
        person_key=_read_id_no(row["id_no"], secret),
        birth_year=birth_year(row["id_no"]),
        days=read_number(row["days"]),
        wage_fen=read_money(row["wage"]),
        day_rate_fen=read_money(row["day_rate"]) if row.get("day_rate") else None,
    )
