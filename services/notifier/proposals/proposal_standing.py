"""A supervision proposal (监察建议书) as it stands, and what happened to it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifier.handling.lifecycle import Actor
from services.notifier.proposals.proposal_book import finished
from services.notifier.routing.routing import Desk
from shared.contracts.alerts import Bilingual
from shared.contracts.power import Matter
from shared.contracts.proposals import Addressee, Origin, ProposalChanged, State

Kind = Literal["drafted", "rewritten", "moved", "filed", "overdue"]


@dataclass(frozen=True)
class Comparison:
    """The alerts of its rule in its region in equal spans of `days` before and after serving; `full` when the span
    after is over."""

    before: int
    after: int
    days: int
    full: bool


@dataclass(frozen=True)
class Content:
    """What its writer decides: to whom, what was found, what is asked, on which basis, with which terms."""

    addressee: Addressee
    addressee_name: str
    problem: str
    asks: tuple[str, ...]
    basis: tuple[str, ...]
    reply_days: int
    follow_up_days: int


@dataclass(frozen=True)
class Grounds:
    """The alerts it rests on, as they were when it was written."""

    origin: Origin
    alert_ids: tuple[str, ...]
    inquiry_id: str | None
    rule_id: str
    rule: Bilingual
    matter: Matter
    region_code: str
    since: datetime
    until: datetime
    case_nos: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """One proposal as it stands. Times are UTC; `paragraphs` is its text as it was served."""

    proposal_id: str
    state: State
    issued_by: str
    desks: tuple[Desk, ...]
    barred: frozenset[str]
    grounds: Grounds
    content: Content
    written_at: datetime
    updated_at: datetime
    number: str | None = None
    due_by: datetime | None = None
    told_overdue: bool = False
    served_at: datetime | None = None
    paragraphs: tuple[str, ...] = ()
    reply: str = ""
    replied_at: datetime | None = None
    judgement: str = ""
    comparison: Comparison | None = None

    def overdue(self, now: datetime) -> bool:
        """Whether its term has run out by now: the reply's, or the follow-up's."""
        return self.due_by is not None and self.due_by <= now and self.state not in finished()


@dataclass(frozen=True)
class Step:
    """What happened to a proposal, and the event that tells of it."""

    kind: Kind
    proposal: Proposal
    at: datetime
    state_from: State
    by: Actor
    role: str
    note: str = ""
    event: ProposalChanged | None = None
