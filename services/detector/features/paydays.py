"""Wages against the end of the month worked in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, the_case
from services.detector.features.deadlines import terms
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, midnight
from shared.workdays import SHANGHAI

_WORK_NODES = ("LA1-05", "LA2-07")
_SHEET_NODES = (*_WORK_NODES, "LA1-06")


@dataclass(frozen=True)
class Payday:
    """Wages of a month that ended at `month_ends_at`. `due_at` is the term of the pay step that it waits at now."""

    worked_at: datetime
    month_ends_at: datetime
    paid_at: datetime | None
    days: int
    workers: int
    waits_at: str
    due_at: datetime | None
    overdue: bool


def _payday_occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far, case = history(view), the_case(view)
    worked = _worked(so_far)
    if worked is None:
        return
    ends = _month_end(worked)
    wait = next((term for term in terms(view) if term.open and term.node in params["pay_nodes"]), None)
    payday = Payday(
        worked_at=worked,
        month_ends_at=ends,
        paid_at=case.paid_at,
        days=max(days_between(ends, case.paid_at or view.now), 0),
        workers=max(len(so_far.latest("workers") or ()), so_far.latest("headcount") or 0),
        waits_at=wait.node if wait else "",
        due_at=wait.due_at if wait else None,
        overdue=wait.overdue if wait else False,
    )
    yield occasion(
        view,
        features={"payday": at_hand(payday)},
        node=payday.waits_at or None,
        occurred_at=case.paid_at or max(worked, case.opened_at),
        settled=case.paid_at is not None or case.withdrawn,
    )


def _worked(so_far: History) -> datetime | None:
    """The last day worked, as confirmed on the spot or on the sheet; of an engagement the day of its agreement."""
    done = [fact for fact in so_far.nodes if fact.data["node"] in _WORK_NODES]
    seen = (line for fact in so_far.nodes if fact.data["node"] in _SHEET_NODES for line in _attendance(fact))
    days = [
        midnight(date.fromisoformat(fact.data["fields"][name]))
        for fact in done
        for name in ("started_on", "contract_signed_on")
        if name in fact.data["fields"]
    ]
    days.extend(midnight(date.fromisoformat(line["last_on"])) for line in seen)
    return max(days, default=max((fact.occurred_at for fact in done), default=None))


def _attendance(fact: Fact) -> Sequence[Mapping[str, Any]]:
    lines: Sequence[Mapping[str, Any]] = fact.data["fields"].get("attendance", ())
    return lines


def _month_end(day: datetime) -> datetime:
    local = day.astimezone(SHANGHAI)
    return midnight(date(local.year + local.month // 12, local.month % 12 + 1, 1))


PAYDAY = Subject(
    "payday",
    "每次用工的报酬发放",
    "the wages of each piece of labour",
    frozenset({"case"}),
    {"case": Case, "payday": Payday},
    _payday_occasions,
    {"pay_nodes": list},
)
