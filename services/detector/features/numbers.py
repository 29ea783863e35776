"""Numbers of one maker in a row: a seller's invoices, an auditor's settlements."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.detector.features.case import history, occasion
from services.detector.features.entries import Entry, entries, ledger_occasion
from services.detector.features.spans import year_of
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between
from shared.formats import yuan

_NUMBER = re.compile(r"^(.*?)(\d{1,20})$")


@dataclass(frozen=True)
class InvoiceRun:
    """Invoices of one seller whose numbers follow each other, by the days on which they were filed."""

    scope: str
    seller: str
    anchor: str
    invoices: int
    days: int
    villages: int
    first_no: str
    last_no: str
    first_at: datetime
    last_at: datetime


def _run_occasions(view: View, params: Params) -> Iterator[Occasion]:
    """Of the runs that begin in one year the longest: one seller's habit is one question."""
    longest: dict[int, list[Entry]] = {}
    for run in _runs(entries(view)):
        by_day = sorted(run, key=lambda entry: (entry.at, entry.case_id))
        year = year_of(by_day[0].at)
        if (len(run), run[0].told["invoice_no"]) > _length(longest.get(year)):
            longest[year] = run
    for year, run in sorted(longest.items()):
        moments = sorted(entry.at for entry in run)
        found = InvoiceRun(
            scope=view.key,
            seller=str(run[-1].told.get("payee_name", "")),
            anchor=str(year),
            invoices=len(run),
            days=days_between(moments[0], moments[-1]),
            villages=len({entry.village for entry in run}),
            first_no=run[0].told["invoice_no"],
            last_no=run[-1].told["invoice_no"],
            first_at=moments[0],
            last_at=moments[-1],
        )
        lines = [str(entry.told["invoice_no"]) for entry in run]
        yield ledger_occasion(run, lines=lines, features={"run": at_hand(found)})


def _length(run: Sequence[Entry] | None) -> tuple[int, str]:
    return (len(run), run[0].told["invoice_no"]) if run else (1, "")


def _runs(some: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries whose numbers differ by one, longest first within what precedes the digits."""
    series: dict[tuple[str, int], dict[int, Entry]] = defaultdict(dict)
    for entry in some:
        plain = "".join(character for character in entry.told["invoice_no"] if character.isalnum()).upper()
        if found := _NUMBER.match(plain):
            series[found[1], len(found[2])].setdefault(int(found[2]), entry)
    for _, numbered in sorted(series.items()):
        run: list[Entry] = []
        previous = None
        for number, entry in sorted(numbered.items()):
            if previous is not None and number != previous + 1:
                yield run
                run = []
            run.append(entry)
            previous = number
        yield run


INVOICE_RUN = Subject(
    "invoice_run",
    "同一开票方的连号发票",
    "invoices of one seller with consecutive numbers",
    frozenset({"seller"}),
    {"run": InvoiceRun},
    _run_occasions,
)


@dataclass(frozen=True)
class Audit:
    """What an audit took off a settlement (a case), or how many of an auditor's in a row took off nothing."""

    scope: str
    auditor: str
    submitted_fen: int
    audited_fen: int
    reduction_pct: float
    unchanged: int
    villages: int


def _audit_occasions(view: View, params: Params) -> Iterator[Occasion]:
    if view.key.startswith("auditor:"):
        yield from _unchanged(view)
        return
    so_far = history(view)
    submitted, audited = so_far.latest("submitted_fen"), so_far.latest("settlement_fen")
    if submitted and audited is not None:
        audit = Audit(
            scope=view.key,
            auditor=so_far.latest("auditor_name") or "",
            submitted_fen=submitted,
            audited_fen=audited,
            reduction_pct=round(100 * (submitted - audited) / submitted, 2),
            unchanged=0,
            villages=1,
        )
        yield occasion(view, features={"audit": at_hand(audit)})


def _unchanged(view: View) -> Iterator[Occasion]:
    """Each run of settlements that an auditor passed as they were submitted, named by the year in which it began."""
    runs: list[list[Entry]] = [[]]
    for entry in entries(view):
        if entry.told["submitted_fen"] == entry.told["settlement_fen"]:
            runs[-1].append(entry)
        else:
            runs.append([])
    longest: dict[int, list[Entry]] = {}
    for run in filter(None, runs):
        year = year_of(run[0].at)
        longest[year] = max(longest.get(year, []), run, key=len)
    for year, run in sorted(longest.items()):
        total = sum(entry.told["submitted_fen"] for entry in run)
        audit = Audit(
            scope=f"{view.key}|{year}",
            auditor=view.key.split(":", 1)[1],
            submitted_fen=total,
            audited_fen=total,
            reduction_pct=0.0,
            unchanged=len(run),
            villages=len({entry.village for entry in run}),
        )
        lines = [yuan(entry.told["submitted_fen"]) for entry in run]
        yield ledger_occasion(run, lines=lines, features={"audit": at_hand(audit)})


AUDIT = Subject(
    "audit",
    "每次结算审减及同一审价单位连续零审减",
    "each audited settlement, and an auditor's run of unchanged ones",
    frozenset({"case", "auditor"}),
    {"audit": Audit},
    _audit_occasions,
)
