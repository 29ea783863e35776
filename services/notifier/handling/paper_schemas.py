"""What the REST API says about papers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class PaperView(BaseModel):
    """A paper of an alert, and how often it was taken."""

    paper_id: UUID
    name: str
    size: int
    media_type: str
    sha256: str
    by_name: str
    filed_at: datetime
    readings: int


class Papers(BaseModel):
    """The papers of an alert, in the order of filing."""

    items: list[PaperView]
