"""Events of `power.events`, published by approval: what happened to a case of village power.

Key: the village code. Money is fen, times are UTC. These events are kept for good, so what identifies somebody by a
number stands in them only as a keyed hash (`shared.identity`, fields that end in `_key`): persons, bank accounts, and
of a bid its telephone, IP address and machine; of the telephone also the last three digits, for readers. In clear stay
the names of persons and companies, companies' credit codes, and whatever people write into titles and free text.
"""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract, Fen, RegionCode, Sha256, UtcTime

TOPIC = "power.events"
Matter = Literal["PR", "EN", "AS", "LA", "RE", "SE"]


class Actor(Contract):
    """Who did it, in which role of the flow catalogue."""

    person_key: str
    name: str
    role: str


class DocumentRef(Contract):
    """A paper filed at a node, by its content's SHA-256."""

    kind: str
    sha256: Sha256
    name: str
    size: int = Field(ge=0)


class Bid(Contract):
    """One bidder's offer, with the traces that bidding leaves behind, as keyed hashes."""

    company_id: str
    company_name: str
    price_fen: Fen
    submitted_at: UtcTime | None = None
    contact_phone_key: str | None = None
    contact_phone_tail: str | None = None
    ip_key: str | None = None
    device_key: str | None = None
    bond_account_key: str | None = None
    manager_key: str | None = None
    manager_name: str | None = None
    valid: bool = True
    reject_reason: str | None = None


class Worker(Contract):
    """One line of a wage sheet. Of a birthday only the year is kept: enough to tell an age by."""

    person_key: str
    name: str
    days: float
    wage_fen: Fen
    birth_year: int | None = None
    day_rate_fen: Fen | None = None


class Attendance(Contract):
    """The days that a worker was seen at work, as confirmed on the spot, and between which days they lie."""

    person_key: str
    name: str
    days: float
    first_on: date
    last_on: date


class Grant(Contract):
    """One line of a list of relief: who is to get how much."""

    person_key: str
    name: str
    amount_fen: Fen


class Payout(Contract):
    """One line of the bank's answer. `holder` owns the account where that isn't the person himself."""

    person_key: str
    name: str
    amount_fen: Fen
    holder: str | None = None
    rejected: bool = False
    account_key: str | None = None


class BillLine(Contract):
    """One line of a bill: a budget, a quotation or a settlement."""

    name: str
    quantity: float
    unit_price_fen: Fen
    amount_fen: Fen


class Ballot(Contract):
    """How one member of a body voted in a joint decision, and for which role. Who stands aside isn't counted."""

    person_key: str
    name: str
    vote: Literal["for", "against", "abstain"]
    cast_at: UtcTime
    role: str | None = None
    stands_aside: bool = False


class Waiting(Contract):
    """A node where the case waits beside its `next_node`: several bodies are at work at once."""

    node: str
    due_at: UtcTime | None = None


class NodeFields(Contract):
    """Every field a form of the flow catalogue may ask for. A node's form is a choice of these names.

    The catalogue is checked against this model when it loads, and the detector declares its CEL
    variables from it, so that a misspelt field is an error before any event is read.
    """

    item: str | None = None
    category: str | None = None
    reason: str | None = None
    location: str | None = None
    quantity: float | None = None
    unit: str | None = None
    funding_source: str | None = None
    estimate_fen: Fen | None = None
    budget_fen: Fen | None = None
    ceiling_price_fen: Fen | None = None
    award_fen: Fen | None = None
    contract_fen: Fen | None = None
    change_fen: Fen | None = None
    settlement_fen: Fen | None = None
    payment_fen: Fen | None = None
    payment_method: str | None = None
    cash_balance_fen: Fen | None = None
    invoice_no: str | None = None
    invoice_fen: Fen | None = None
    invoice_item: str | None = None
    invoice_verified: bool | None = None
    invoiced_on: date | None = None
    asset_id: str | None = None
    asset_name: str | None = None
    appraisal_fen: Fen | None = None
    reserve_fen: Fen | None = None
    annual_rent_fen: Fen | None = None
    received_fen: Fen | None = None
    banked_on: date | None = None
    lease_from: date | None = None
    lease_to: date | None = None
    selection_method: str | None = None
    bids: tuple[Bid, ...] = ()
    bid_bond_fen: Fen | None = None
    performance_bond_fen: Fen | None = None
    bond_returned_on: date | None = None
    supplier_id: str | None = None
    supplier_name: str | None = None
    lessee_key: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    agent_drawn: bool | None = None
    subcontractor_id: str | None = None
    subcontractor_name: str | None = None
    subcontract_fen: Fen | None = None
    payee_name: str | None = None
    payee_account_key: str | None = None
    contract_no: str | None = None
    contract_signed_on: date | None = None
    contract_days: int | None = None
    started_on: date | None = None
    finished_on: date | None = None
    accepted: bool | None = None
    inspectors: tuple[str, ...] = ()
    meeting_on: date | None = None
    attendees_due: int | None = None
    attendees_present: int | None = None
    votes_for: int | None = None
    votes_against: int | None = None
    approved: bool | None = None
    opinion: str | None = None
    notice_from: date | None = None
    notice_to: date | None = None
    objections: int | None = None
    position: str | None = None
    headcount: int | None = None
    worker_names: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    hire_person_key: str | None = None
    hire_name: str | None = None
    beneficiary_key: str | None = None
    beneficiary_name: str | None = None
    household_size: int | None = None
    household_income_fen: Fen | None = None
    relief_kind: str | None = None
    relief_fen: Fen | None = None
    visited_on: date | None = None
    seal_purpose: str | None = None
    seal_kind: str | None = None
    copies: int | None = None
    seal_blank: bool | None = None
    seal_diff_pct: float | None = None
    recipient: str | None = None
    related_case_no: str | None = None
    risk_note: str | None = None
    measured_quantity: float | None = None
    submitted_fen: Fen | None = None
    auditor_name: str | None = None
    bill: tuple[BillLine, ...] = ()
    attendance: tuple[Attendance, ...] = ()
    grants: tuple[Grant, ...] = ()
    payouts: tuple[Payout, ...] = ()
    rent_step_pct: float | None = None
    stamped_away_m: int | None = None
    major: bool | None = None
    excess_reason: str | None = None
    direct_reason: str | None = None
    beneficiary_minor: bool | None = None
    guardian_name: str | None = None
    guardian_key: str | None = None


class CaseEvent(Contract):
    """What all events of a case carry. `sequence` counts the case's own events from 1, without gaps.

    `actor` is who did it; `on_behalf_of` whom he stood in for, with the role that was handed over to him for a time.
    """

    case_id: str
    case_no: str
    title: str
    matter: Matter
    flow: str
    flow_version: int = 1
    village_code: RegionCode
    town_code: RegionCode
    sequence: int = Field(ge=1)
    occurred_at: UtcTime
    actor: Actor
    on_behalf_of: Actor | None = None


class CaseOpened(CaseEvent):
    """A case was opened; it waits at `next_node` until `next_due_at`."""

    TYPE: ClassVar[str] = "case.opened.v1"
    fields: NodeFields = NodeFields()
    next_node: str
    next_due_at: UtcTime | None = None


class NodeCompleted(CaseEvent):
    """A node was completed with its form and papers; `next_node` is empty when the case is closed by it.

    `also_waiting` are the other nodes where it waits now, `left_out` those that it passed over because the flow doesn't
    ask for them here, `ballots` the votes of a joint decision. `expected_node`, the node that was due instead, and
    `backfilled` are filled by imports of existing records, which may show steps out of order.
    """

    TYPE: ClassVar[str] = "case.node_completed.v1"
    node: str
    fields: NodeFields = NodeFields()
    documents: tuple[DocumentRef, ...] = ()
    required_documents: tuple[str, ...] = ()
    started_at: UtcTime | None = None
    due_at: UtcTime | None = None
    notice_ends_at: UtcTime | None = None
    expected_node: str | None = None
    next_node: str | None = None
    next_due_at: UtcTime | None = None
    backfilled: bool = False
    also_waiting: tuple[Waiting, ...] = ()
    left_out: tuple[str, ...] = ()
    ballots: tuple[Ballot, ...] = ()


class NodeReturned(CaseEvent):
    """A node was sent back to an earlier one."""

    TYPE: ClassVar[str] = "case.node_returned.v1"
    node: str
    to_node: str
    reason: str
    next_due_at: UtcTime | None = None
    also_waiting: tuple[Waiting, ...] = ()


class CaseWithdrawn(CaseEvent):
    """The applicant took the case back."""

    TYPE: ClassVar[str] = "case.withdrawn.v1"
    node: str
    reason: str


class BallotCast(CaseEvent):
    """A member of a body voted at a node that is decided jointly; a later ballot of the same person replaces it."""

    TYPE: ClassVar[str] = "case.ballot_cast.v1"
    node: str
    ballot: Ballot


class CaseAmended(CaseEvent):
    """What was filled in at a node, or at the opening (no `node`), was put right, for a reason.

    From now on `fields`, the whole form, holds; `before` has what the `changed` fields said until now, and stays
    evidence. `supersedes` and `done_at` are number and time of the event that is put right. When it concerns what was
    decided, the case goes back to `to_node` to be decided anew.
    """

    TYPE: ClassVar[str] = "case.amended.v1"
    node: str | None = None
    supersedes: int = Field(ge=1)
    done_at: UtcTime
    changed: tuple[str, ...]
    before: NodeFields = NodeFields()
    fields: NodeFields = NodeFields()
    reason: str
    to_node: str | None = None
    next_due_at: UtcTime | None = None
    also_waiting: tuple[Waiting, ...] = ()


class CaseSuspended(CaseEvent):
    """The case rests at `node` for a reason, as a rule until `until`; no term runs meanwhile."""

    TYPE: ClassVar[str] = "case.suspended.v1"
    node: str
    reason: str
    until: date | None = None


class CaseResumed(CaseEvent):
    """The case goes on at `node` after it rested since `suspended_at`; its terms end later by as much."""

    TYPE: ClassVar[str] = "case.resumed.v1"
    node: str
    suspended_at: UtcTime
    next_due_at: UtcTime | None = None
    also_waiting: tuple[Waiting, ...] = ()


class CaseArchived(CaseEvent):
    """A closed case was put into the archive, complete: so many papers, `digest` over its events and papers."""

    TYPE: ClassVar[str] = "case.archived.v1"
    archive_no: str
    documents: int = Field(ge=0)
    digest: Sha256


PowerEvent = (
    CaseOpened
    | NodeCompleted
    | NodeReturned
    | CaseWithdrawn
    | BallotCast
    | CaseAmended
    | CaseSuspended
    | CaseResumed
    | CaseArchived
)
EVENTS: tuple[type[CaseEvent], ...] = (
    CaseOpened,
    NodeCompleted,
    NodeReturned,
    CaseWithdrawn,
    BallotCast,
    CaseAmended,
    CaseSuspended,
    CaseResumed,
    CaseArchived,
)
