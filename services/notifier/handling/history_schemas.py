"""What the REST API says of all that happened to an alert."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.notifier.schemas import Named
from shared.contracts.alerts import Bilingual


class HistoryDetails(BaseModel):
    """What some entries tell beside: of a judgement, of a hand-over, of an extension, of a paper."""

    explanation: str | None = None
    accepted: Bilingual | None = None
    recovered_fen: int = 0
    people: int = 0
    review_by: datetime | None = None
    to_name: str | None = None
    working_days: int | None = None
    due_by: datetime | None = None
    paper_id: UUID | None = None
    paper: str | None = None


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
    details: HistoryDetails


class History(BaseModel):
    """All that happened to an alert, the oldest first."""

    items: list[HistoryEntry]
