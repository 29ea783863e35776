"""The kinds of channels (`channels.yaml`): how each is tried, for how long, and what it may carry. Pure."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from services.notifier.channels.http_request import HttpRequest
from shared.contracts.alerts import Bilingual

Clearance = Literal["plain", "explained"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(_Strict):
    """How an address is proved by a code sent to it."""

    minutes: int = Field(ge=1)
    tries: int = Field(ge=1)
    again_seconds: int = Field(ge=1)
    a_day: int = Field(ge=1)


class Kind(_Strict):
    """One kind of channel."""

    zh: str
    en: str
    address: Bilingual
    secret: Bilingual | None = None
    breaker: Literal["gateway", "subscription"]
    clearance: Clearance
    timeout_seconds: float = Field(gt=0)
    at_once: int = Field(ge=1)
    retry_seconds: tuple[float, ...] = Field(min_length=1)
    give_up_minutes: int = Field(ge=1)
    request: HttpRequest | None = None

    @property
    def give_up_after(self) -> timedelta:
        """How long a message may wait in all."""
        return timedelta(minutes=self.give_up_minutes)


class Channels(_Strict):
    """The whole of `channels.yaml`."""

    red_unreached_minutes: int = Field(ge=1)
    code: Code
    kinds: dict[str, Kind]


@cache
def channels() -> Channels:
    """The channels; raises pydantic's error at start when the file is malformed."""
    text = Path(__file__).with_name("channels.yaml").read_text(encoding="utf-8")
    return Channels.model_validate(yaml.safe_load(text))
