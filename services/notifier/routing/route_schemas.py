"""What the REST API says of routes and the roster."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.routing.roster import Entry
from shared.contracts.alerts import About, Alert, Bilingual, Grade
from shared.contracts.base import RegionCode, UtcTime
from shared.contracts.power import Matter
from shared.regions import town_of

State = Literal["drafted", "approved", "rejected"]
DESK = r"^[a-z_]+@\d{12}$"
_Text = Annotated[str, Field(min_length=10, max_length=200_000, description="YAML,格式同 routing.yaml / as the file")]
_Reason = Annotated[str, Field(min_length=2, max_length=1000)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRoutes(_Given):
    """A draft of the county's own tree."""

    tree: _Text
    reason: _Reason


class Approval(_Given):
    """A decision to bring a draft into force; now when no time is given."""

    effective_from: UtcTime | None = None
    reason: _Reason


class Rejection(_Given):
    """A decision not to."""

    reason: _Reason


class VersionView(BaseModel):
    """One version of the tree: who drafted it and who decided when. Version 0 is the file's."""

    version: int
    state: State
    in_force: bool
    effective_from: datetime | None
    reason: str
    drafted_at: datetime | None
    drafted_by: str
    decided_at: datetime | None
    decided_by: str | None
    decided_reason: str | None


class VersionDetail(VersionView):
    """One version with its text."""

    tree: str


class Versions(BaseModel):
    """All versions, the latest first, and which is in force."""

    in_force: int
    items: list[VersionView]


class Sample(_Given):
    """An alert made up to try routes."""

    grade: Grade = "red"
    matter: Matter = "PR"
    village_code: RegionCode
    rule_id: Annotated[str, Field(max_length=80)] = "A001"
    village_visible: bool = False
    about: Annotated[tuple[About, ...], Field(max_length=20)] = ()

    def alert(self) -> Alert:
        """The alert."""
        nothing = Bilingual(zh="试算", en="a trial")
        return Alert(
            alert_id="00000000-0000-0000-0000-000000000000",
            rule_version="1",
            title=nothing,
            town_code=town_of(self.village_code),
            dedupe_key="trial",
            explanation=nothing,
            occurred_at=datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
            **self.model_dump(),
        )


class Question(_Given):
    """What to explain: an alert of one's own, or a sample; by which version or text; at which moment (now)."""

    alert_id: UUID | None = None
    sample: Sample | None = None
    version: Annotated[int | None, Field(ge=0)] = None
    tree: _Text | None = None
    at: UtcTime | None = None

    @model_validator(mode="after")
    def _one(self) -> "Question":
        if (self.alert_id is None) == (self.sample is None):
            raise ValueError("alert_id 与 sample 须且只能填一项 / give either alert_id or sample")
        if self.version is not None and self.tree is not None:
            raise ValueError("version 与 tree 只能填一项 / give version or tree, not both")
        return self


class PostRoster(_Given):
    """Who holds a post. An empty list takes it off the roster. `revision` is that read before; 0 for a new post."""

    entries: Annotated[list[Entry], Field(max_length=50)]
    revision: Annotated[int, Field(ge=0)]
    reason: Annotated[str, Field(min_length=2, max_length=500)]


class PostView(BaseModel):
    """One post of the roster as it was written last."""

    desk: str
    revision: int
    entries: list[Entry]
    written_at: datetime
    written_by: str
    reason: str


class RosterView(BaseModel):
    """The posts that the caller may see."""

    items: list[PostView]
