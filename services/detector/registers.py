"""The registers' records that a verdict rests on, found by typed lookups. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, cast

from services.detector.names import company_sound, plain, sound
from shared.contracts.reference import (
    Appeal,
    Asset,
    BankAccount,
    Blacklist,
    Budget,
    CollectiveContract,
    Company,
    Death,
    Employment,
    Hazard,
    Household,
    IntegrityFile,
    Kinship,
    LabourRate,
    Lease,
    Property,
    Receipt,
    Record,
    ReferencePrice,
    Relief,
    Staff,
    Vehicle,
)
from shared.regions import town_of

R = TypeVar("R", bound=Record)


class Need(NamedTuple):
    """One question to a register: the records of `dataset` whose `lookup` is `value`."""

    dataset: str
    lookup: str
    value: str


def lookups_of(record: Record) -> frozenset[Need]:
    """Every question that a record answers: file it under these, and judge again the keys that asked them."""
    return frozenset(Need(record.DATASET, lookup, value) for lookup, value in _lookups(record) if value)


def _lookups(record: Record) -> Iterable[tuple[str, str]]:
    yield "id", record.id
    match record:
        case Company():
            yield "sound", company_sound(record.name)
            yield "holder_key", record.legal_person_key
            yield from (("holder_key", holder.person_key) for holder in (*record.shareholders, *record.managers))
            yield from (("account_keys", key) for key in record.account_keys)
        case Staff():
            yield "person_key", record.person_key
            yield "sound", sound(record.name)
            yield "region_code", record.region_code
        case Kinship():
            yield "person_key", record.person_key
            yield "relative_key", record.relative_key
        case Relief():
            yield "person_key", record.person_key
            yield "village_code", record.village_code
        case Death() | IntegrityFile():
            yield "person_key", record.person_key
        case Blacklist():
            yield "subject_id", record.subject_id
            yield "sound", company_sound(record.name)
        case Asset() | LabourRate() | Budget():
            yield "village_code", record.village_code
        case Appeal():
            yield "case_no", record.case_no
        case Hazard():
            yield "region_code", record.region_code
        case Household():
            yield from (("person_key", member.person_key) for member in record.members)
        case Vehicle() | Property():
            yield "owner_key", record.owner_key
        case BankAccount():
            yield "account_key", record.account_key
        case Employment():
            yield "person_key", record.person_key
            yield "company_id", record.company_id
        case CollectiveContract():
            yield "contract_no", contract_of(record.village_code, record.contract_no)
        case Lease():
            yield "asset_id", record.asset_id
            yield "village_code", record.village_code
            yield "comparable", comparable(town_of(record.village_code), record.asset_kind, record.unit)
        case Receipt():
            yield "contract_no", record.contract_no and contract_of(record.village_code, record.contract_no)
            yield "receipt_no", contract_of(record.village_code, record.receipt_no)
        case ReferencePrice():
            yield "item", plain(record.item)


def contract_of(village: str, number: str) -> str:
    """Under what a contract is found: numbers are given out village by village."""
    return f"{village}:{plain(number)}"


def comparable(town: str, kind: str, unit: str) -> str:
    """Under what leases of one kind in one town are found."""
    return f"{town}:{plain(kind)}:{plain(unit)}"


@dataclass(frozen=True)
class Reference:
    """The records found for the needs of the keys judged. A need that was asked and not answered holds ()."""

    found: Mapping[Need, tuple[Record, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Reference":
        """Records filed under every question that they answer."""
        found: dict[Need, list[Record]] = {}
        for record in records:
            for need in lookups_of(record):
                found.setdefault(need, []).append(record)
        return cls({need: tuple(sorted(some, key=lambda record: record.id)) for need, some in found.items()})

    def all(self, model: type[R], lookup: str, value: str) -> tuple[R, ...]:
        """The records of a register whose `lookup` is `value`, by id."""
        return cast(tuple[R, ...], self.found.get(Need(model.DATASET, lookup, value), ()))

    def one(self, model: type[R], id: str) -> R | None:
        """The record of this id."""
        return next(iter(self.all(model, "id", id)), None)
