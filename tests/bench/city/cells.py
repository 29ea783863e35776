"""What a ledger's cells say of a simulated form: words and numbers as people write them, nothing keyed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from deploy.demo.county import County
from services.approval.fields import all_fields
from shared.contracts.power import Attendance, Bid, BillLine, Grant, NodeFields, Payout, Worker
from shared.identity import account_key

_COMPANY_ACCOUNT, _PERSON_ACCOUNT = "6228480399", "62170"


class Numbers:
    """The numbers behind the keyed hashes of a simulated county."""

    def __init__(self, county: County) -> None:
        self._county = county
        self._accounts: dict[str, str] = {}
        self._companies = self._persons = 0

    def of_person(self, key: str) -> str:
        """The ID number of a person; "" for one whom the county didn't make."""
        return self._county.people.numbers.get(key, "")

    def of_account(self, key: str) -> str:
        """The number of an account; "" where it is neither a company's nor one that relief is paid into."""
        if key not in self._accounts:
            self._learn()
        return self._accounts.get(key, "")

    def _learn(self) -> None:
        """The accounts of those that were made since the last time."""
        companies, persons = len(self._county.companies), list(self._county.people.numbers.values())
        numbers = [f"{_COMPANY_ACCOUNT}{number:09d}" for number in range(self._companies + 1, companies + 1)]
        numbers += [f"{_PERSON_ACCOUNT}{person}" for person in persons[self._persons :]]
        self._companies, self._persons = companies, len(persons)
        self._accounts |= {account_key(number, self._county.secret): number for number in numbers}


def cells(fields: NodeFields, numbers: Numbers) -> dict[str, str]:
    """The cells of a form by their Chinese headers; what can't be told in clear is left out."""
    told = {name: getattr(fields, name) for name in fields.model_fields_set}
    known = all_fields()
    return {known[name].zh: text for name, value in told.items() if (text := _text(known[name].kind, value, numbers))}


def _text(kind: str, value: Any, numbers: Numbers) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return "是" if value else "否"
        case date():
            return value.isoformat()
        case int() if kind == "money":
            return _yuan(value)
        case str() if kind == "id_no":
            return numbers.of_person(value)
        case str() if kind == "account_no":
            return numbers.of_account(value)
        case (str(), *_):
            return "、".join(value)
        case tuple():
            lines = [_line(part, numbers) for part in value]
            return ";".join(lines) if all(lines) else ""
        case _:
            return str(value)


def _line(part: Any, numbers: Numbers) -> str:
    """One entry of a list as `services.approval.fields` reads it; "" when a person's number isn't known."""
    match part:
        case Bid():
            manager = numbers.of_person(part.manager_key or "")
            more = [part.reject_reason or "", part.manager_name or "", manager] if manager else []
            return "|".join([part.company_name, part.company_id, _yuan(part.price_fen), *more])
        case BillLine():
            return "|".join((part.name, f"{part.quantity:g}", _yuan(part.unit_price_fen), _yuan(part.amount_fen)))
    if not (person := numbers.of_person(part.person_key)):
        return ""
    return "|".join((part.name, person, *_rest(part)))


def _rest(part: Worker | Attendance | Grant | Payout) -> tuple[str, ...]:
    match part:
        case Worker():
            return f"{part.days:g}", _yuan(part.wage_fen)
        case Attendance():
            return f"{part.days:g}", part.first_on.isoformat(), part.last_on.isoformat()
        case Grant():
            return (_yuan(part.amount_fen),)
        case Payout():
            return _yuan(part.amount_fen), part.holder or "", "退回" if part.rejected else "成功"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def headers() -> Mapping[str, None]:
    """Every header that a form's cells may stand under, in the order of the fields."""
    return {field.zh: None for field in all_fields().values()}
