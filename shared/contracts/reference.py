"""Records of `reference.<dataset>`: the county's registers, compacted by record id.

Each record is valid in [`valid_from`, `valid_to`), the day of truth; `recorded_at` is the day of knowing.
Persons, accounts and telephones appear as keyed hashes. A tombstone (null value) deletes a record.
"""

from datetime import date
from typing import ClassVar, Literal

from shared.contracts.base import Contract, Fen, RegionCode, UtcTime


class Record(Contract):
    """What every register's record carries."""

    DATASET: ClassVar[str]
    id: str
    valid_from: date = date(1949, 10, 1)
    valid_to: date | None = None
    recorded_at: UtcTime | None = None


class Shareholder(Contract):
    """A natural person's stake in a company."""

    person_key: str
    name: str
    share: float = 0.0


class Company(Record):
    """A company; `id` is its unified social credit code."""

    DATASET: ClassVar[str] = "companies"
    name: str
    legal_person_key: str
    legal_person_name: str
    shareholders: tuple[Shareholder, ...] = ()
    managers: tuple[Shareholder, ...] = ()
    phone_keys: tuple[str, ...] = ()
    address: str | None = None
    account_keys: tuple[str, ...] = ()
    registered_on: date | None = None


class Staff(Record):
    """A person who holds public power: on the payroll list (编内) or not (编外), and where he oversees."""

    DATASET: ClassVar[str] = "staff"
    person_key: str
    name: str
    position: str
    level: Literal["village", "town", "county"]
    on_payroll: bool = True
    region_code: RegionCode
    oversees: tuple[RegionCode, ...] = ()


class Kinship(Record):
    """Two persons are kin."""

    DATASET: ClassVar[str] = "kinship"
    person_key: str
    relative_key: str
    relation: str


class Relief(Record):
    """A person stands on a relief roll."""

    DATASET: ClassVar[str] = "relief"
    person_key: str
    name: str
    kind: str
    village_code: RegionCode


class Death(Record):
    """A person died on `died_on`."""

    DATASET: ClassVar[str] = "deaths"
    person_key: str
    name: str
    died_on: date


class Blacklist(Record):
    """A company or person is barred while the record is valid; `subject_id` is the company id or person key."""

    DATASET: ClassVar[str] = "blacklist"
    subject_id: str
    name: str
    reason: str


class Asset(Record):
    """A collective asset or resource of a village."""

    DATASET: ClassVar[str] = "assets"
    name: str
    village_code: RegionCode
    kind: str
    book_value_fen: Fen = 0


DATASETS: dict[str, type[Record]] = {
    model.DATASET: model for model in (Company, Staff, Kinship, Relief, Death, Blacklist, Asset)
}


def topic(dataset: str) -> str:
    """The topic of a dataset."""
    return f"reference.{dataset}"


RECORD_SET = "reference.record_set.v1"
RECORD_DELETED = "reference.record_deleted.v1"
