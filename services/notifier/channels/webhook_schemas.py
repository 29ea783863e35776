"""What the REST API says about the webhooks of systems, and takes for them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.alerts import Grade


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
    """One message of a subscription: how often it was tried, when it was taken, and the last answer.

    A digest, a code or a test has no `position` in the stream; only what has one can be sent again.
    """

    delivery_id: int
    position: int | None
    alert_id: UUID | None
    kind: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    next_at: datetime
    attempted_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    error: str | None
    provider_id: str | None
    replays: int


class Deliveries(BaseModel):
    """A subscription's deliveries, the newest first."""

    items: list[DeliveryView]
