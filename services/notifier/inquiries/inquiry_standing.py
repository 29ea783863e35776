"""An inquiry (线索) as it stands, what somebody wishes for it, and what happened to it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries.inquiry_book import finished
from services.notifier.standing import Change

Kind = Literal[
    "opened",
    "moved",
    "alert_added",
    "alert_removed",
    "staffed",
    "planned",
    "noted",
    "prolonged",
    "overdue",
    "overseen",
    "filed",
]


@dataclass(frozen=True)
class Inquiry:
    """One inquiry as it stands. Times are UTC; `term` is in working days from the day it begins."""

    inquiry_id: str
    number: str
    county_code: str
    title: str
    state: str
    alert_ids: tuple[str, ...]
    term: int
    opened_at: datetime
    updated_at: datetime
    due_by: datetime | None
    lead: str = ""
    helpers: tuple[str, ...] = ()
    plan: str = ""
    outcome: str | None = None
    conclusion: str = ""
    receiver: str = ""
    barred: frozenset[str] = frozenset()
    overseers: tuple[str, ...] = ()
    told_overdue: bool = False

    def overdue(self, now: datetime) -> bool:
        """Whether its term has run out by now."""
        return self.due_by is not None and self.due_by <= now and self.state not in finished()


@dataclass(frozen=True)
class Wish:
    """A wish to bring an inquiry into another state; `receiver` is to whom it is transferred.

    `explanation` is the innocent one that was accepted, for the alerts that know it, else another one; money recovered
    (fen) and people held to account are those of the whole, and stand with the first of its alerts that takes them.
    """

    to: str
    note: str = ""
    outcome: str | None = None
    receiver: str = ""
    explanation: str | None = None
    recovered_fen: int = 0
    people: int = 0


@dataclass(frozen=True)
class Step:
    """What happened to an inquiry: how it stands now, by whom, and what it made of its alerts, in order."""

    kind: Kind
    inquiry: Inquiry
    at: datetime
    state_from: str
    by: Actor
    role: str
    note: str = ""
    alert_id: str | None = None
    changes: tuple[Change, ...] = ()
