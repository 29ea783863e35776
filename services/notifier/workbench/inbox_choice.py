"""What is chosen in the inbox, as its URL says it: a filter, an order, a page. Pure."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field, field_validator, model_validator

from services.notifier.handling import lifecycle
from services.notifier.schemas import AlertFilter, Order, RuleId
from shared import regions
from shared.contracts.alerts import Grade
from shared.contracts.base import RegionCode, WithoutNul
from shared.contracts.power import Matter
from shared.forms import Day
from shared.workdays import SHANGHAI

PAGE = 30
SHOWN = {
    "open": ("待办", "Open"),
    "overdue": ("逾期", "Overdue"),
    "review": ("待复核", "To review"),
    "finished": ("已办结", "Finished"),
    "all": ("全部", "All"),
}
ORDERS: dict[Order, tuple[str, str]] = {
    "graver": ("先重后轻", "Graver first"),
    "due": ("先到期", "Due first"),
    "newest": ("先新后旧", "Newest first"),
}
_CHOSEN = ("grade", "matter", "place", "rule", "assigned", "since", "until", "text", "group")


class InboxChoice(BaseModel):
    """The query of the inbox; an empty value is none. `show` is a state or a word of `SHOWN`; days are Shanghai's."""

    show: str = Field("open", max_length=40)
    grade: Grade | None = None
    matter: Matter | None = None
    place: RegionCode | None = None
    rule: RuleId | None = None
    assigned: Literal["me", "nobody"] | None = None
    since: Day | None = None
    until: Day | None = None
    text: WithoutNul | None = Field(None, max_length=100)
    group: WithoutNul | None = Field(None, max_length=200)
    sort: Order = "graver"
    after: str | None = Field(None, max_length=200)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_none(cls, given: Any) -> Any:
        return {key: value for key, value in dict(given).items() if value not in ("", [""])}

    @field_validator("show")
    @classmethod
    def _known(cls, show: str) -> str:
        if show not in SHOWN and show not in lifecycle.book().states:
            raise ValueError(f"没有“{show}”这一状态 / there is no state “{show}”")
        return show

    def filter(self) -> AlertFilter:
        """The same as the API says it."""
        level = regions.level_of(self.place) if self.place else None
        values: dict[str, Any] = {
            "state": None if self.show == "all" else self.show,
            "grade": self.grade,
            "matter": self.matter,
            "village": self.place if level == "village" else None,
            "town": self.place if level != "village" else None,
            "rule": self.rule,
            "assigned": self.assigned,
            "from": self.since and datetime.combine(self.since, time(), SHANGHAI),
            "to": self.until and datetime.combine(self.until + timedelta(days=1), time(), SHANGHAI),
            "text": (self.text and self.text.strip()) or None,
            "group": self.group,
            "sort": self.sort,
            "after": self.after,
            "limit": PAGE,
        }
        return AlertFilter(**values)

    def query(self, **over: Any) -> str:
        """The URL's query with some of it changed; the page begins anew unless `after` is given. Empty for the plain
        inbox."""
        told = self.model_dump(mode="json", exclude_defaults=True) | {"after": None} | over
        if told.get("show") == "open":
            told.pop("show")
        return urlencode({key: value for key, value in told.items() if value})

    @property
    def chosen(self) -> dict[str, str]:
        """What narrows the list, beside the state."""
        return dict(self._told())

    def _told(self) -> Iterator[tuple[str, str]]:
        for name in _CHOSEN:
            if value := getattr(self, name):
                yield name, str(value)
