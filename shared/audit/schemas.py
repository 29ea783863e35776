"""What the REST API says of the audit log. Pure."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from shared import regions
from shared.audit.chain import Break
from shared.audit.deeds import deeds
from shared.contracts.base import UtcTime, WithoutNul

Format = Literal["csv", "ndjson"]


class AuditFilter(BaseModel):
    """Which entries. `object` is one object (`alert:0b5c...`) or all of a kind (`alert`)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    actor: Annotated[WithoutNul | None, Field(max_length=100, description="账号或姓名 / account or name")] = None
    action: Annotated[WithoutNul | None, Field(max_length=60, examples=["alert.viewed"])] = None
    object: Annotated[WithoutNul | None, Field(max_length=200, examples=["alert"])] = None
    since: Annotated[UtcTime | None, Field(alias="from", description="起,含 / from, inclusive")] = None
    until: Annotated[UtcTime | None, Field(alias="to", description="止,不含 / to, exclusive")] = None

    def told(self) -> dict[str, Any]:
        """Which fields were asked for, and the values that may stand in the log itself."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(AuditFilter.model_fields))
        return {"filters": sorted(values)} | {k: values[k] for k in ("from", "to") if k in values}


class AuditQuery(AuditFilter):
    """A page of them."""

    after: Annotated[str | None, Field(max_length=200, description="上一页的 next / `next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class AuditExport(AuditFilter):
    """All of them as a file."""

    format: Format = "csv"


class Term(BaseModel):
    """A code with its names."""

    code: str
    zh: str
    en: str


class Place(BaseModel):
    """A region by code and Chinese name."""

    code: str
    name: str


class AuditEntry(BaseModel):
    """One deed: who, in which roles, what, with which object, where. `number` and `hash` are its place in the chain,
    which an entry gets within a second."""

    id: int
    at: datetime
    actor: str
    name: str
    grants: list[str]
    action: Term
    object: str
    object_kind: Term
    region: Place
    detail: dict[str, Any]
    number: int | None
    hash: str | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """A row of the log."""
        action, kind = deeds().action(row["action"]), deeds().object(row["object"])
        return cls(
            id=row["id"],
            at=row["at"],
            actor=row["actor"],
            name=row["name"],
            grants=row["grants"],
            action=Term(code=row["action"], zh=action.zh, en=action.en),
            object=row["object"],
            object_kind=Term(code=row["object"].partition(":")[0], zh=kind.zh, en=kind.en),
            region=Place(code=row["region"], name=regions.name(row["region"])),
            detail=row["detail"],
            number=row["number"],
            hash=row["hash"],
        )


class AuditPage(BaseModel):
    """Entries, the latest first. `next` is the `after` of the following page."""

    items: list[AuditEntry]
    next: str | None


class BrokenAt(BaseModel):
    """The first entry that is wrong, and what is wrong with it."""

    number: int
    zh: str
    en: str


class Verification(BaseModel):
    """What the last check of this service's log came to. `hash` is the head of the chain that was walked."""

    service: str
    sound: bool
    checked_at: datetime
    entries: int
    heads: int
    hash: str
    broken: BrokenAt | None

    @staticmethod
    def broken_at(broken: Break | None) -> BrokenAt | None:
        """A break as the API tells it."""
        return None if broken is None else BrokenAt(number=broken.number, zh=broken.zh, en=broken.en)
