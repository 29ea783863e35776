"""A village's page as bytes that are ready to send, and until when they are true. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.disclosure import villages
from services.disclosure.schemas import VillagePage


@dataclass(frozen=True, slots=True)
class Rendered:
    """The JSON of a page, its strong ETag, and when the first of its notices ends."""

    body: bytes
    etag: str
    stale_at: datetime | None

    @classmethod
    def of(cls, page: VillagePage, now: datetime) -> Self:
        """The page as it is at a moment."""
        current = villages.without_expired(page, now)
        body = current.model_dump_json().encode()
        return cls(body, etag(body), min((notice.ends_at for notice in current.notices), default=None))

    @property
    def page(self) -> VillagePage:
        """What the bytes say."""
        return VillagePage.model_validate_json(self.body)

    def at(self, now: datetime) -> Self:
        """The bytes that are true at a later moment: mostly these."""
        return self if self.stale_at is None or now < self.stale_at else type(self).of(self.page, now)


def etag(body: bytes) -> str:
    """The strong ETag of bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
