"""What the REST API grants and how much, as `rest.yaml` says it: scopes, rates, sizes, terms. Pure."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

_FILE = Path(__file__).with_name("rest.yaml")
Count = Annotated[int, Field(ge=1)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Name(_Told):
    """A scope in both languages."""

    zh: str
    en: str


class Rates(_Told):
    """Requests a minute, in one process."""

    person: Count
    client: Count


class PageSize(_Told):
    """Rows of a page: when nothing is asked, and at most."""

    usual: Count
    most: Count


class Webhooks(_Told):
    """Terms of subscriptions and their messages."""

    most_of_a_client: Count
    live_days: Count
    retry_seconds: tuple[float, ...]
    give_up_hours: Count
    switch_off_hours: Count
    kept_days: Count
    old_secret_hours: Count
    sent_at_once: Count


class Rest(_Told):
    """All of it."""

    scopes: dict[str, Name]
    requests_a_minute: Rates
    idempotency_days: Count
    page: PageSize
    changes_a_page: PageSize
    bulk_items: Count
    export_days: Count
    webhooks: Webhooks

    @property
    def answers_kept(self) -> timedelta:
        """How long the answer under an idempotency key is kept."""
        return timedelta(days=self.idempotency_days)


@cache
def rest() -> Rest:
    """The file, checked; raises pydantic's `ValidationError` for an unsound one."""
    return Rest.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
