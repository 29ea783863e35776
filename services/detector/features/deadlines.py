"""Terms: when each wait at a node was due and how it ended, and when works were to end by contract."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.detector.distil import COMPLETED, OPENED, RESUMED, SUSPENDED, WITHDRAWN, Fact
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


@dataclass
class _Wait:
    """A wait while the case's course is read. What it rested doesn't count; `rests_since` while it rests."""

    node: str
    round: int
    since: datetime
    due: datetime | None
    rested_days: int = 0
    rested_working_days: int = 0
    rests_since: datetime | None = None

    def rest(self, until: datetime, due: datetime | None) -> None:
        since = self.rests_since or until
        self.rested_days += days_between(since, until)
        self.rested_working_days += working_days_between(since, until)
        self.due, self.rests_since = due or self.due, None


def _terms(view: View) -> Iterator[Term]:
    """The waits in the case's own sequence; several at once where several bodies are at work."""
    rounds: Counter[str] = Counter()
    waits: dict[str, _Wait] = {}
    for fact in sorted((*view.facts, *view.rests), key=lambda fact: int(fact.data["sequence"])):
        due_at = _waits_at(fact)
        if fact.kind == SUSPENDED:
            for wait in waits.values():
                wait.rests_since = fact.occurred_at
        elif fact.kind == RESUMED:
            for node, wait in waits.items():
                wait.rest(fact.occurred_at, due_at.get(node))
        else:
            together = len(waits) > 1 and fact.kind == COMPLETED and fact.data["node"] in waits
            for node in list(waits):
                if not (together and node in due_at and node != fact.data["node"]):
                    yield from _ended(waits.pop(node), fact)
            for node in due_at.keys() - waits.keys():
                rounds[node] += 1
                waits[node] = _Wait(node, rounds[node], _since(fact), due_at[node])
    for wait in waits.values():
        if wait.rests_since is None:
            yield from _term(wait, None, view.now)
        elif wait.due and wait.rests_since > wait.due:
            yield from _term(wait, wait.rests_since, view.now)


def _ended(wait: _Wait, by: Fact) -> Iterator[Term]:
    if wait.due is None and by.kind == COMPLETED and by.data["node"] == wait.node:
        wait.due = _moment(by.data.get("due_at"))
    if wait.due and by.occurred_at > wait.due:
        yield from _term(wait, by.occurred_at, by.occurred_at)


def _since(fact: Fact) -> datetime:
    notice_ends = fact.data.get("notice_ends_at")
    return max(fact.occurred_at, datetime.fromisoformat(notice_ends)) if notice_ends else fact.occurred_at


def _term(wait: _Wait, ended_at: datetime | None, now: datetime) -> Iterator[Term]:
    if wait.due is None:
        return
    end = ended_at or now
    yield Term(
        node=wait.node,
        round=wait.round,
        since=wait.since,
        due_at=wait.due,
        ended_at=ended_at,
        open=ended_at is None,
        overdue=end > wait.due,
        overdue_days=working_days_between(wait.due, end) if end > wait.due else 0,
        days=days_between(wait.since, end) - wait.rested_days,
        working_days=working_days_between(wait.since, end) - wait.rested_working_days,
    )


def _waits_at(fact: Fact) -> dict[str, datetime | None]:
    """The nodes that wait after a fact, and until when."""
    data: dict[str, Any] = fact.data
    if fact.kind == WITHDRAWN:
        return {}
    node = data.get("next_node") if fact.kind in (OPENED, COMPLETED) else data.get("to_node") or data.get("node")
    first = {node: _moment(data.get("next_due_at"))} if node else {}
    return first | {each["node"]: _moment(each.get("due_at")) for each in data.get("also_waiting", ())}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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
