"""What the REST API and the stream say about alerts and webhooks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.notifier import lifecycle, routing
from services.notifier.lifecycle import Actor, Transition
from services.notifier.routing import Desk
from services.notifier.standing import Standing
from services.notifier.vocabulary import vocabulary
from shared import regions
from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.contracts.base import RegionCode
from shared.contracts.power import Matter


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


class AlertCard(BaseModel):
    """One alert in a list and on the stream."""

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
    acknowledge_by: datetime | None
    occurred_at: datetime
    raised_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, held: Standing) -> Self:
        """The card of an alert as it stands."""
        return cls(**_card(held))


class Choice(BaseModel):
    """A move open to the caller: its form asks for a note, for one of the outcomes, or for nothing."""

    to: str
    zh: str
    en: str
    note_required: bool
    outcomes: tuple[Named, ...]

    @classmethod
    def of(cls, move: Transition) -> Self:
        """The form of a transition."""
        named = lifecycle.book().outcomes
        return cls(
            to=move.to,
            zh=move.zh,
            en=move.en,
            note_required=move.note,
            outcomes=tuple(Named.of(code, named[code]) for code in move.outcomes),
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


class AlertView(AlertCard):
    """One alert with everything a reader needs to judge it, and what the caller may do now.

    `recusal` says why the caller must stand aside; then it shows neither moves nor who has the alert.
    """

    alert: Alert
    withdrawn_reason: Bilingual | None
    outcome: Named | None
    routed: Bilingual | None
    delivery: tuple[DeskView, ...]
    recusal: Named | None
    moves: tuple[Choice, ...]

    @classmethod
    def seen_by(cls, held: Standing, actor: Actor, delivery: Iterable[DeskView]) -> Self:
        """The alert as this person sees it."""
        outcome, recusal = held.outcome, lifecycle.recusal(held.alert, actor)
        return cls(
            **_card(held),
            alert=held.alert,
            withdrawn_reason=held.withdrawn_reason,
            outcome=None if outcome is None else Named.of(outcome, lifecycle.book().outcomes[outcome]),
            routed=None if recusal else routing.route(held.alert).why,
            delivery=() if recusal else tuple(delivery),
            recusal=recusal and Named(code=recusal.code, zh=recusal.detail_zh, en=recusal.detail_en),
            moves=tuple(Choice.of(m) for m in lifecycle.choices(held.alert, held.state, actor)),
        )


class HistoryEntry(BaseModel):
    """One thing that happened to an alert."""

    at: datetime
    kind: Named
    revision: int
    state_from: Named
    state_to: Named
    by_name: str
    by_role: Named
    note: str
    outcome: Named | None
    reason: Bilingual | None


class AlertPage(BaseModel):
    """A page of alerts, red first and the newest of a grade first. `next` is the `after` of the following page."""

    items: list[AlertCard]
    next: str | None


class History(BaseModel):
    """All that happened to an alert, the oldest first."""

    items: list[HistoryEntry]


class MoveRequest(BaseModel):
    """A wish to bring an alert into another state."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=40, examples=["verifying"])]
    note: Annotated[str, Field(max_length=4000)] = ""
    outcome: Annotated[str | None, Field(max_length=40)] = None


class AlertFilter(BaseModel):
    """Which of one's own alerts. `state` is a state, `open` or `finished`; a town's code covers its villages."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str | None, Field(max_length=40)] = None
    grade: Grade | None = None
    matter: Matter | None = None
    village: RegionCode | None = None
    after: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @field_validator("state")
    @classmethod
    def _known_state(cls, state: str | None) -> str | None:
        if state not in {None, "open", "finished", *lifecycle.book().states}:
            raise ValueError(f"没有“{state}”这一状态 / there is no state “{state}”")
        return state


class WebhookRequest(BaseModel):
    """Where to send what of which own desks. An empty list of grades means all."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=8, max_length=2000, examples=["https://oa.example.gov.cn/hooks/alerts"])]
    desks: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z_]+@\d{12}$")]],
        Field(min_length=1, max_length=50, examples=[["town_secretary@330421107000"]]),
    ]
    grades: Annotated[list[Grade], Field(max_length=3)] = []


class WebhookView(BaseModel):
    """A subscription. It ends at `expires_at` unless its owner renews it by a PUT."""

    webhook_id: UUID
    url: str
    desks: list[str]
    grades: list[Grade]
    created_at: datetime
    expires_at: datetime
    failures: int
    paused_until: datetime | None


class NewWebhook(WebhookView):
    """A subscription just made, with the secret of its signatures, which is never shown again."""

    secret: str


class Webhooks(BaseModel):
    """The caller's subscriptions."""

    items: list[WebhookView]


class DeliveryView(BaseModel):
    """One message of a subscription: how often it was tried, and the last answer."""

    position: int
    alert_id: UUID
    kind: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    next_at: datetime
    attempted_at: datetime | None
    status: int | None
    error: str | None


class Deliveries(BaseModel):
    """A subscription's latest deliveries, the newest first."""

    items: list[DeliveryView]


def _card(held: Standing) -> dict[str, Any]:
    alert, words = held.alert, vocabulary()
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
        "acknowledge_by": held.acknowledge_by,
        "occurred_at": alert.occurred_at,
        "raised_at": held.raised_at,
        "updated_at": held.updated_at,
    }
