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
    scope: str | None = None


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
    """A collective asset or resource of a village; `quantity` is its registered size in `unit`.

    `vacated_on` is the day on which its last lessee handed it back.
    """

    DATASET: ClassVar[str] = "assets"
    name: str
    village_code: RegionCode
    kind: str
    book_value_fen: Fen = 0
    quantity: float | None = None
    unit: str | None = None
    vacated_on: date | None = None


class Appeal(Record):
    """A resident's appeal about a case, as the county's appeals desk keeps it: when what was done, never by whom.

    `unsatisfied` counts the times that its author refused the answer; `redone_at` is when it was answered again.
    """

    DATASET: ClassVar[str] = "appeals"
    village_code: RegionCode
    case_no: str
    kind: Literal["question", "suggestion", "complaint"]
    filed_at: UtcTime
    accepted_at: UtcTime | None = None
    answered_at: UtcTime | None = None
    redone_at: UtcTime | None = None
    unsatisfied: int = 0


class Hazard(Record):
    """A danger that the county told its villages of: a warning, a fire, an epidemic, an order to make safe.

    It holds for all of `region_code` (a village, a town or the county), from its validity's first day to its last.
    """

    DATASET: ClassVar[str] = "hazards"
    region_code: RegionCode
    kind: str
    note: str = ""


class Receipt(Record):
    """A receipt that a village gave for money, and what of it is in the bank by the statement."""

    DATASET: ClassVar[str] = "receipts"
    village_code: RegionCode
    receipt_no: str
    contract_no: str = ""
    payer: str
    amount_fen: Fen
    issued_on: date
    banked_fen: Fen = 0
    banked_on: date | None = None


class Member(Contract):
    """A person of a household."""

    person_key: str
    name: str
    relation: str = ""


class Household(Record):
    """Persons who keep house together, as relief counts them."""

    DATASET: ClassVar[str] = "households"
    village_code: RegionCode
    members: tuple[Member, ...]


class Vehicle(Record):
    """A motor vehicle; `kind` is as registered (小型轿车, 三轮汽车, ...)."""

    DATASET: ClassVar[str] = "vehicles"
    owner_key: str
    owner_name: str
    kind: str
    value_fen: Fen = 0


class Property(Record):
    """Real estate in a person's name; `kind` is as registered (住宅, 商铺, ...)."""

    DATASET: ClassVar[str] = "property"
    owner_key: str
    owner_name: str
    kind: str
    area: float = 0.0


class BankAccount(Record):
    """Who holds an account. `holder_key` is a person key or a company id; `on_behalf_of` are those it is kept for."""

    DATASET: ClassVar[str] = "bank_accounts"
    account_key: str
    holder_key: str
    holder_name: str
    on_behalf_of: tuple[str, ...] = ()


class Employment(Record):
    """A person works for a company or is insured by it; `dispatched` by a labour agency that insures for others."""

    DATASET: ClassVar[str] = "employments"
    person_key: str
    name: str
    company_id: str
    company_name: str
    kind: Literal["employed", "insured", "dispatched"] = "insured"


class Interest(Contract):
    """A company that an official has declared as his own or his kin's."""

    company_id: str
    company_name: str
    holder: str = ""


class IntegrityFile(Record):
    """What an official has declared to the discipline commission (廉政档案)."""

    DATASET: ClassVar[str] = "integrity_files"
    person_key: str
    name: str
    interests: tuple[Interest, ...] = ()


class CollectiveContract(Record):
    """A contract in the village's ledger of contracts."""

    DATASET: ClassVar[str] = "contracts"
    village_code: RegionCode
    contract_no: str
    kind: str
    party_id: str = ""
    party_name: str
    amount_fen: Fen


class Lease(Record):
    """A collective asset let to somebody, a firm (`lessee_id`) or a person (`lessee_key`), from and to its validity."""

    DATASET: ClassVar[str] = "leases"
    village_code: RegionCode
    asset_id: str
    asset_kind: str
    lessee_id: str = ""
    lessee_key: str = ""
    lessee_name: str
    annual_rent_fen: Fen
    quantity: float
    unit: str


class ReferencePrice(Record):
    """A price in the county's price library: the median of so many observations, and how far they spread."""

    DATASET: ClassVar[str] = "prices"
    item: str
    unit: str
    price_fen: Fen
    observations: int
    spread_pct: float = 0.0


class LabourRate(Record):
    """The day rate that a village's meeting has set for a kind of work (`kind`, empty for all)."""

    DATASET: ClassVar[str] = "labour_rates"
    village_code: RegionCode
    kind: str = ""
    day_rate_fen: Fen


class Budget(Record):
    """A line of a village's approved budget for its validity: which flows, and which words of purchases, fall under it.

    Validity is the budget's period, as a rule a calendar year.
    """

    DATASET: ClassVar[str] = "budgets"
    village_code: RegionCode
    line: str
    amount_fen: Fen
    flows: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


_REGISTERS: tuple[type[Record], ...] = (
    Company,
    Staff,
    Kinship,
    Relief,
    Death,
    Blacklist,
    Asset,
    Household,
    Vehicle,
    Property,
    BankAccount,
    Employment,
    IntegrityFile,
    CollectiveContract,
    Lease,
    ReferencePrice,
    LabourRate,
    Budget,
    Appeal,
    Hazard,
    Receipt,
)
DATASETS: dict[str, type[Record]] = {model.DATASET: model for model in _REGISTERS}


def topic(dataset: str) -> str:
    """The topic of a dataset."""
    return f"reference.{dataset}"


RECORD_SET = "reference.record_set.v1"
RECORD_DELETED = "reference.record_deleted.v1"
