"""Who gets an alert: a pure function of the alert and of `routing.yaml`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict

from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.principals import Grant

Place = Literal["village", "town", "county"]
AUDITOR = "auditor"
_GRADES: tuple[Grade, ...] = ("prompt", "yellow", "red")


@dataclass(frozen=True, order=True)
class Desk:
    """A desk: whoever holds this role for this region."""

    role: str
    region: str

    @property
    def address(self) -> str:
        """The desk in one word, as row-level security knows it."""
        return f"{self.role}@{self.region}"

    @classmethod
    def at(cls, address: str) -> Self:
        """The desk of an address."""
        role, _, region = address.partition("@")
        return cls(role, region)

    @property
    def holders(self) -> tuple[str, ...]:
        """The grants that sit at this desk: its own, and the same role granted for the town or county around it."""
        return _around(self.role, self.region)

    def held_by(self, grant: Grant) -> bool:
        """Whether whoever has this grant sits at this desk."""
        return grant.role == self.role and grant.covers(self.region)


@dataclass(frozen=True)
class Route:
    """The desks of one alert, those added when it is left lying, and why these."""

    to: tuple[Desk, ...]
    escalation: tuple[Desk, ...]
    why: Bilingual


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RouteLine(_Strict):
    """One line of the routing table."""

    role: str
    at: Place
    when: Literal["village_visible"] | None = None


class Entry(_Strict):
    """The desks of a grade."""

    to: tuple[RouteLine, ...]
    escalation: tuple[RouteLine, ...]
    why: Bilingual


class Conflict(Entry):
    """The desks of an alert about an official of these levels."""

    levels: frozenset[Place]


class Table(_Strict):
    """The whole of `routing.yaml`."""

    conflict: Conflict
    routes: dict[Grade, Entry]


@cache
def table() -> Table:
    """The routing table; raises pydantic's error at start when it is malformed."""
    text = Path(__file__).with_name("routing.yaml").read_text(encoding="utf-8")
    return Table.model_validate(yaml.safe_load(text))


def route(alert: Alert) -> Route:
    """The desks of an alert."""
    entry = table().conflict if in_conflict(alert) else table().routes[alert.grade]
    return Route(_desks(entry.to, alert), _desks(entry.escalation, alert), entry.why)


def recipients(alert: Alert, *, escalated: bool = False) -> tuple[Desk, ...]:
    """Who gets it, once it has been escalated or not."""
    way = route(alert)
    return tuple(sorted({*way.to, *(way.escalation if escalated else ())}))


def open_to(alert: Alert) -> frozenset[Desk]:
    """All desks that this alert may lie on at any grade, escalated or not: whoever is at it may keep it there."""
    grades = (alert.model_copy(update={"grade": grade}) for grade in _GRADES)
    return frozenset(desk for one in grades for desk in recipients(one, escalated=True))


def graver(grade: Grade, than: Grade) -> bool:
    """Whether one grade weighs more than another."""
    return _GRADES.index(grade) > _GRADES.index(than)


def holders(desks: Iterable[Desk]) -> list[str]:
    """All grants under which an alert on these desks is someone's own, sorted."""
    return sorted({grant for desk in desks for grant in desk.holders})


def readers(desks: Iterable[Desk], alert: Alert) -> list[str]:
    """The holders, and the auditors who may read but not move: of the place, in a conflict of the county only."""
    audited = place_of(alert, "county") if in_conflict(alert) else alert.village_code
    return sorted({*holders(desks), *_around(AUDITOR, audited)})


def in_conflict(alert: Alert) -> bool:
    """Whether the town's own desk must not see it: it is about an official whose office is, or is above, this town."""
    above = {place_of(alert, "town"), place_of(alert, "county")}
    return any(a.level in table().conflict.levels and a.region_code in above for a in alert.about)


def place_of(alert: Alert, at: Place) -> str:
    """The region of a desk, seen from the alert."""
    match at:
        case "village":
            return alert.village_code
        case "town":
            return alert.town_code
        case "county":
            return alert.town_code[:6] + "000000"


def _around(role: str, region: str) -> tuple[str, ...]:
    levels = (region, region[:9] + "000", region[:6] + "000000")
    return tuple(dict.fromkeys(f"{role}@{level}" for level in levels if Grant(role, level).covers(region)))


def _desks(lines: tuple[RouteLine, ...], alert: Alert) -> tuple[Desk, ...]:
    return tuple(
        Desk(line.role, place_of(alert, line.at)) for line in lines if line.when is None or getattr(alert, line.when)
    )
