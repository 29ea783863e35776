"""What the REST API takes and gives about webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.base import RegionCode

Matter = Literal["PR", "EN", "AS", "LA", "RE", "SE"]
State = Literal["waiting", "delivered", "given_up"]
EventType = Annotated[str, Field(pattern=r"^case\.[a-z_]{1,40}\.v\d{1,3}$")]
_BIGINT = 2**63 - 1


class WebhookRequest(BaseModel):
    """Where to send which changes: of cases in these regions, of all matters or some, of all types or some."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^[!-~]+$", examples=["https://oa.gov.cn/hooks"])]
    regions: Annotated[list[RegionCode], Field(min_length=1, max_length=100, examples=[["330421107000"]])]
    matters: Annotated[list[Matter], Field(max_length=6)] = []
    types: Annotated[list[EventType], Field(max_length=20, examples=[["case.node_completed.v1"]])] = []
    paused: Annotated[bool, Field(description="暂停:期间的变更不推送 / nothing is sent of what happens meanwhile")] = (
        False
    )


class WebhookOut(BaseModel):
    """A subscription. It ends at `expires_at` unless a PUT renews it; `switched_off_at` when it failed for too long."""

    webhook_id: UUID
    url: str
    regions: list[str]
    matters: list[str]
    types: list[str]
    paused: bool
    created_at: datetime
    expires_at: datetime
    failures: int
    failing_since: datetime | None
    resting_until: datetime | None
    switched_off_at: datetime | None
    old_secret_until: datetime | None
    sequence: Annotated[int, Field(description="随每次更改递增,即 ETag / grows with each change: its ETag")]


class NewWebhook(WebhookOut):
    """A subscription with its new secret (standardwebhooks.com), which is never shown again."""

    secret: str


class WebhooksOut(BaseModel):
    """The client's subscriptions, the oldest first."""

    webhooks: list[WebhookOut]


class DeliveryOut(BaseModel):
    """One message: how often it was tried, the last answer, when it was taken. A test has no `position`."""

    delivery_id: int
    message_id: str
    position: int | None
    state: State
    attempts: int
    replays: int
    queued_at: datetime
    next_at: datetime
    attempted_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    error: str | None


class DeliveryPage(BaseModel):
    """A page of messages, the newest first; `next` goes into `after`."""

    deliveries: list[DeliveryOut]
    next: str | None


class ReplayRequest(BaseModel):
    """Which messages to send again: by their ids, or all that were queued within a span."""

    model_config = ConfigDict(extra="forbid")

    delivery_ids: Annotated[
        list[Annotated[int, Field(ge=1, le=_BIGINT)]], Field(max_length=1000, examples=[[17, 18]])
    ] = []
    queued_from: Annotated[AwareDatetime | None, Field(examples=[None])] = None
    queued_before: Annotated[AwareDatetime | None, Field(examples=[None])] = None
    state: Annotated[State | None, Field(examples=["given_up"])] = None


class Replayed(BaseModel):
    """How many messages wait to be sent again."""

    count: int
