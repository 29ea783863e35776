"""The flat tables of the open data: their columns (`tables.yaml`) and the rows that a case gives. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from services.disclosure.cases import Case
from services.disclosure.masking import Masks
from services.disclosure.opendata.contracting import CHANGE, Contract, Party, Process
from services.disclosure.schemas import Bilingual, card_values
from services.disclosure.vocabulary import Vocabulary
from shared import regions
from shared.workdays import SHANGHAI

FILE = Path(__file__).with_suffix(".yaml")
Kind = Literal["text", "code", "yuan", "number", "day", "time"]
Cell = str | int | float | Decimal | date | datetime | None
Row = dict[str, Cell]
# What a spreadsheet would take for the beginning of a formula, also in full width; an apostrophe makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
# What a workbook can't hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DEALS = frozenset(("PR", "EN", "AS"))
_PAYING = _DEALS | {"LA"}
_INCOME = "AS"
# The one table whose rows are no cases (`policy_rows`).
POLICIES = "policies"


@dataclass(frozen=True)
class Column:
    """One column: how it is called in the file, and by people."""

    name: str
    kind: Kind
    label: Bilingual
    about: Bilingual | None


@dataclass(frozen=True)
class Table:
    """One table: what it and its rows are called."""

    name: str
    label: Bilingual
    row: Bilingual
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Tables:
    """All tables, and the words that their cells say."""

    by_name: Mapping[str, Table]
    words: Mapping[str, Bilingual]


@cache
def tables() -> Tables:
    """The tables in force."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    words = {code: Bilingual(**entry) for code, entry in raw.pop("words").items()}
    found = Tables({name: _table(name, entry) for name, entry in raw.items()}, words)
    if missing := (set(ROWS) | {POLICIES}) ^ set(found.by_name):
        raise ValueError(f"tables.yaml: {', '.join(sorted(missing))}: described and filled must be the same tables")
    return found


def cells(table: Table, row: Row) -> list[Cell]:
    """A row in the order of its columns; raises `KeyError` for what a column lacks."""
    return [row[column.name] for column in table.columns]


def text(cell: Cell) -> str:
    """A cell as CSV writes it: times with their offset, amounts with all their digits, no formula."""
    match cell:
        case None:
            return ""
        case str():
            return guarded(cell)
        case datetime():
            return cell.astimezone(SHANGHAI).isoformat(timespec="seconds")
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


def sheet_cell(cell: Cell) -> Cell:
    """A cell as a workbook keeps it: Beijing time without an offset, which workbooks don't have, and no formula."""
    match cell:
        case str():
            return guarded(_CONTROL.sub("", cell))
        case datetime():
            return cell.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0)
        case _:
            return cell


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def yuan(fen: int | None) -> Decimal | None:
    """Fen as yuan, exactly."""
    return None if fen is None else Decimal(fen).scaleb(-2)


@dataclass(frozen=True)
class Source:
    """What the rows of a case are made of."""

    case: Case
    process: Process
    words: Vocabulary
    url: str

    def rows(self, table: str) -> Iterator[Row]:
        """The rows that the case gives a table."""
        return ROWS[table](self)


def is_open(case: Case, masks: Masks) -> bool:
    """Whether a case may go into files at all: what is public only for a time may not, for files are kept."""
    return case.matter not in masks.hidden_unless_sound


def _cases(source: Source) -> Iterator[Row]:
    case = source.case
    card = card_values(case, source.words)
    node = card["node"]
    yield {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": card["title"].zh,
        "matter_code": case.matter,
        "matter": card["matter"].zh,
        "flow_code": case.flow,
        "flow": source.words.flow(case.flow, case.flow_version).zh,
        "town_code": case.town_code,
        "town": regions.name(case.town_code),
        "village_code": case.village_code,
        "village": regions.name(case.village_code),
        "state": card["state"].zh,
        "node_code": node.code if node else None,
        "node": node.zh if node else None,
        "passed": card["passed"],
        "node_count": card["node_count"],
        "opened_at": case.opened_at,
        "updated_at": case.updated_at,
        "page": f"{source.url}{card['links'].page}",
    }


def _bids(source: Source) -> Iterator[Row]:
    if source.case.matter not in _DEALS:
        return
    for bid in source.process.bids:
        yield _which(
            source,
            bidder=bid.bidder.name,
            bidder_kind=_kind(bid.bidder),
            price=yuan(bid.price_fen),
            standing=_word(bid.standing),
            bid_at=source.process.bids_at,
        )


def _awards(source: Source) -> Iterator[Row]:
    known = source.process
    if source.case.matter not in _DEALS:
        return
    for award in known.awards:
        yield _which(
            source,
            award_no=award.number,
            awarded_at=award.at,
            supplier=_name(award.supplier),
            supplier_kind=_kind(award.supplier),
            method=known.method,
            bids=sum(bid.standing != "withdrawn" for bid in known.bids) or None,
            budget=yuan(known.estimate_fen if known.budget_fen is None else known.budget_fen),
            ceiling=yuan(known.ceiling_fen),
            amount=yuan(award.amount_fen),
            direction=_word("income" if source.case.matter == _INCOME else "expense"),
            standing=_word("cancelled" if award.standing == "cancelled" else "active"),
        )


def _contracts(source: Source) -> Iterator[Row]:
    if source.case.matter not in _DEALS or source.case.flow == CHANGE:
        return
    for contract in source.process.contracts:
        if contract.written:
            yield _which(source, **_contract(contract, source.case))


def _contract(contract: Contract, case: Case) -> Row:
    return {
        "contract_no": contract.no,
        "signed_on": contract.signed_on,
        "supplier": _name(contract.supplier),
        "supplier_kind": _kind(contract.supplier),
        "direction": _word("income" if case.matter == _INCOME else "expense"),
        "amount": yuan(contract.first_fen),
        "changes": yuan(contract.changes_fen) if contract.changes else None,
        "settlement": yuan(contract.settlement_fen),
        "rent": yuan(contract.rent_fen),
        "lease_from": contract.lease_from,
        "lease_to": contract.lease_to,
        "days": contract.days,
        "started_on": contract.started_on,
        "finished_on": contract.finished_on,
        "standing": _word(contract.standing),
    }


def _payments(source: Source) -> Iterator[Row]:
    if source.case.matter not in _PAYING:
        return
    for payment in source.process.payments:
        yield _which(
            source,
            node_code=payment.node,
            paid_at=payment.at,
            direction=_word("income" if payment.received else "expense"),
            other=_name(payment.other),
            other_kind=_kind(payment.other),
            amount=yuan(payment.amount_fen),
        )


ROWS: Mapping[str, Callable[[Source], Iterator[Row]]] = {
    "cases": _cases,
    "bids": _bids,
    "awards": _awards,
    "contracts": _contracts,
    "payments": _payments,
}


def _which(source: Source, **more: Cell) -> Row:
    """A row that begins with which case it is about."""
    case = source.case
    card = card_values(case, source.words)
    return {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": card["title"].zh,
        "matter": card["matter"].zh,
        "flow_code": case.flow,
        "village_code": case.village_code,
        "village": regions.name(case.village_code),
    } | more


def _name(party: Party | None) -> str | None:
    return party.name if party else None


def _kind(party: Party | None) -> str | None:
    return None if party is None else _word("person" if party.is_person else "organisation")


def _word(code: str) -> str:
    return tables().words[code].zh


def _table(name: str, raw: Mapping[str, Any]) -> Table:
    return Table(
        name=name,
        label=Bilingual(zh=raw["zh"], en=raw["en"]),
        row=Bilingual(**raw["row"]),
        columns=tuple(_columns(raw["columns"])),
    )


def _columns(raw: Mapping[str, Mapping[str, Any]]) -> Iterable[Column]:
    for name, entry in raw.items():
        if entry["kind"] not in get_args(Kind):
            raise ValueError(f"tables.yaml: {name}: kind {entry['kind']}")
        about = entry.get("about")
        yield Column(
            name, entry["kind"], Bilingual(zh=entry["zh"], en=entry["en"]), Bilingual(**about) if about else None
        )
