"""What the REST API says about the ways in which people are reached, about deliveries and receipts."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.channels.kinds import Clearance, channels
from services.notifier.schemas import Named
from shared.contracts.alerts import Grade

State = Literal["waiting", "delivered", "given_up"]
DeskAddress = Annotated[str, Field(pattern=r"^[a-z_]+@\d{12}$")]


class _Quiet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quiet_from: time | None = Field(default=None, description="Beijing time; red alerts come all the same")
    quiet_until: time | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("静默时段须同时填写起止 / quiet hours need both a beginning and an end")
        return self


class ChannelRequest(_Quiet):
    """A new way of being reached. Without desks all of the caller's own; an empty list of grades means all."""

    gateway: Annotated[str, Field(max_length=40, examples=["sms"])]
    address: Annotated[str, Field(min_length=1, max_length=4000, examples=["13800000000"])]
    secret: Annotated[str, Field(max_length=200)] = ""
    desks: Annotated[list[DeskAddress], Field(max_length=50)] = []
    grades: Annotated[list[Grade], Field(max_length=3)] = []


class ChannelChange(_Quiet):
    """What is to change; what is left out stays. Both ends of the quiet hours null: none any more."""

    desks: Annotated[list[DeskAddress] | None, Field(min_length=1, max_length=50)] = None
    grades: Annotated[list[Grade] | None, Field(max_length=3)] = None
    paused: bool | None = None

    @property
    def sets_quiet(self) -> bool:
        """Whether quiet hours are named at all."""
        return "quiet_from" in self.model_fields_set


class CodeRequest(BaseModel):
    """The code that came to the address."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern=r"^\s*\d{6}\s*$", examples=["042137"])]


class GatewayView(BaseModel):
    """A gateway of the county by which one may be reached, what it asks for, and what it may carry."""

    name: str
    kind: str
    zh: str
    en: str
    address: Named
    secret: Named | None
    clearance: Clearance


class ChannelView(BaseModel):
    """One way of being reached; the address is masked."""

    subscription_id: UUID
    gateway: str
    kind: Named
    shown: str
    desks: list[str]
    grades: list[Grade]
    verified: bool
    paused: bool
    quiet_from: time | None
    quiet_until: time | None
    created_at: datetime
    expires_at: datetime
    failures: int
    paused_until: datetime | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The view of a row."""
        kind = channels().kinds[values["kind"]]
        named = Named(code=values["kind"], zh=kind.zh, en=kind.en)
        return cls(**{**values, "kind": named, "verified": values["verified_at"] is not None})


class Channels(BaseModel):
    """The caller's ways of being reached, the county's gateways, and the key by which a browser subscribes."""

    items: list[ChannelView]
    gateways: list[GatewayView]
    push_key: str


class Queued(BaseModel):
    """A message that was put into the queue."""

    delivery_id: int


class DeliveryFilter(BaseModel):
    """Which deliveries of a subscription; positions are those of the stream."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    kind: Annotated[str | None, Field(max_length=40)] = None
    from_position: Annotated[int | None, Field(ge=0)] = None
    to_position: Annotated[int | None, Field(ge=0)] = None
    before: Annotated[int | None, Field(ge=1, description="delivery_id of the last one of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class ReplayRequest(BaseModel):
    """Which deliveries to send again: one (`from_position` = `to_position`) or a range, of a state when it is named."""

    model_config = ConfigDict(extra="forbid")

    from_position: Annotated[int, Field(ge=0)]
    to_position: Annotated[int, Field(ge=0)]
    state: Literal["delivered", "given_up"] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_position < self.from_position:
            raise ValueError("to_position 须不小于 from_position / to_position must not lie before from_position")
        return self


class Replayed(BaseModel):
    """How many messages were put into the queue again."""

    count: int


class Receipt(BaseModel):
    """One message about an alert to one person: by which channel for which desks, sent, taken, or why not yet."""

    channel: Named
    recipient: str
    desks: list[str]
    kind: Named
    state: State
    queued_at: datetime
    attempted_at: datetime | None
    delivered_at: datetime | None
    next_at: datetime | None
    attempts: int
    status: int | None
    provider_id: str | None
    error: str | None


class Receipts(BaseModel):
    """What was sent about an alert beyond the open page, the newest first."""

    items: list[Receipt]
