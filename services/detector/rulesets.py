"""What a county has set: which settings of a rule are in force for a region and a moment. Pure.

A function of the set of changes: in whatever order they became known, the same settings hold on the same day.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.contracts.alerts import Grade
from shared.contracts.rulesets import ParamValue, RuleChanged
from shared.principals import Grant
from shared.regions import county_of, town_of

_NOWHERE = "000000000000"
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Settings:
    """What is set of a rule in a region at a moment; None and what isn't named is as the rulebook has it.

    `changes` are the changes it is made of, from the widest region to the narrowest.
    """

    params: Mapping[str, ParamValue] = field(default_factory=dict)
    grade: Grade | None = None
    enabled: bool | None = None
    changes: tuple[RuleChanged, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of its changes: they name these settings."""
        return tuple(change.number for change in self.changes)

    def over(self, change: RuleChanged) -> "Settings":
        """These settings of a wider region with a narrower one's change over them."""
        return Settings(
            params={**self.params, **change.params},
            grade=change.grade or self.grade,
            enabled=self.enabled if change.enabled is None else change.enabled,
            changes=(*self.changes, change),
        )


class Timeline:
    """All changes of one rule, over all regions and times."""

    def __init__(self, changes: Iterable[RuleChanged]) -> None:
        self.changes = tuple(sorted({one.change_id: one for one in changes}.values(), key=_standing))
        self._by_region: dict[str, list[RuleChanged]] = {}
        for change in self.changes:
            self._by_region.setdefault(change.region_code, []).append(change)
        self._moments = sorted({moment for change in self.changes for moment in _moments(change)})
        self._known: dict[tuple[str, int], Settings] = {}

    def settings(self, region: str, moment: datetime) -> Settings:
        """What is in force in a region (county, town or village) at a moment."""
        era = bisect_right(self._moments, moment)
        if (region, era) not in self._known:
            self._known[region, era] = self._settings(region, moment)
        return self._known[region, era]

    def later(self, region: str, moment: datetime) -> Iterator[Settings]:
        """What comes into force in a region after a moment, in turn."""
        return (self.settings(region, when) for when in self._moments if when > moment)

    def moments(self, regions: Collection[str]) -> tuple[datetime, ...]:
        """When something changes in any of these regions, in turn."""
        wider = {code for region in regions for code in ladder(region)}
        found = {when for code in wider for change in self._by_region.get(code, ()) for when in _moments(change)}
        return tuple(sorted(found))

    def _settings(self, region: str, moment: datetime) -> Settings:
        settings = Settings()
        for code in ladder(region):
            held = [one for one in self._by_region.get(code, ()) if one.effective_from <= moment < _end(one)]
            if held:
                settings = settings.over(held[-1])
        return settings


def timelines(changes: Iterable[RuleChanged]) -> dict[str, Timeline]:
    """The timeline of each rule that was ever changed."""
    by_rule: dict[str, list[RuleChanged]] = {}
    for change in changes:
        by_rule.setdefault(change.rule_id, []).append(change)
    return {rule: Timeline(some) for rule, some in by_rule.items()}


def ladder(region: str) -> tuple[str, ...]:
    """A region with those around it, the widest first."""
    return tuple(dict.fromkeys((county_of(region), town_of(region), region)))


def covering(regions: Collection[str]) -> str:
    """The narrowest region around all of these; one that nobody sets anything for when they lie in several counties."""
    for wider in (set(regions), {town_of(code) for code in regions}, {county_of(code) for code in regions}):
        if len(wider) == 1:
            return wider.pop()
    return _NOWHERE


def covers(region: str, other: str) -> bool:
    """Whether `other` is this region or lies in it."""
    return Grant("", region).covers(other)


def _standing(change: RuleChanged) -> tuple[datetime, int, str]:
    return change.effective_from, change.number, change.change_id


def _moments(change: RuleChanged) -> Iterator[datetime]:
    yield change.effective_from
    if change.effective_until:
        yield change.effective_until


def _end(change: RuleChanged) -> datetime:
    return change.effective_until or _EVER
