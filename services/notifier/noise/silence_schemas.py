"""What the REST API says about silences."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.noise.silences import Act, Matchers, Silence
from services.notifier.schemas import Named, Region
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Bilingual, Grade
from shared.contracts.base import RegionCode, UtcTime
from shared.contracts.power import Matter

SilencesShown = Literal["current", "past", "all"]


class MatchersRequest(BaseModel):
    """What should fall silent: a region, the grades, and at least one of rule, matter, case and party."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    region_code: Annotated[RegionCode, Field(examples=["330421107000"])]
    grades: Annotated[list[Grade], Field(max_length=3)] = ["yellow", "prompt"]
    rule_id: Annotated[str | None, Field(max_length=60, examples=["A077"])] = None
    matter: Matter | None = None
    case: Annotated[str | None, Field(max_length=100, description="案件编号 / a case's number or id")] = None
    party: Annotated[str | None, Field(max_length=100, description="预警 parties 中的 key / a `key` of `parties`")] = (
        None
    )

    def matchers(self) -> Matchers:
        """As the silence keeps them."""
        return Matchers(
            region_code=self.region_code,
            grades=frozenset(self.grades),
            rule_id=self.rule_id or None,
            matter=self.matter,
            case=self.case or None,
            party=self.party or None,
        )


class SilenceRequest(MatchersRequest):
    """A silence proposed, with its reason and its end (UTC)."""

    reason: Annotated[str, Field(max_length=1000)]
    ends_at: UtcTime


class SilenceNote(BaseModel):
    """A word to an approval or an end."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=1000)] = ""


class SilenceAct(BaseModel):
    """One thing done with a silence."""

    at: datetime
    act: Act
    by_name: str
    note: str


class SilenceView(BaseModel):
    """A silence. `active`: it keeps alerts quiet now. `over`: its end has passed. `ended`: before that, by someone."""

    silence_id: UUID
    region: Region
    grades: tuple[Named, ...]
    rule_id: str | None
    matter: Named | None
    case: str | None
    party: str | None
    reason: str
    ends_at: datetime
    state: Literal["proposed", "approved", "ended"]
    active: bool
    over: bool
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> Self:
        """The silence at this time."""
        fit, words = silence.matchers, vocabulary()
        return cls(
            silence_id=silence.id,
            region=Region.of(fit.region_code),
            grades=tuple(Named.of(code, name) for code, name in words.grades.items() if code in fit.grades),
            rule_id=fit.rule_id,
            matter=Named.of(fit.matter, words.matters[fit.matter]) if fit.matter else None,
            case=fit.case,
            party=fit.party,
            reason=silence.reason,
            ends_at=silence.ends_at,
            state=silence.state,
            active=silence.active(now),
            over=silence.ends_at <= now,
            proposed_by=silence.proposed_name,
            proposed_at=silence.proposed_at,
            approved_by=silence.approved_name or None,
        )


class PreviewAlert(BaseModel):
    """One alert that would have been quiet."""

    alert_id: UUID
    title: Bilingual
    grade: Named
    raised_at: datetime


class Preview(BaseModel):
    """What a silence would have kept quiet of the last `days` days: `muted` of the alerts `looked_at`, all
    that the caller may read in its region; the latest as examples."""

    days: int
    looked_at: int
    muted: int
    by_grade: dict[str, int]
    examples: list[PreviewAlert]


class SilenceDetail(SilenceView):
    """A silence with all that was done with it, and what it would have kept quiet."""

    history: list[SilenceAct]
    preview: Preview


class Silences(BaseModel):
    """Silences of the caller's regions: what awaits approval first, then the latest first."""

    items: list[SilenceView]
