"""A policy, its versions, and which of them hold on a day and in a village. Pure."""

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from services.disclosure.free_text import scrub
from services.disclosure.policies.plan import plan
from shared import regions
from shared.forms import Day

State = Literal["draft", "coming", "in_force", "over", "replaced", "withdrawn"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
_SPOKEN = ("title_zh", "title_en", "benefit", "conditions", "applying", "papers", "office", "issuer", "document_no")
_MOST_FEN = 100_000_000_00
_LINE_END = re.compile(r"\r\n?")


class Content(BaseModel):
    """What a policy says, masked as everything that the public reads: `amount_fen` in fen, days of Shanghai."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title_zh: Title
    title_en: Title
    groups: tuple[str, ...] = Field(min_length=1, max_length=9)
    benefit: Long
    amount_fen: int | None = Field(default=None, ge=0, le=_MOST_FEN)
    unit: str = Field(default="", max_length=30)
    conditions: Long
    applying: Long
    papers: Long
    office: Short
    issuer: Short
    document_no: Short
    flow: str = Field(default="", max_length=8)
    valid_from: Day
    valid_to: Day | None = None

    @field_validator("groups")
    @classmethod
    def _known_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(groups) - set(plan().groups):
            raise ValueError(f"unknown groups: {', '.join(sorted(unknown))}")
        return tuple(sorted(set(groups)))

    @field_validator("unit", "flow")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        known = plan().units if info.field_name == "unit" else plan().flows()
        if value and value not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return value

    @field_validator("valid_to")
    @classmethod
    def _ends_later(cls, valid_to: date | None, info: ValidationInfo) -> date | None:
        begins = info.data.get("valid_from")
        if valid_to and begins and valid_to < begins:
            raise ValueError("ends before it begins")
        return valid_to

    @model_validator(mode="after")
    def _of_a_unit(self) -> Self:
        if (self.amount_fen is None) != (not self.unit):
            raise ValueError("an amount and its unit go together")
        return self

    def masked(self) -> Self:
        """Without persons and their numbers; done again, it changes nothing."""
        return self.model_copy(update={name: scrub(_LINE_END.sub("\n", getattr(self, name))) for name in _SPOKEN})


class Version(BaseModel):
    """One version of a policy with its dates (UTC); a draft as long as `published_at` is none."""

    model_config = ConfigDict(frozen=True)

    policy_id: uuid.UUID
    version: int
    region: str
    content: Content
    written_at: datetime
    published_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_because: str | None = None

    def holds(self, day: date) -> bool:
        """Whether a day lies in its dates, and it is published and not withdrawn."""
        if self.published_at is None or self.withdrawn_at is not None:
            return False
        return self.content.valid_from <= day <= (self.content.valid_to or date.max)


def of_village(village_code: str) -> tuple[str, ...]:
    """The regions whose policies hold in a village: its own, its town's and its county's."""
    return village_code, regions.town_of(village_code), regions.county_of(village_code)


def newest(versions: Iterable[Version], day: date) -> Version | None:
    """Of one policy's versions the last published that has begun by a day, else the one that begins first."""
    published = [each for each in versions if each.published_at is not None]
    begun = [each for each in published if each.content.valid_from <= day]
    if begun:
        return max(begun, key=lambda each: each.version)
    return min(published, key=lambda each: (each.content.valid_from, -each.version), default=None)


def in_force(versions: Iterable[Version], day: date) -> list[Version]:
    """Of many policies the version of each that holds on a day, the latest published first."""
    by_policy: dict[uuid.UUID, list[Version]] = {}
    for each in versions:
        by_policy.setdefault(each.policy_id, []).append(each)
    found = [one for of in by_policy.values() if (one := newest(of, day)) and one.holds(day)]
    return sorted(found, key=lambda one: (one.published_at, one.policy_id), reverse=True)


def state(version: Version, versions: Sequence[Version], day: date) -> State:
    """What a version of a policy is on a day, beside the others."""
    if version.published_at is None:
        return "draft"
    if version.withdrawn_at:
        return "withdrawn"
    current = newest(versions, day)
    if current and current.version > version.version:
        return "replaced"
    if version.content.valid_from > day:
        return "coming"
    return "in_force" if version.holds(day) else "over"


def chosen(versions: Iterable[Version], group: str, words: str) -> list[Version]:
    """Those for a group (all, when none is named) that hold all of some words."""
    wanted = words.lower().split()
    return [each for each in versions if (not group or _for(each, group)) and all(w in _words(each) for w in wanted)]


def _for(version: Version, group: str) -> bool:
    return group in version.content.groups or "everybody" in version.content.groups


def _words(version: Version) -> str:
    said = version.content
    return " ".join((said.title_zh, said.title_en, said.benefit, said.conditions, said.document_no)).lower()
