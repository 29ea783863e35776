"""What the REST API says about inquiries, and takes for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.notifier.folders import folder_lists
from services.notifier.folders.folder_lists import FolderEntry
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries import inquiries, inquiry_book, inquiry_seen
from services.notifier.inquiries.inquiry_book import Transition
from services.notifier.inquiries.inquiry_standing import Inquiry
from services.notifier.schemas import AlertCard, Named, Region
from services.notifier.standing import Standing
from shared.contracts.alerts import Bilingual

Text = Annotated[str, Field(max_length=4000)]
Line = Annotated[str, Field(max_length=200)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewInquiry(_Form):
    """Alerts to be merged. Who leads is the caller unless named; `term` is in working days from its beginning."""

    title: Annotated[str, Field(min_length=1, max_length=200, examples=["蒋村村采购化整为零系列线索"])]
    alerts: Annotated[list[UUID], Field(min_length=1, max_length=200)]
    lead: Line = ""
    helpers: Annotated[list[Line], Field(max_length=20)] = []
    plan: Text = ""
    term: int = Field(default_factory=lambda: inquiry_book.book().inquiry_term.default)


class AlertToAdd(_Form):
    """One more alert."""

    alert_id: UUID


class AlertToRemove(_Form):
    """Why an alert is taken out."""

    reason: Text


class Staff(_Form):
    """Who leads it and who helps."""

    lead: Line
    helpers: Annotated[list[Line], Field(max_length=20)] = []


class Words(_Form):
    """A plan, or a note."""

    text: Text


class LongerTerm(_Form):
    """A longer term in working days from the day it began, and why."""

    term: int
    reason: Text


class InquiryMove(_Form):
    """A wish to bring an inquiry into another state; a conclusion carries an outcome for all its alerts."""

    to: Annotated[str, Field(max_length=40, examples=["under_inquiry"])]
    note: Text = ""
    outcome: Annotated[str | None, Field(max_length=40)] = None
    receiver: Line = ""
    explanation: Annotated[str | None, Field(max_length=40)] = None
    recovered_fen: Annotated[int, Field(ge=0)] = 0
    people: Annotated[int, Field(ge=0)] = 0


class InquiryFilter(_Form):
    """Which inquiries. `state` is a state, `going_on` or `finished`; `text` is looked for in number and title."""

    state: Annotated[str | None, Field(max_length=40)] = None
    overdue: bool | None = None
    text: Annotated[str | None, Field(max_length=100)] = None
    after: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @field_validator("state")
    @classmethod
    def _known_state(cls, state: str | None) -> str | None:
        return folder_lists.known_state(state, inquiry_book.book().states)


class InquiryCard(BaseModel):
    """One inquiry in a list."""

    inquiry_id: UUID
    number: str
    title: str
    state: Named
    county: Region
    alerts: int
    lead: str
    helpers: tuple[str, ...]
    due_by: datetime | None
    overdue: bool
    opened_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, held: Inquiry, now: datetime) -> Self:
        """The card of an inquiry as it stands."""
        return cls(**_card(held, now))


class InquiryChoice(BaseModel):
    """A move open to the caller, and what its form asks for; `receiver_required` when it must say to whom."""

    to: str
    zh: str
    en: str
    note_required: bool
    receiver_required: bool
    settles: bool
    outcomes: tuple[Named, ...]

    @classmethod
    def of(cls, move: Transition) -> Self:
        """The form of a move of an inquiry."""
        named = lifecycle.book().outcomes
        return cls(
            to=move.to,
            zh=move.zh,
            en=move.en,
            note_required=move.note,
            receiver_required=move.receiver,
            settles=move.settles,
            outcomes=tuple(Named.of(code, named[code]) for code in move.outcomes),
        )


class Shared(BaseModel):
    """A person, party, case, rule or village, and how many of the alerts name it."""

    name: str
    kind: str = ""
    alerts: int


class SeenTogether(BaseModel):
    """What the alerts have in common, the most frequent first."""

    persons: list[Shared]
    parties: list[Shared]
    cases: list[Shared]
    rules: list[Shared]
    villages: list[Shared]

    @classmethod
    def of(cls, alerts: Sequence[Standing]) -> Self:
        """Over the alerts that the caller sees."""
        seen = inquiry_seen.seen_together(alerts)
        return cls(
            persons=[Shared(name=n, kind=Region.of(region).name, alerts=many) for _, n, region, many in seen.persons],
            parties=[Shared(name=name, kind=kind, alerts=many) for kind, _, name, many in seen.parties],
            cases=[Shared(name=case, alerts=many) for case, many in seen.cases],
            rules=[Shared(name=f"{rule} {title.zh}", kind=title.en, alerts=many) for rule, title, many in seen.rules],
            villages=[Shared(name=Region.of(code).name, kind=code, alerts=many) for code, many in seen.villages],
        )


class InquiryEntry(FolderEntry):
    """One thing that happened to an inquiry."""

    outcome: Named | None
    alert_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """An entry as it is kept."""
        book, outcomes = inquiry_book.book(), lifecycle.book().outcomes
        return cls(
            **folder_lists.told(row, book.kinds, book.states),
            outcome=Named.of(row["outcome"], outcomes[row["outcome"]]) if row["outcome"] else None,
            alert_id=row["alert_id"],
        )


class InquiryView(InquiryCard):
    """One inquiry with its alerts and what they share, its record, and what the caller may do now.

    `elsewhere` are alerts of it that lie on another desk by now: nothing but their ids is shown. `recusal` says why the
    caller may read but not handle it.
    """

    plan: str
    term: int
    outcome: Named | None
    conclusion: str
    receiver: str
    items: list[AlertCard]
    elsewhere: list[UUID]
    seen: SeenTogether
    history: list[InquiryEntry]
    moves: list[InquiryChoice]
    may_change: bool
    explanations: list[Named]
    recusal: Named | None

    @classmethod
    def seen_by(
        cls,
        held: Inquiry,
        alerts: Sequence[Standing],
        actor: Actor,
        recusal: Named | None,
        history: list[InquiryEntry],
        now: datetime,
    ) -> Self:
        """The inquiry as this reader may see and handle it."""
        shown = {one.alert.alert_id for one in alerts}
        known: dict[str, Bilingual] = {}
        for one in alerts:
            known = lifecycle.explanations(one.alert) | known
        return cls(
            **_card(held, now),
            plan=held.plan,
            term=held.term,
            outcome=held.outcome and Named.of(held.outcome, lifecycle.book().outcomes[held.outcome]),
            conclusion=held.conclusion,
            receiver=held.receiver,
            items=[AlertCard.of(one, now) for one in alerts],
            elsewhere=[UUID(key) for key in held.alert_ids if key not in shown],
            seen=SeenTogether.of(alerts),
            history=history,
            moves=[] if recusal else [InquiryChoice.of(move) for move in inquiries.choices(held, actor)],
            may_change=not recusal and inquiries.may_change(held, actor),
            explanations=[Named.of(code, name) for code, name in known.items()],
            recusal=recusal,
        )


class InquiryPage(BaseModel):
    """A page of inquiries, the newest first. `next` is the `after` of the following page."""

    items: list[InquiryCard]
    next: str | None


class LinkedInquiry(BaseModel):
    """An inquiry that an alert is or was in."""

    inquiry_id: UUID
    number: str
    title: str
    state: Named


def _card(held: Inquiry, now: datetime) -> dict[str, Any]:
    return {
        "inquiry_id": UUID(held.inquiry_id),
        "number": held.number,
        "title": held.title,
        "state": Named.of(held.state, inquiry_book.book().states[held.state]),
        "county": Region.of(held.county_code),
        "alerts": len(held.alert_ids),
        "lead": held.lead,
        "helpers": held.helpers,
        "due_by": held.due_by,
        "overdue": held.overdue(now),
        "opened_at": held.opened_at,
        "updated_at": held.updated_at,
    }
