"""Whose cards the reader may see, and which quarter he asks for."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.evaluation.errors import BadQuarter, BadRegionOfCard, NotYourCard
from services.disclosure.evaluation.indicators import Level, Plan
from services.disclosure.evaluation.quarters import Quarter
from shared import regions
from shared.auth import require
from shared.db import region_prefix
from shared.principals import Principal
from shared.problems import FieldError, NotAllowed

_LEVELS: tuple[Level, ...] = ("village", "town", "county", "city")
Sort = Literal["score", "region", "change"]
Region = Annotated[str | None, Field(max_length=12, examples=["330421107201"])]


class CardChoice(BaseModel):
    """A quarter and a region; the quarter that runs and the reader's widest region without them."""

    model_config = ConfigDict(frozen=True)

    quarter: Annotated[str | None, Field(max_length=10, examples=["2026Q1"])] = None
    region: Region = None
    revision: Annotated[int | None, Field(ge=1, le=10_000, description="已封存的版本 / a sealed revision")] = None

    def asked(self, now: datetime) -> Quarter:
        """The quarter; raises `BadQuarter`."""
        return quarter_of(self.quarter, now)


class ListChoice(CardChoice):
    """Which cards of a quarter, and in which order."""

    level: Literal["", "village", "town"] = ""
    town: Annotated[str, Field(max_length=12)] = ""
    band: Annotated[str, Field(max_length=20)] = ""
    sort: Sort = "score"


def quarter_of(text: str | None, now: datetime) -> Quarter:
    """The quarter that a text names, else the one that runs; raises `BadQuarter`."""
    running = Quarter.of(now)
    if not text:
        return running
    found = Quarter.parse(text)
    if found is None:
        raise _bad("应写作 2026Q1", "A quarter is written as 2026Q1")
    if found > running:
        raise _bad("这个季度还没有开始", "This quarter hasn't begun")
    return found


@dataclass(frozen=True)
class Seat:
    """Where the reader looks, and up to which `level` he may be shown records. `within` is the LIKE pattern."""

    caller: Principal
    region: str
    within: str
    level: Level

    @classmethod
    def of(cls, caller: Principal, region: str | None, plan: Plan) -> Self:
        """The region asked for, else the reader's widest; raises `NotAllowed`, `BadRegionOfCard`, `NotYourCard`."""
        require(caller, *sorted({role for roles in plan.readers.values() for role in roles}))
        own = [g for g in caller.grants if g.role in plan.readers[regions.level_of(g.region)]]
        if not own:
            raise NotAllowed("您的职务在本级不能查看评价", "Your role doesn't read cards at its level")
        own.sort(key=lambda grant: (-_LEVELS.index(regions.level_of(grant.region)), grant.region))
        where = region or own[0].region
        if len(where) != 12 or not (where.isascii() and where.isdigit()):
            field = FieldError("query.region", "应为 12 位地区代码", "A code of 12 digits is needed")
            raise BadRegionOfCard("请按提示修改", "Please mend the named field", [field])
        covering = [grant for grant in own if grant.covers(where)]
        if not covering:
            raise NotYourCard("只能查看本人地区及其下级", "Only your own region and those below it are shown")
        return cls(caller, where, region_prefix(where), regions.level_of(covering[0].region))

    @property
    def county(self) -> str:
        """The county whose quarter is looked at; of a city, ours."""
        if regions.level_of(self.region) != "city":
            return regions.county_of(self.region)
        return regions.county_of(regions.towns()[0].code)

    def holds(self, code: str) -> bool:
        """Whether a card lies within the region looked at."""
        return code.startswith(self.within.removesuffix("%"))

    def sees_records(self, audience: Level) -> bool:
        """Whether he may be told which records a line counted."""
        return _LEVELS.index(self.level) >= _LEVELS.index(audience)


def keeps(caller: Principal, county: str, plan: Plan) -> None:
    """Refuse whoever doesn't keep this county's evaluation; raises `NotAllowed`, `NotYourCard`."""
    require(caller, *plan.keepers)
    if not any(grant.role in plan.keepers and grant.region == county for grant in caller.grants):
        raise NotYourCard("只有本县的纪委书记可以办理", "Only the county's own secretary does this")


def id_of(text: str) -> uuid.UUID | None:
    """An id; None for anything else."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _bad(zh: str, en: str) -> BadQuarter:
    return BadQuarter("请按提示修改", "Please mend the named field", [FieldError("query.quarter", zh, en)])
