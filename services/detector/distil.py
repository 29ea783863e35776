"""Events as facts: what rules need of one event, filed under every key that it says something about. Pure."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from services.detector import ledgers, parties
from shared.bus.envelope import Envelope
from shared.contracts.papers import PaperRead
from shared.contracts.power import (
    CaseAmended,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    NodeCompleted,
    NodeReturned,
)

OPENED, COMPLETED, RETURNED, WITHDRAWN = "opened", "completed", "returned", "withdrawn"
AMENDED, SUSPENDED, RESUMED = "amended", "suspended", "resumed"
PAPER_READ = "paper_read"
_KINDS = {
    CaseOpened.TYPE: OPENED,
    NodeCompleted.TYPE: COMPLETED,
    NodeReturned.TYPE: RETURNED,
    CaseWithdrawn.TYPE: WITHDRAWN,
    CaseAmended.TYPE: AMENDED,
    CaseSuspended.TYPE: SUSPENDED,
    CaseResumed.TYPE: RESUMED,
    PaperRead.TYPE: PAPER_READ,
}
_AMOUNTS = (
    "estimate_fen",
    "budget_fen",
    "award_fen",
    "contract_fen",
    "settlement_fen",
    "payment_fen",
    "annual_rent_fen",
)
_MOST_PAIRED_BIDDERS = 12


@dataclass(frozen=True, slots=True)
class Fact:
    """What one event says about one key (`case:<id>`, `company:<id>`, ...). `data` is JSON-able."""

    event_id: str
    key: str
    kind: str
    occurred_at: datetime
    data: dict[str, Any]

    @property
    def village_code(self) -> str:
        """The village whose power it tells of."""
        return str(self.data["village_code"])


def facts_of(envelope: Envelope) -> list[Fact]:
    """The facts of one event of `power.events`, one a key; none for a type that no rule reads."""
    kind, event = _KINDS.get(envelope.type), envelope.data
    if kind is None or event is None:
        return []
    occurred_at = datetime.fromisoformat(event["occurred_at"])
    if kind == PAPER_READ:
        return [Fact(envelope.id, key, kind, occurred_at, data) for key, data in _on_paper(event)]
    whole = dict(event)
    whole["fields"] = _given(event.get("fields", {}))
    whole["documents"] = sorted({document["kind"] for document in event.get("documents", ())})
    if kind in (SUSPENDED, RESUMED):
        return [Fact(envelope.id, f"case:{event['case_id']}", kind, occurred_at, whole)]
    if kind == AMENDED:
        return list(_amended(envelope.id, occurred_at, whole))
    return [Fact(envelope.id, key, kind, occurred_at, data) for key, data in _filed(kind, whole)]


def _on_paper(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What stands on a paper: a fact of its case, and of each invoice that it shows, whatever the form says of it."""
    told = {**event, "sequence": event["filed_sequence"], "fields": {}}
    yield f"case:{event['case_id']}", told
    brief = {name: told[name] for name in _BRIEF}
    totals = event.get("totals_fen", ())
    for number in event.get("invoice_nos", ()):
        shown = {"invoice_no": number} | ({"invoice_fen": totals[0]} if len(set(totals)) == 1 else {})
        yield f"invoice:{number}", {**brief, "fields": shown}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], ())}


def _amended(event_id: str, occurred_at: datetime, event: dict[str, Any]) -> Iterator[Fact]:
    """What was done as it is told now, under every key that it says or said something about.

    Such a fact stands for the one that it `amends` (`services.detector.amendments`); with `gone`, nothing of that one
    is left under its key. An amendment by which the case goes back is a return besides.
    """
    before = _given(event.get("before", {}))
    was = {name: value for name, value in event["fields"].items() if name not in event["changed"]} | before
    kind = COMPLETED if event.get("node") else OPENED
    done = event | {"sequence": event["supersedes"], "occurred_at": event["done_at"]}
    put_right = {name: (before.get(name), event["fields"].get(name)) for name in event["changed"]}
    mark = {"amends": event["supersedes"], "by_sequence": event["sequence"], "reason": event["reason"]}
    mark["put_right"] = put_right
    told = dict(_filed(kind, done))
    for key, data in told.items():
        yield Fact(event_id, key, AMENDED, occurred_at, {**data, **mark, "done_at": event["done_at"]})
    brief = {name: done[name] for name in _BRIEF if name in done}
    for key in dict(_filed(kind, done | {"fields": was})).keys() - told.keys():
        yield Fact(event_id, key, AMENDED, occurred_at, {**brief, **mark, "fields": {}, "gone": True})
    if event.get("to_node"):
        back = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{event_id}|{RETURNED}"))
        for key, data in dict(_filed(RETURNED, event | {"fields": {}})).items():
            yield Fact(back, key, RETURNED, occurred_at, data)


def _filed(kind: str, event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield f"case:{event['case_id']}", event
    fields = event["fields"]
    brief = {name: event[name] for name in _BRIEF if name in event}
    told = {**brief, "fields": {name: fields[name] for name in _TOLD if name in fields}}
    if _of_a_change(event):
        told["documents"] = event["documents"]
    counts = kind in (OPENED, WITHDRAWN, RETURNED) or any(name in fields for name in (*_AMOUNTS, "change_fen"))
    if (counts and event["matter"] in ("EN", "PR")) or _of_a_change(event) or _of_a_budget(event):
        yield f"village:{event['village_code']}:{event['matter']}", told
    if fields.get("supplier_id"):
        yield f"company:{fields['supplier_id']}", told
    for invoice in _invoice_numbers(fields):
        yield f"invoice:{invoice}", told
    yield from _cash(kind, brief, event)
    yield from parties.entries(event, brief)
    yield from ledgers.entries(event, brief, opened=kind == OPENED, gone=kind == WITHDRAWN)
    yield from _persons(brief, fields)
    yield from _bidder_pairs(brief, fields)


def _of_a_change(event: dict[str, Any]) -> bool:
    return bool(event["flow"] == _CHANGES)


def _of_a_budget(event: dict[str, Any]) -> bool:
    """A payment that the village's budget has a line for, beside purchases."""
    return event["flow"] in _BUDGETED and "payment_fen" in event["fields"]


def _cash(kind: str, brief: dict[str, Any], event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What moves a village's cash, and what was sent back and may undo it."""
    fields = {name: event["fields"][name] for name in _OF_CASH if name in event["fields"]}
    if kind == RETURNED:
        yield f"cash:{event['village_code']}", {**brief, "to_node": event["to_node"], "fields": {}}
    elif "cash_balance_fen" in fields or IN_CASH in fields.get("payment_method", ""):
        yield f"cash:{event['village_code']}", {**brief, "fields": fields}


IN_CASH = "现金"
_CHANGES = "EN5"
_BUDGETED = ("LA1", "LA2", "LA3", "RE3")
_OF_CASH = (
    "payment_method",
    "payment_fen",
    "received_fen",
    "cash_balance_fen",
    "banked_on",
    "payee_name",
    "supplier_name",
)
_BRIEF = ("case_id", "case_no", "title", "matter", "flow", "village_code", "town_code", "sequence", "node")
_TOLD = (
    *_AMOUNTS,
    "change_fen",
    "related_case_no",
    "item",
    "category",
    "location",
    "selection_method",
    "supplier_id",
    "supplier_name",
    "payee_name",
    "payee_account_key",
    "invoice_no",
    "invoice_fen",
    "contract_no",
)


def _invoice_numbers(fields: dict[str, Any]) -> Iterator[str]:
    number = "".join(character for character in fields.get("invoice_no", "") if character.isalnum()).upper()
    if number:
        yield number


def _persons(brief: dict[str, Any], fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a person got: wages, a post, relief. One fact a person, however many lines the sheet has."""
    got: dict[str, dict[str, Any]] = {}
    for worker in fields.get("workers", ()):
        line = got.setdefault(worker["person_key"], {"name": worker["name"], "wage_fen": 0, "days": 0.0})
        line["wage_fen"] += worker["wage_fen"]
        line["days"] += worker["days"]
    for worker in fields.get("attendance", ()):
        line = got.setdefault(worker["person_key"], {"name": worker["name"]})
        line["seen"] = [worker["days"], worker["first_on"], worker["last_on"]]
    if fields.get("hire_person_key"):
        got.setdefault(fields["hire_person_key"], {"name": fields.get("hire_name", "")})["hired"] = True
    if fields.get("beneficiary_key"):
        line = got.setdefault(fields["beneficiary_key"], {"name": fields.get("beneficiary_name", "")})
        line["relief_kind"] = fields.get("relief_kind", "")
        line["relief_fen"] = fields.get("relief_fen", 0)
        line["reason"] = fields.get("reason", "")
    for person, line in got.items():
        yield f"person:{person}", {**brief, "got": line}


def _bidder_pairs(brief: dict[str, Any], fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    bids = {bid["company_id"]: bid for bid in fields.get("bids", ())}
    if len(bids) > _MOST_PAIRED_BIDDERS:
        return
    for one, other in combinations(sorted(bids), 2):
        yield (
            f"bidders:{one}+{other}",
            {
                **brief,
                "names": [bids[one]["company_name"], bids[other]["company_name"]],
                "prices": [bids[one]["price_fen"], bids[other]["price_fen"]],
                "supplier_id": fields.get("supplier_id"),
                "bidders": len(bids),
                "lowest": min(bids, key=lambda id: (bids[id]["price_fen"], id)),
            },
        )
