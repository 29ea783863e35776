"""Fictitious companies, each with a credit code that passes its check (GB 32100)."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.demo.people import Person
from deploy.demo.words import WORDS
from shared.contracts.reference import Company as CompanyRecord
from shared.contracts.reference import Shareholder
from shared.identity import account_key, device_key, ip_key, phone_key, phone_tail

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
# Registered by market supervision (9), an enterprise (1), in the area that no county has.
_PREFIX = "91330499"


@dataclass(frozen=True, slots=True)
class Company:
    """A company with its owner, and the traces that its bids leave behind, each as its keyed hash."""

    id: str
    name: str
    trade: str
    owner: Person
    partner: Person
    phone: str
    phone_tail: str
    address: str
    account: str
    ip: str
    device: str
    registered_on: date
    scope: str = ""

    def record(self) -> CompanyRecord:
        """Its entry in the register."""
        return CompanyRecord(
            id=self.id,
            name=self.name,
            legal_person_key=self.owner.key,
            legal_person_name=self.owner.name,
            shareholders=(
                Shareholder(person_key=self.owner.key, name=self.owner.name, share=0.7),
                Shareholder(person_key=self.partner.key, name=self.partner.name, share=0.3),
            ),
            phone_keys=(self.phone,),
            address=self.address,
            account_keys=(self.account,),
            registered_on=self.registered_on,
            scope=self.scope or WORDS["scopes"][self.trade],
            valid_from=self.registered_on,
        )


class Companies:
    """Makes companies that share nothing with each other, founded between two days."""

    def __init__(self, rng: Random, secret: str, founded: tuple[date, date]) -> None:
        self._rng = rng
        self._secret = secret
        self._founded = founded
        self._made = 0

    def company(self, trade: str, owner: Person, partner: Person, *, name: str | None = None) -> Company:
        """A new company of a trade (`works`, `goods`, `tenants`)."""
        self._made += 1
        number, (first, last) = self._made, self._founded
        phone = f"199{number:08d}"
        return Company(
            id=credit_code(f"{_PREFIX}MA{number:07d}"),
            name=name or self._name(trade, number),
            trade=trade,
            owner=owner,
            partner=partner,
            phone=phone_key(phone, self._secret),
            phone_tail=phone_tail(phone),
            address=f"嘉善县{self._rng.choice(WORDS['streets'])}{number}号",
            account=account_key(f"6228480399{number:09d}", self._secret),
            ip=ip_key(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", self._secret),
            device=device_key(f"{number:012X}", self._secret),
            registered_on=first + timedelta(days=self._rng.randint(0, (last - first).days)),
        )

    def _name(self, trade: str, number: int) -> str:
        names = WORDS["firm_names"]
        first, second = divmod(number, len(names))
        kind = WORDS["trades"][trade][number % len(WORDS["trades"][trade])]
        return f"嘉善{names[first % len(names)]}{names[second]}{_ordinal(first // len(names))}{kind}有限公司"


def credit_code(body: str) -> str:
    """The 18 characters of a credit code from its first 17."""
    total = sum(_ALPHABET.index(character) * weight for character, weight in zip(body, _WEIGHTS, strict=True))
    return body + _ALPHABET[(31 - total % 31) % 31]


def valid_credit_code(code: str) -> bool:
    """Whether the check character fits."""
    return len(code) == 18 and set(code) <= set(_ALPHABET) and credit_code(code[:17]) == code


def _ordinal(number: int) -> str:
    return "" if number == 0 else f"第{number + 1}"
