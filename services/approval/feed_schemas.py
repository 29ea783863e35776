"""What the feed of changes gives."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from asyncpg import Record
from pydantic import BaseModel

from services.approval.feed import Stretch


class ChangeOut(BaseModel):
    """One change of a case: its event as it was published, with what the case is. `position` grows along the line."""

    position: int
    case_id: UUID
    case_no: str
    title: str
    matter: str
    flow: str
    village_code: str
    town_code: str
    sequence: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, row: Record) -> Self:
        """From the line."""
        return cls.model_validate(dict(row))


class ChangePage(BaseModel):
    """A stretch of the line. Keep `next`: given as `after`, it goes on from here, at once while `more`, else later."""

    changes: list[ChangeOut]
    next: str
    more: bool

    @classmethod
    def of(cls, stretch: Stretch) -> Self:
        """From the line."""
        return cls(changes=[ChangeOut.of(row) for row in stretch.rows], next=stretch.next, more=stretch.more)
