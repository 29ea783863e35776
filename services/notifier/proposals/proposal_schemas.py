"""What the REST API says about supervision proposals, and takes for them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.notifier.folders import folder_lists
from services.notifier.folders.folder_lists import FolderEntry
from services.notifier.handling.lifecycle import Actor
from services.notifier.proposals import proposal_book, proposal_text, proposals
from services.notifier.proposals.proposal_book import Transition
from services.notifier.proposals.proposal_standing import Comparison, Content, Proposal
from services.notifier.schemas import Named, Region, RuleId
from shared.contracts.alerts import Bilingual
from shared.contracts.base import RegionCode, UtcTime
from shared.contracts.proposals import Addressee

Line = Annotated[str, Field(max_length=200)]
Paragraph = Annotated[str, Field(max_length=1000)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pattern(_Form):
    """Many alerts of one rule in a region since a day, on the caller's own desks."""

    rule_id: RuleId
    region_code: RegionCode
    since: UtcTime
    until: UtcTime | None = None


class Source(_Form):
    """What it rests on: one alert, one inquiry, or a pattern."""

    alert_id: UUID | None = None
    inquiry_id: UUID | None = None
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.alert_id, self.inquiry_id, self.pattern)) != 1:
            raise ValueError("请指明一条预警、一条线索或一类预警之一 / name one of alert_id, inquiry_id and pattern")
        return self


class ContentForm(_Form):
    """What it says. `reply_days` are working days from serving, `follow_up_days` calendar days from the judgement."""

    addressee: Addressee
    addressee_name: Line
    problem: Annotated[str, Field(max_length=2000)]
    asks: Annotated[list[Paragraph], Field(max_length=10)]
    basis: Annotated[list[Line], Field(max_length=10)] = Field(default_factory=lambda: [proposal_book.book().basis])
    reply_days: int = Field(default_factory=lambda: proposal_book.book().reply_days.default)
    follow_up_days: int = Field(default_factory=lambda: proposal_book.book().follow_up_days.default)

    def content(self) -> Content:
        """The same, trimmed, as it is kept."""
        return Content(
            addressee=self.addressee,
            addressee_name=self.addressee_name.strip(),
            problem=self.problem.strip(),
            asks=tuple(ask for given in self.asks if (ask := given.strip())),
            basis=tuple(source for given in self.basis if (source := given.strip())),
            reply_days=self.reply_days,
            follow_up_days=self.follow_up_days,
        )


class NewProposal(ContentForm):
    """A draft."""

    source: Source


class ProposalMove(_Form):
    """A wish to bring it into another state; the note is the reply, the reason, or what the follow-up found."""

    to: Annotated[str, Field(max_length=40, examples=["served"])]
    note: Annotated[str, Field(max_length=4000)] = ""


class ProposalFilter(_Form):
    """Which proposals: `state` is a state, `going_on` or `finished`; a town's code covers its villages."""

    state: Annotated[str | None, Field(max_length=40)] = None
    region: RegionCode | None = None
    rule: RuleId | None = None
    overdue: bool | None = None
    after: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @field_validator("state")
    @classmethod
    def _known_state(cls, state: str | None) -> str | None:
        return folder_lists.known_state(state, proposal_book.book().states)


class ProposalCard(BaseModel):
    """One proposal in a list. `number` is its 文号, once it is served."""

    proposal_id: UUID
    number: str | None
    state: Named
    addressee: Named
    addressee_name: str
    region: Region
    issued_by: Region
    rule_id: str
    rule: Bilingual
    alerts: int
    due_by: datetime | None
    overdue: bool
    written_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, held: Proposal, now: datetime) -> Self:
        """The card of a proposal as it stands."""
        return cls(**_card(held, now))


class ProposalChoice(BaseModel):
    """A move open to the caller, and whether its form asks for a note."""

    to: str
    zh: str
    en: str
    note_required: bool
    compares: bool

    @classmethod
    def of(cls, move: Transition) -> Self:
        """The form of a move."""
        return cls(to=move.to, zh=move.zh, en=move.en, note_required=move.note, compares=move.compares)


class ComparisonView(BaseModel):
    """The alerts of its rule in its region, on the reader's desks, in equal spans before and after serving."""

    before: int
    after: int
    days: int
    full: bool

    @classmethod
    def of(cls, found: Comparison) -> Self:
        """The same."""
        return cls(before=found.before, after=found.after, days=found.days, full=found.full)


class ProposalEntry(FolderEntry):
    """One thing that happened to a proposal."""

    @classmethod
    def of(cls, row: Any) -> Self:
        """An entry as it is kept."""
        book = proposal_book.book()
        return cls(**folder_lists.told(row, book.kinds, book.states))


class ProposalView(ProposalCard):
    """One proposal with its text, its record, and what the caller may do now.

    `comparison` is what the follow-up found, or, before that, how it would look now.
    """

    origin: Named
    alert_ids: list[UUID]
    inquiry_id: UUID | None
    issuer: str
    problem: str
    asks: tuple[str, ...]
    basis: tuple[str, ...]
    reply_days: int
    follow_up_days: int
    paragraphs: tuple[str, ...]
    served_at: datetime | None
    reply: str
    replied_at: datetime | None
    judgement: str
    comparison: ComparisonView | None
    history: list[ProposalEntry]
    moves: list[ProposalChoice]
    may_rewrite: bool

    @classmethod
    def seen_by(
        cls,
        held: Proposal,
        actor: Actor,
        comparison: Comparison | None,
        history: list[ProposalEntry],
        now: datetime,
    ) -> Self:
        """The proposal as this reader may see and handle it."""
        found, content = held.grounds, held.content
        moves = [ProposalChoice.of(move) for move in proposals.choices(held, actor)]
        return cls(
            **_card(held, now),
            origin=Named.of(found.origin, proposal_book.book().origins[found.origin]),
            alert_ids=[UUID(key) for key in found.alert_ids],
            inquiry_id=UUID(found.inquiry_id) if found.inquiry_id else None,
            issuer=proposal_text.issuer(held.issued_by),
            problem=content.problem,
            asks=content.asks,
            basis=content.basis,
            reply_days=content.reply_days,
            follow_up_days=content.follow_up_days,
            paragraphs=proposal_text.paragraphs(held),
            served_at=held.served_at,
            reply=held.reply,
            replied_at=held.replied_at,
            judgement=held.judgement,
            comparison=comparison and ComparisonView.of(comparison),
            history=history,
            moves=moves,
            may_rewrite=held.state == "draft" and bool(moves),
        )


class ProposalPage(BaseModel):
    """A page of proposals, the newest first. `next` is the `after` of the following page."""

    items: list[ProposalCard]
    next: str | None


class LinkedProposal(BaseModel):
    """A proposal that rests on an alert or inquiry."""

    proposal_id: UUID
    number: str | None
    state: Named
    addressee_name: str


def _card(held: Proposal, now: datetime) -> dict[str, Any]:
    book = proposal_book.book()
    return {
        "proposal_id": UUID(held.proposal_id),
        "number": held.number,
        "state": Named.of(held.state, book.states[held.state]),
        "addressee": Named.of(held.content.addressee, book.addressees[held.content.addressee]),
        "addressee_name": held.content.addressee_name,
        "region": Region.of(held.grounds.region_code),
        "issued_by": Region.of(held.issued_by),
        "rule_id": held.grounds.rule_id,
        "rule": held.grounds.rule,
        "alerts": len(held.grounds.alert_ids),
        "due_by": held.due_by,
        "overdue": held.overdue(now),
        "written_at": held.written_at,
        "updated_at": held.updated_at,
    }
