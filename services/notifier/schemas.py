"""What the REST API and the stream say about alerts and webhooks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.notifier import standing
from services.notifier.handling import deeds, lifecycle
from services.notifier.handling.lifecycle import Actor, Transition
from services.notifier.noise import noise
from services.notifier.noise.noise import Loudness, Muted
from services.notifier.routing.routing import Desk
from services.notifier.standing import Standing
from services.notifier.vocabulary import vocabulary
from shared import regions
from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.contracts.base import RegionCode, UtcTime, WithoutNul
from shared.contracts.power import Matter

Order = Literal["graver", "due", "newest"]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$", examples=["A075"])]


class Named(BaseModel):
    """A code with its names."""

    code: str
    zh: str
    en: str

    @classmethod
    def of(cls, code: str, name: Bilingual) -> Self:
        """The code beside its names."""
        return cls(code=code, zh=name.zh, en=name.en)


class Region(BaseModel):
    """A region by code and Chinese name."""

    code: str
    name: str

    @classmethod
    def of(cls, code: str) -> Self:
        """The region of a 12-digit code."""
        return cls(code=code, name=regions.name(code))


class Group(BaseModel):
    """The case, or else the party, under which an alert is grouped: how many alerts of it the caller may read, this one
    included. Without a count on the stream, which is one for all."""

    key: str
    count: int | None


class Hearing(BaseModel):
    """How loud an alert was when it was told last, and why it was not louder, as far as the caller may know."""

    loudness: Loudness
    muted_by: Muted | None


class AlertCard(BaseModel):
    """One alert in a list and on the stream.

    `due_by` is when it must have left its state, or, `in_review`, when its judgement must have been reviewed; `overdue`
    as of now, on the stream as of the event. `loudness` is that of its last telling: `ring`, `digest` or `quiet`.
    """

    alert_id: UUID
    revision: int
    rule_id: str
    title: Bilingual
    explanation: Bilingual
    grade: Named
    matter: Named
    village: Region
    town: Region
    case_nos: tuple[str, ...]
    state: Named
    escalated: bool
    due_by: datetime | None
    overdue: bool
    in_review: bool
    finished: bool
    assigned: bool
    occurred_at: datetime
    raised_at: datetime
    updated_at: datetime
    group: Group | None = None
    loudness: Loudness | None = None
    muted_by: Muted | None = None

    @classmethod
    def of(cls, held: Standing, now: datetime) -> Self:
        """The card of an alert as it stands."""
        return cls(**_card(held, now))


class Choice(BaseModel):
    """A move open to the caller: its form asks for a note, for one of the outcomes, or for nothing.

    With `counts` it takes money recovered and people held to account; `explanations` are those that may be accepted.
    """

    to: str
    zh: str
    en: str
    note_required: bool
    outcomes: tuple[Named, ...]
    explanations: tuple[Named, ...]
    counts: bool

    @classmethod
    def of(cls, move: Transition, alert: Alert) -> Self:
        """The form of a transition."""
        named = lifecycle.book().outcomes
        innocent = lifecycle.explanations(alert) if move.explanation else {}
        return cls(
            to=move.to,
            zh=move.zh,
            en=move.en,
            note_required=move.note,
            outcomes=tuple(Named.of(code, named[code]) for code in move.outcomes),
            explanations=tuple(Named.of(code, words) for code, words in innocent.items()),
            counts=move.counts,
        )


class Reading(BaseModel):
    """Who opened an alert first when."""

    name: str
    at: datetime


class DeskView(BaseModel):
    """One desk that an alert reached, or an auditor's: why, since when, until when, and who read it there, in order."""

    desk: str
    role: Named
    region: Region
    why: Named
    since: datetime
    until: datetime | None
    read_by: tuple[Reading, ...]

    @classmethod
    def of(cls, address: str, why: str, since: datetime, until: datetime | None, read_by: Iterable[Reading]) -> Self:
        """The desk of an address."""
        desk, words = Desk.at(address), vocabulary()
        return cls(
            desk=address,
            role=Named.of(desk.role, words.role(desk.role)),
            region=Region.of(desk.region),
            why=Named.of(why, words.arrivals[why]),
            since=since,
            until=until,
            read_by=tuple(read_by),
        )


class JudgementView(BaseModel):
    """What was decided on an alert. `review_by` is set while a review is due; `news` says that its evidence changed."""

    state: Named
    outcome: Named
    explanation: Named | None
    recovered_fen: int
    people: int
    by_name: str
    at: datetime
    review_by: datetime | None
    news: bool

    @classmethod
    def of(cls, held: Standing) -> Self | None:
        """The judgement on an alert, when there is one."""
        made, book = held.judgement, lifecycle.book()
        if made is None:
            return None
        return cls(
            state=Named.of(made.state, book.states[made.state]),
            outcome=Named.of(made.outcome, book.outcomes[made.outcome]),
            explanation=Named.of(made.explanation, made.accepted) if made.explanation and made.accepted else None,
            recovered_fen=made.recovered_fen,
            people=made.people,
            by_name=made.by.name,
            at=made.at,
            review_by=held.due_by if held.in_review else None,
            news=held.news_since_judged,
        )


class ExtensionView(BaseModel):
    """More time that somebody has asked for."""

    by_name: str
    working_days: int
    reason: str
    at: datetime


class DeedsOpen(BaseModel):
    """What else the caller may do now: `extend` is how many working days he may ask for at most, 0 for none."""

    take: bool
    release: bool
    hand_over: bool
    note: bool
    extend: int
    answer_extension: bool


class AlertView(AlertCard):
    """One alert with everything a reader needs to judge it, and what the caller may do now.

    `recusal` says why the caller must stand aside; then it shows neither moves nor who has the alert or judged it.
    """

    alert: Alert
    withdrawn_reason: Bilingual | None
    outcome: Named | None
    routed: Bilingual | None
    delivery: tuple[DeskView, ...]
    recusal: Named | None
    moves: tuple[Choice, ...]
    judgement: JudgementView | None
    assignee: str | None
    extension: ExtensionView | None
    deeds: DeedsOpen

    @classmethod
    def seen_by(cls, held: Standing, actor: Actor, delivery: Iterable[DeskView], now: datetime) -> Self:
        """The alert as this person sees it."""
        outcome, recusal = held.outcome, lifecycle.recusal(held.alert, actor)
        return cls(
            **_card(held, now),
            alert=held.alert,
            withdrawn_reason=held.withdrawn_reason,
            outcome=None if outcome is None else Named.of(outcome, lifecycle.book().outcomes[outcome]),
            routed=None if recusal else held.routed.why,
            delivery=() if recusal else tuple(delivery),
            recusal=recusal and Named(code=recusal.code, zh=recusal.detail_zh, en=recusal.detail_en),
            moves=tuple(Choice.of(move, held.alert) for move in standing.choices(held, actor)),
            judgement=None if recusal else JudgementView.of(held),
            assignee=None if recusal or held.assignee is None else held.assignee.by.name,
            extension=None if recusal else _extension(held),
            deeds=DeedsOpen(**deeds.open_to(held, actor)),
        )


class AlertPage(BaseModel):
    """A page of alerts in the order asked for. `next` is the `after` of the following page."""

    items: list[AlertCard]
    next: str | None


class AlertFilter(BaseModel):
    """Which of one's own alerts: `state` is a state, or `open`, `finished`, `review` (judgements that wait for one),
    `overdue`; `assigned` says whose; a town's code covers its villages. `from` and `to` bound the delivery; `text`
    is looked for in title and case numbers; `group` is the key of a card's group. `sort`: graver first, or by what is
    due first, or the newest first."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str | None, Field(max_length=40)] = None
    grade: Grade | None = None
    matter: Matter | None = None
    village: RegionCode | None = None
    assigned: Literal["me", "nobody"] | None = None
    town: RegionCode | None = None
    rule: RuleId | None = None
    since: Annotated[UtcTime | None, Field(alias="from")] = None
    until: Annotated[UtcTime | None, Field(alias="to")] = None
    overdue: bool | None = None
    text: Annotated[WithoutNul | None, Field(max_length=100)] = None
    group: Annotated[WithoutNul | None, Field(max_length=200)] = None
    sort: Order = "graver"
    after: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @field_validator("state")
    @classmethod
    def _known_state(cls, state: str | None) -> str | None:
        if state not in {None, "open", "finished", "review", "overdue", *lifecycle.book().states}:
            raise ValueError(f"没有“{state}”这一状态 / there is no state “{state}”")
        return state


def _extension(held: Standing) -> ExtensionView | None:
    asked = held.extension
    if asked is None:
        return None
    return ExtensionView(by_name=asked.by.name, working_days=asked.working_days, reason=asked.reason, at=asked.at)


def _card(held: Standing, now: datetime) -> dict[str, Any]:
    alert, words, key = held.alert, vocabulary(), noise.group_key(held.alert)
    return {
        "alert_id": alert.alert_id,
        "revision": held.revision,
        "rule_id": alert.rule_id,
        "title": alert.title,
        "explanation": alert.explanation,
        "grade": Named.of(held.grade, words.grades[held.grade]),
        "matter": Named.of(alert.matter, words.matters[alert.matter]),
        "village": Region.of(alert.village_code),
        "town": Region.of(alert.town_code),
        "case_nos": alert.case_nos,
        "state": Named.of(held.state, lifecycle.book().states[held.state]),
        "escalated": held.escalated,
        "due_by": held.due_by,
        "overdue": held.overdue(now),
        "in_review": held.in_review,
        "finished": held.finished,
        "assigned": held.assignee is not None,
        "occurred_at": alert.occurred_at,
        "raised_at": held.raised_at,
        "updated_at": held.updated_at,
        "group": key and Group(key=key, count=None),
    }
