"""A village's page as bytes that are ready to send, and until when they are true. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.disclosure import village_page
from services.disclosure.packed import Packed
from services.disclosure.schemas import VillagePage


@dataclass(frozen=True, slots=True)
class Rendered:
    """The JSON of what a page shows, all that it is made of, and when the first thing on it is no longer public."""

    body: Packed
    whole: VillagePage
    stale_at: datetime | None

    @classmethod
    def of(cls, page: VillagePage, now: datetime) -> Self:
        """The page as it is at a moment."""
        whole = village_page.without_expired(page, now)
        body = Packed.of(village_page.shown(whole).model_dump_json().encode())
        return cls(body, whole, village_page.stale_at(whole))

    @property
    def page(self) -> VillagePage:
        """What the bytes say."""
        return village_page.shown(self.whole)

    def at(self, now: datetime) -> Self:
        """The bytes that are true at a later moment: mostly these."""
        return self if self.stale_at is None or now < self.stale_at else type(self).of(self.whole, now)
