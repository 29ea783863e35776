"""From a case's public history to what was bought, let or sold: tender, bids, award, contract, changes, payments. Pure.

It folds only what is masked already. What was withheld until the award counts as told with the award, so that what was
published of an earlier step stays as it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from services.disclosure import people
from services.disclosure.cases import SIGNS_OF_AWARD, Case, Entry
from services.disclosure.masking import Masks

CHANGE = "EN5"
Standing = Literal["active", "ended", "cancelled"]
Said = Mapping[str, Any]


@dataclass(frozen=True)
class Party:
    """A firm in full, or a person as the mask shows him."""

    name: str

    @property
    def is_person(self) -> bool:
        """Whether it is no organisation; when in doubt it is a person."""
        return not people.is_organisation(self.name)


@dataclass(frozen=True)
class Bid:
    """One offer."""

    bidder: Party
    price_fen: int
    standing: Literal["valid", "disqualified", "withdrawn"]


@dataclass(frozen=True)
class Award:
    """Who was chosen at which price; `number` counts the awards of the case, for one may be made anew."""

    number: int
    node: str
    at: datetime
    supplier: Party | None
    amount_fen: int | None
    standing: Standing = "active"


@dataclass(frozen=True)
class Change:
    """A change of a contract that was resolved in a case of its own."""

    case_id: str
    sequence: int
    at: datetime
    amount_fen: int
    reason: str | None


@dataclass(frozen=True)
class Contract:
    """A contract; without `written` there is only the deal that a payment shows. `award` is the number of its award."""

    number: int
    award: int | None
    node: str
    at: datetime
    written: bool
    supplier: Party | None
    no: str | None = None
    signed_on: date | None = None
    days: int | None = None
    first_fen: int | None = None
    rent_fen: int | None = None
    lease_from: date | None = None
    lease_to: date | None = None
    started_on: date | None = None
    finished_on: date | None = None
    settlement_fen: int | None = None
    changes: tuple[Change, ...] = ()
    standing: Standing = "active"

    @property
    def changes_fen(self) -> int:
        """What its changes come to."""
        return sum(change.amount_fen for change in self.changes)

    @property
    def amount_fen(self) -> int | None:
        """Its amount with the changes so far."""
        return None if self.first_fen is None else self.first_fen + self.changes_fen


@dataclass(frozen=True)
class Payment:
    """Money that went out, or (`received`) came in, at a node; filed again it stands in the place of the former."""

    node: str
    at: datetime
    amount_fen: int
    other: Party | None
    received: bool


@dataclass(frozen=True)
class Paper:
    """An original filed at a node, by its fingerprint."""

    kind: str
    sha256: str
    at: datetime


@dataclass(frozen=True)
class Process:
    """All that is known at a moment."""

    item: str | None = None
    reason: str | None = None
    place: str | None = None
    quantity: float | None = None
    unit: str | None = None
    funding: str | None = None
    estimate_fen: int | None = None
    budget_fen: int | None = None
    ceiling_fen: int | None = None
    method: str | None = None
    tender_node: str | None = None
    tendered_at: datetime | None = None
    bids: tuple[Bid, ...] = ()
    bids_at: datetime | None = None
    awards: tuple[Award, ...] = ()
    contracts: tuple[Contract, ...] = ()
    payments: tuple[Payment, ...] = ()
    papers: tuple[Paper, ...] = ()
    cancelled: bool = False

    @property
    def award(self) -> Award | None:
        """The award that stands."""
        return next((each for each in reversed(self.awards) if each.standing == "active"), None)

    @property
    def contract(self) -> Contract | None:
        """The contract that stands or has ended well."""
        return next((each for each in reversed(self.contracts) if each.standing != "cancelled"), None)


@dataclass(frozen=True)
class Step:
    """The process after one event; `id` names the event and never changes."""

    id: str
    at: datetime
    process: Process


@dataclass
class _Held:
    """What is said and not yet told: it waits for the award."""

    said: dict[str, Any] = field(default_factory=dict)


def steps(case: Case, changes: Sequence[Change], masks: Masks) -> Iterator[Step]:
    """The process after each event of the case, and after each change of its contract, in the order of time."""
    process, held, waiting = Process(), _Held(), sorted(changes, key=lambda change: (change.at, change.case_id))
    for entry in case.history:
        at = datetime.fromisoformat(entry["at"])
        while waiting and waiting[0].at <= at and process.contract:
            process, change = _changed(process, waiting[0]), waiting.pop(0)
            yield Step(f"{change.case_id}-{change.sequence}", change.at, process)
        process = _after(process, entry, at, _told(entry, case, held, masks))
        if entry.get("closes"):
            process = _over(process) if case.sound else _cancelled(process)
        yield Step(f"{case.case_id}-{entry['sequence']}", at, process)
    for change in waiting:
        if process.contract:
            process = _changed(process, change)
            yield Step(f"{change.case_id}-{change.sequence}", change.at, process)


def last(case: Case, changes: Sequence[Change], masks: Masks) -> Process:
    """The process as it stands."""
    process = Process()
    for step in steps(case, changes, masks):
        process = step.process
    return process


def change_of(case: Case, masks: Masks) -> Change | None:
    """The change of another case's contract that a case has resolved; none while it runs, and when it was refused."""
    if case.flow != CHANGE or case.state != "closed" or not case.sound:
        return None
    said: dict[str, Any] = {}
    for entry in case.history:
        said |= _public(entry, case, masks)
    amount = said.get("change_fen")
    if amount is None:
        return None
    return Change(case.case_id, case.sequence, case.updated_at, amount, said.get("reason"))


def changed_case(case: Case, masks: Masks) -> str | None:
    """The number, in the same village, of the case whose contract a case is about to change."""
    if case.flow != CHANGE:
        return None
    said = (_public(entry, case, masks).get("related_case_no") for entry in case.history)
    return next((number for number in said if number), None)


def _public(entry: Entry, case: Case, masks: Masks) -> dict[str, Any]:
    """What the list in force still names."""
    return {name: value for name, value in entry.get("fields", {}).items() if masks.rule(name, case.places)}


def _told(entry: Entry, case: Case, held: _Held, masks: Masks) -> dict[str, Any]:
    said = _public(entry, case, masks)
    for name in [name for name in said if (rule := masks.rule(name, case.places)) and rule.withheld_until]:
        held.said[name] = said.pop(name)
    if any(said.get(sign) for sign in SIGNS_OF_AWARD):
        said |= held.said
        held.said = {}
    return said


def _after(process: Process, entry: Entry, at: datetime, said: Said) -> Process:
    match entry["kind"]:
        case "returned":
            return _taken_back(process, entry.get("to_node") or "")
        case "withdrawn":
            return _cancelled(process)
    if entry["kind"] == "amended" and entry.get("to_node"):
        return _taken_back(process, entry["to_node"])
    node = entry.get("node") or ""
    process = _planned(process, said, node, at)
    process = _awarded(process, said, node, at)
    process = _contracted(process, said, node, at)
    process = _paid(process, said, node, at)
    papers = (Paper(each["kind"], each["sha256"], at) for each in entry.get("documents", ()))
    known = {paper.sha256 for paper in process.papers}
    return replace(process, papers=(*process.papers, *_once(papers, known)))


def _once(papers: Iterable[Paper], known: set[str]) -> Iterator[Paper]:
    for paper in papers:
        if paper.sha256 not in known:
            known.add(paper.sha256)
            yield paper


_PLAN = {
    "item": "item",
    "asset_name": "item",
    "reason": "reason",
    "location": "place",
    "quantity": "quantity",
    "unit": "unit",
    "funding_source": "funding",
    "estimate_fen": "estimate_fen",
    "budget_fen": "budget_fen",
    "ceiling_price_fen": "ceiling_fen",
    "selection_method": "method",
}


def _planned(process: Process, said: Said, node: str, at: datetime) -> Process:
    # What is measured or bought in the end is no correction of what was asked for.
    settled = {"quantity", "unit"} if process.award else set()
    process = replace(
        process, **{_PLAN[name]: value for name, value in said.items() if name in _PLAN and name not in settled}
    )
    if said.get("bids"):
        process = replace(process, bids=tuple(_bids(process, said["bids"])), bids_at=at)
    begins = any(said.get(name) for name in ("selection_method", "ceiling_price_fen", "bids", "award_fen"))
    if begins and process.tendered_at is None:
        process = replace(process, tendered_at=at, tender_node=node)
    return process


def _bids(process: Process, said: Sequence[Said]) -> Iterator[Bid]:
    """The bids as filed now; who made one before and is no longer among them has withdrawn it."""
    for bid in said:
        yield Bid(Party(bid["name"]), bid["price_fen"], "valid" if bid["valid"] else "disqualified")
    there = {bid["name"] for bid in said}
    for before in process.bids:
        if before.bidder.name not in there:
            yield replace(before, standing="withdrawn")


def _awarded(process: Process, said: Said, node: str, at: datetime) -> Process:
    amount, standing = said.get("award_fen"), process.award
    if amount is None:
        return process
    supplier = _party(said.get("supplier_name"))
    if standing is None:
        award = Award(len(process.awards) + 1, node, at, supplier, amount)
        return replace(process, awards=(*process.awards, award))
    return replace(
        process,
        awards=_put(process.awards, replace(standing, supplier=supplier or standing.supplier, amount_fen=amount)),
    )


_SIGNED = {
    "contract_no": "no",
    "contract_signed_on": "signed_on",
    "contract_days": "days",
    "contract_fen": "first_fen",
    "annual_rent_fen": "rent_fen",
    "lease_from": "lease_from",
    "lease_to": "lease_to",
    "started_on": "started_on",
    "finished_on": "finished_on",
    "settlement_fen": "settlement_fen",
}
_DAYS = frozenset(("contract_signed_on", "lease_from", "lease_to", "started_on", "finished_on"))


def _contracted(process: Process, said: Said, node: str, at: datetime) -> Process:
    news: dict[str, Any] = {
        _SIGNED[name]: date.fromisoformat(value) if name in _DAYS else value
        for name, value in said.items()
        if name in _SIGNED
    }
    signed = any(said.get(name) for name in ("contract_fen", "contract_signed_on"))
    contract = process.contract
    if contract is None and signed:
        award = process.award.number if process.award else None
        contract = Contract(len(process.contracts) + 1, award, node, at, written=True, supplier=None)
    elif contract is None and said.get("payment_fen") and process.award:
        contract = _unwritten(process, process.award, node, at)
    if contract is None:
        return process
    if signed:
        news |= {"written": True, "supplier": _supplier(process, said) or contract.supplier}
    return replace(process, contracts=_put(process.contracts, replace(contract, **news)))


def _unwritten(process: Process, award: Award, node: str, at: datetime) -> Contract:
    number = len(process.contracts) + 1
    return Contract(number, award.number, node, at, False, supplier=award.supplier, first_fen=award.amount_fen)


def _supplier(process: Process, said: Said) -> Party | None:
    return _party(said.get("supplier_name")) or (process.award.supplier if process.award else None)


def _paid(process: Process, said: Said, node: str, at: datetime) -> Process:
    paid = [
        Payment(node, at, said[name], _other(process, said, received), received)
        for name, received in (("payment_fen", False), ("received_fen", True))
        if said.get(name)
    ]
    kept = [each for each in process.payments if (each.node, each.received) not in {(p.node, p.received) for p in paid}]
    return replace(process, payments=(*kept, *paid)) if paid else process


def _other(process: Process, said: Said, received: bool) -> Party | None:
    named = said.get("supplier_name") if received else said.get("payee_name")
    if named:
        return _party(named)
    return process.contract.supplier if received and process.contract else None


def _taken_back(process: Process, to_node: str) -> Process:
    """Sent back to a node: what that node or a later one decided no longer stands, and is done anew."""
    awards = tuple(
        replace(each, standing="cancelled") if each.standing == "active" and each.node >= to_node else each
        for each in process.awards
    )
    contracts = tuple(
        replace(each, standing="cancelled") if each.standing == "active" and each.node >= to_node else each
        for each in process.contracts
    )
    return replace(process, awards=awards, contracts=contracts)


def _cancelled(process: Process) -> Process:
    return replace(_taken_back(process, ""), cancelled=True)


def _over(process: Process) -> Process:
    contract = process.contract
    if contract is None:
        return process
    return replace(process, contracts=_put(process.contracts, replace(contract, standing="ended")))


def _changed(process: Process, change: Change) -> Process:
    contract = process.contract
    assert contract
    return replace(process, contracts=_put(process.contracts, replace(contract, changes=(*contract.changes, change))))


def _put(held: tuple[Any, ...], news: Any) -> tuple[Any, ...]:
    """The awards or contracts with one of them replaced, or added."""
    if not any(each.number == news.number for each in held):
        return (*held, news)
    return tuple(news if each.number == news.number else each for each in held)


def _party(name: str | None) -> Party | None:
    return Party(name) if name else None
