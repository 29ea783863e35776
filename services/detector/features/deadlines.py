"""Terms: when each wait at a node was due and how it ended, and when works were to end by contract."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.detector.distil import COMPLETED, OPENED, Fact
from services.detector.features.case import Case, occasion, the_case
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, working_days_between


@dataclass(frozen=True)
class Term:
    """One wait at a node (`round` counts returns to it) since the step before, or since its notice ended.

    While `open`, it is measured by the clock; `days` are those waited so far.
    """

    node: str
    round: int
    since: datetime
    due_at: datetime
    ended_at: datetime | None
    open: bool
    overdue: bool
    overdue_days: int
    days: int
    working_days: int


def _terms(view: View) -> Iterator[Term]:
    """The waits in the case's own sequence."""
    chain = sorted(view.facts, key=lambda fact: int(fact.data["sequence"]))
    rounds: Counter[str] = Counter()
    for fact, after in zip(chain, [*chain[1:], None], strict=True):
        node = _waits_at(fact)
        if node is None:
            continue
        rounds[node] += 1
        ended_by = after.data if after and after.kind == COMPLETED and after.data["node"] == node else {}
        due = fact.data.get("next_due_at") or ended_by.get("due_at")
        if due and (after is None or after.occurred_at > datetime.fromisoformat(due)):
            yield _term(node, rounds[node], _since(fact), datetime.fromisoformat(due), after, view.now)


def _since(fact: Fact) -> datetime:
    notice_ends = fact.data.get("notice_ends_at")
    return max(fact.occurred_at, datetime.fromisoformat(notice_ends)) if notice_ends else fact.occurred_at


def _term(node: str, round_no: int, since: datetime, due: datetime, after: Fact | None, now: datetime) -> Term:
    end = after.occurred_at if after else now
    return Term(
        node=node,
        round=round_no,
        since=since,
        due_at=due,
        ended_at=after.occurred_at if after else None,
        open=after is None,
        overdue=end > due,
        overdue_days=working_days_between(due, end) if end > due else 0,
        days=days_between(since, end),
        working_days=working_days_between(since, end),
    )


def _waits_at(fact: Fact) -> str | None:
    data: dict[str, Any] = fact.data
    if fact.kind in (OPENED, COMPLETED):
        return data.get("next_node")
    return data.get("to_node")


def terms(view: View) -> list[Term]:
    """Each wait that still runs or ended late."""
    found: list[Term] = view.once("terms", lambda: list(_terms(view)))
    return found


def _term_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for term in terms(view):
        yield occasion(
            view,
            features={"term": at_hand(term)},
            node=term.node,
            occurred_at=term.ended_at or term.due_at,
            settled=not term.open,
        )


TERM = Subject(
    "term",
    "每次未办结或逾期办结的等待",
    "each wait at a node that still runs or ended late",
    frozenset({"case"}),
    {"case": Case, "term": Term},
    _term_occasions,
)


@dataclass(frozen=True)
class Works:
    """Works against the term of their contract. Unfinished ones are measured by the clock."""

    ends_at: datetime
    finished: bool
    days_late: int


def _works_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case = the_case(view)
    if case.contract_ends_at is None:
        return
    finished_at = case.finished_at or case.accepted_at
    late = days_between(case.contract_ends_at, finished_at or view.now)
    works = Works(case.contract_ends_at, finished_at is not None, max(late, 0))
    yield occasion(
        view,
        features={"works": at_hand(works)},
        occurred_at=finished_at or case.contract_ends_at,
        settled=works.finished,
    )


WORKS = Subject(
    "works",
    "每项有合同工期的工程",
    "each works contract with a term",
    frozenset({"case"}),
    {"case": Case, "works": Works},
    _works_occasions,
)
