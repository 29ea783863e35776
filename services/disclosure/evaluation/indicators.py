"""What is counted and what it weighs: `evaluation.yaml`, checked as it loads. Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.disclosure.evaluation.quarters import Quarter

FILE = Path(__file__).with_name("evaluation.yaml")
Measure = Literal["share", "rate", "level"]
Level = Literal["village", "town", "county", "city"]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
FULL = 100.0
ALL = "all"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Strict):
    """One name in both languages."""

    zh: str
    en: str


class Bounds(_Strict):
    """From which value on a line gives nothing, and from which on everything; in the measure's own unit."""

    floor: float
    target: float

    @property
    def middle(self) -> float:
        """Halfway."""
        return (self.floor + self.target) / 2

    def position(self, value: float) -> float:
        """Where a value stands between floor (0) and target (1)."""
        return min(1.0, max(0.0, (value - self.floor) / (self.target - self.floor)))


class Indicator(Words):
    """One line of a card. `scored` is false for what is shown on it and scored elsewhere."""

    points: Annotated[float, Field(ge=0, le=FULL)]
    measure: Measure
    better: Literal["up", "down"]
    per: Positive = 1
    bounds: dict[str, Bounds]
    prior: Annotated[float, Field(ge=0)] = 0
    minimum: Annotated[float, Field(ge=1)] = 5
    span: Annotated[int, Field(ge=1, le=4)] = 1
    counts: Words
    source: Literal["records", "upload"]
    audience: Level
    scored: bool = True

    @field_validator("bounds", mode="before")
    @classmethod
    def _pairs(cls, given: dict[str, object]) -> dict[str, object]:
        return {
            group: {"floor": pair[0], "target": pair[1]} if isinstance(pair, list) and len(pair) == 2 else pair
            for group, pair in given.items()
        }

    @model_validator(mode="after")
    def _towards_better(self) -> "Indicator":
        for group, one in self.bounds.items():
            if one.floor == one.target or (one.target > one.floor) != (self.better == "up"):
                raise ValueError(f"bounds.{group}: 目标须优于底线 / the target must be better than the floor")
        return self

    def bounds_of(self, group: str) -> Bounds:
        """Floor and target for a group of villages."""
        return self.bounds.get(group) or self.bounds[ALL]


class IndicatorSet(_Strict):
    """The lines in force from a quarter on."""

    version: int
    begins: Annotated[str, Field(alias="from")]
    dimensions: dict[str, Words]
    indicators: dict[str, Indicator]
    town_lines: dict[str, Indicator]

    @model_validator(mode="after")
    def _whole(self) -> "IndicatorSet":
        if Quarter.parse(self.begins) is None:
            raise ValueError("from: 应写作 2026Q1 / a quarter such as 2026Q1")
        if missing := [line for line in self.indicators if dimension_of(line) not in self.dimensions]:
            raise ValueError(f"indicators: {', '.join(missing)} 没有所属维度 / of no dimension")
        for name, lines in (("indicators", self.indicators), ("town_lines", self.town_lines)):
            if (total := sum(line.points for line in lines.values())) != FULL:
                raise ValueError(f"{name}: 分值合计应为 100,现为 {total:g} / the points must sum to 100")
        return self

    def of_dimension(self, dimension: str) -> Iterator[tuple[str, Indicator]]:
        """The lines of a dimension, in their order."""
        return ((line, each) for line, each in self.indicators.items() if dimension_of(line) == dimension)


class Group(Words):
    """Villages of a size: with fewer residents than `below`."""

    below: int | None = None


class Band(Words):
    """What a score is called from `begins` on."""

    begins: Annotated[float, Field(alias="from", ge=0, le=FULL)]
    colour: Literal["green", "blue", "yellow", "red"]


class Bonus(Words):
    """Points for good practice, at most so many."""

    most: Annotated[float, Field(ge=0, le=20)]


class Veto(_Strict):
    """What caps a score, and at what."""

    cap: Annotated[float, Field(ge=0, le=FULL)]
    items: dict[str, Words]


class TownParts(_Strict):
    """What a town's score is made of."""

    villages: Share
    own: Share

    @model_validator(mode="after")
    def _whole(self) -> "TownParts":
        if abs(self.villages + self.own - 1) > 1e-9:
            raise ValueError("town: 两部分之和应为 1 / the two parts must sum to 1")
        return self


class Quorum(_Strict):
    """How many of those who should attend must be there, and how many of those present must agree (more than)."""

    present: Share
    of_present: Share


class Innocent(_Strict):
    """How an alert is closed that found nothing wrong."""

    states: frozenset[str]
    outcomes: frozenset[str]


class Input(Words):
    """A figure that is handed in. One that `lasts` holds until another is told."""

    kind: Literal["count", "money"]
    lasts: bool = False


class Plan(_Strict):
    """The whole of `evaluation.yaml`."""

    readers: dict[Level, tuple[str, ...]]
    keepers: tuple[str, ...]
    settling_working_days: Annotated[int, Field(ge=0, le=120)]
    revised_quarters: Annotated[int, Field(ge=1, le=40)]
    past_quarters: Annotated[int, Field(ge=0, le=40)]
    groups: dict[str, Group]
    unknown_group: str
    credibility: Annotated[float, Field(gt=0.5, lt=1)]
    enough_villages: Annotated[int, Field(ge=2)]
    least_measured: Annotated[float, Field(ge=0, le=FULL)]
    bands: dict[str, Band]
    bonus: Bonus
    veto: Veto
    town: TownParts
    quorums: dict[str, Quorum]
    direct_flows: tuple[str, ...]
    originals: tuple[str, ...]
    repeated_within_months: Annotated[int, Field(ge=1, le=60)]
    public_nodes: frozenset[str]
    innocent: Innocent
    inputs: dict[str, Input]
    at_most: dict[str, str]
    sets: tuple[IndicatorSet, ...]

    @model_validator(mode="after")
    def _fits(self) -> "Plan":
        if self.unknown_group not in self.groups:
            raise ValueError("unknown_group: 没有这个规模组 / no such group")
        if list(self.groups.values())[-1].below is not None:
            raise ValueError("groups: 最后一组不设上限 / the last group has no limit")
        starts = [band.begins for band in self.bands.values()]
        if starts != sorted(starts, reverse=True) or starts[-1] != 0:
            raise ValueError("bands: 由高到低,最后一档从 0 起 / from the best down to 0")
        if unknown := (set(self.at_most) | set(self.at_most.values())) - set(self.inputs):
            raise ValueError(f"at_most: {', '.join(sorted(unknown))} 不是上报项 / not handed in")
        begins = [one.begins for one in self.sets]
        if not begins or begins != sorted(set(begins)):
            raise ValueError("sets: 按起始季度由早到晚,至少一套 / at least one, the earliest first")
        for one in self.sets:
            for line, indicator in {**one.indicators, **one.town_lines}.items():
                if ALL not in indicator.bounds and set(indicator.bounds) != set(self.groups):
                    raise ValueError(f"{line}.bounds: 应为 all 或每个规模组 / `all`, or each group")
        return self

    def set_of(self, quarter: Quarter) -> IndicatorSet:
        """The set in force in a quarter; before the first one, the first."""
        held = [one for one in self.sets if one.begins <= str(quarter)]
        return held[-1] if held else self.sets[0]

    def group_of(self, residents: int | None) -> str:
        """The group of villages of a size."""
        if residents is None:
            return self.unknown_group
        return next(code for code, group in self.groups.items() if group.below is None or residents < group.below)

    def bands_of(self, low: float, high: float) -> tuple[str, ...]:
        """The bands that an interval touches, the best first: one when the band is sure."""
        codes, starts = list(self.bands), [band.begins for band in self.bands.values()]
        first, last = (next(at for at, start in enumerate(starts) if value >= start) for value in (high, low))
        return tuple(codes[first : last + 1])


def dimension_of(line: str) -> str:
    """The dimension of an indicator: G12 is of G1."""
    return line[:2]


def with_changes(
    held: IndicatorSet, points: Mapping[str, float], bounds: Mapping[str, Mapping[str, Bounds]]
) -> IndicatorSet:
    """The set with other points or bounds for some lines; raises pydantic's error when it isn't whole any more."""
    raw = held.model_dump(by_alias=True)
    for line, value in points.items():
        raw["indicators"][line]["points"] = value
    for line, groups in bounds.items():
        raw["indicators"][line]["bounds"] |= {group: one.model_dump() for group, one in groups.items()}
    return IndicatorSet.model_validate(raw)


@cache
def plan() -> Plan:
    """The plan in force; raises pydantic's error, with the path, when the file is malformed."""
    return Plan.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
