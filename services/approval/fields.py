"""How people fill in `NodeFields`: names of the fields, and their text (yuan, dates, 是/否) read as values."""

import re
import types
import typing
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from shared import texts
from shared.contracts.power import Attendance, Bid, BillLine, Grant, NodeFields, Payout, Worker
from shared.identity import account_key, birth_year, normalise_phone, person_key, phone_key, phone_tail, valid_id_no
from shared.words import words
from shared.workdays import SHANGHAI

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
_MAX_FEN = 10**15
_MAX_TEXT = {"text": 500, "long": 4000}
_YES = frozenset({"是", "同意", "通过", "合格", "有", "√", "y", "yes", "true", "1"})
_NO = frozenset({"否", "不同意", "不通过", "不合格", "无", "×", "n", "no", "false", "0"})
_DATE = re.compile(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?$|^(\d{4})(\d{2})(\d{2})$")
_CLOCK = re.compile(r"^(.*?)[T\s]+(\d{1,2})[::时](\d{1,2})(?:[::分](\d{1,2}))?[分秒]?$")
_MONEY = re.compile(r"^[¥¥]?\s*(-?[\d,]+(?:\.\d+)?)\s*(万)?\s*元?(?:整)?$")


class Unreadable(ValueError):
    """A text that isn't what its field holds; `zh` and `en` say how to mend it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


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
        text = unicodedata.normalize("NFKC", text.replace("\r\n", "\n")).strip()
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


def _read_text(text: str, limit: int) -> str:
    if len(text) > limit:
        raise Unreadable(f"最多 {limit} 字", f"{limit} characters at most")
    return text


def _read_integer(text: str) -> int:
    number = _read_number(text)
    if number != int(number):
        raise Unreadable("应为整数", "A whole number is needed")
    return int(number)


def _read_number(text: str) -> float:
    if not re.fullmatch(r"-?[\d,]{1,18}(\.\d{1,9})?", text) or not any(c.isdigit() for c in text):
        raise Unreadable("应为数字", "A number is needed")
    return float(text.replace(",", ""))


def _read_yes_no(text: str) -> bool:
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable("应填 是 或 否", "Write 是 (yes) or 否 (no)")


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in re.split(r"[、,;/\n]", text) if name.strip())


# Whether the bank sent it back.
_RESULTS: Mapping[str, bool] = {"成功": False, "paid": False, "退回": True, "rejected": True}
_READERS: Mapping[str, Any] = {
    "money": read_money,
    "number": _read_number,
    "integer": _read_integer,
    "date": read_date,
    "yes_no": _read_yes_no,
    "names": _read_names,
}


def _read_id_no(text: str, secret: str) -> str:
    if not valid_id_no(text):
        raise Unreadable("身份证号不正确,请核对", "This is no valid ID number")
    return person_key(text, secret)


def _read_account_no(text: str, secret: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z\- ]{5,40}", text):
        raise Unreadable("银行账号应为 5 到 40 位数字", "An account number of 5 to 40 digits is needed")
    return account_key(text, secret)


def read_phone(text: str, secret: str) -> tuple[str, str]:
    """A telephone's key and its last digits; raises `Unreadable`."""
    if not re.fullmatch(r"[0-9]{5,16}", normalise_phone(text)):
        raise Unreadable("电话号码不正确,请核对", "This is no telephone number")
    return phone_key(text, secret), phone_tail(text)


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
        text, (4,), "人员写作 姓名|身份证号|天数|金额(元);多人用分号隔开", "Write name|ID number|days|yuan; ..."
    ):
        yield read_worker({"name": parts[0], "id_no": parts[1], "days": parts[2], "wage": parts[3]}, secret)


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
            days=_read_number(days),
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
            quantity=_read_number(quantity),
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
        days=_read_number(row["days"]),
        wage_fen=read_money(row["wage"]),
    )
