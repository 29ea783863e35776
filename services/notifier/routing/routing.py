"""Who gets an alert, and why: pure, over the tree of routes and the roster of posts.

The tree (`route_tree.py`) names posts. Each is seen from the alert as a desk, lifted above the office of whom the alert
is about, and, where nobody is there to take it, joined by the desk above. Nobody gets what is about himself or his kin,
wherever it lies (`barred`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Self

from services.notifier.routing import route_tree
from services.notifier.routing.roster import Present, Roster
from services.notifier.routing.route_tree import PLACES, Seat, Tree, Tried, Wait
from services.notifier.routing.route_tree import Place as Place
from shared import regions
from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.principals import Grant

AUDITOR = "auditor"
_GRADES: tuple[Grade, ...] = ("prompt", "yellow", "red")
_CONFLICT = Bilingual(
    zh="涉及当地公职人员,按回避原则不经其本人及以下岗位,直送上一级",
    en="It concerns an official of this place, so it passes over his own and lower desks to those above",
)


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
    def place(self) -> Place:
        """Whether it is a village's, a town's, the county's or the city's."""
        return regions.level_of(self.region)

    @property
    def holders(self) -> tuple[str, ...]:
        """The grants that sit at this desk: its own, and the same role granted for the region around it."""
        return _around(self.role, self.region)

    def held_by(self, grant: Grant) -> bool:
        """Whether whoever has this grant sits at this desk."""
        return grant.role == self.role and grant.covers(self.region)


@dataclass(frozen=True)
class Plan:
    """By what alerts are routed: a version of the tree (0: the file) and the roster."""

    tree: Tree
    version: int = 0
    roster: Roster = field(default_factory=Roster)


@dataclass(frozen=True)
class Manned:
    """A desk and who is there; `staff` is None where the roster says nothing of it."""

    desk: Desk
    staff: tuple[Present, ...] | None

    @property
    def living(self) -> bool:
        """Whether somebody is there to take it."""
        return self.staff is None or any(one.at_hand for one in self.staff)

    @property
    def waits(self) -> bool:
        """Whether somebody will be there: one who is away, not one who must not have it or whose time is over."""
        return self.staff is not None and any(one.presence in ("absent", "stand_by", "not_yet") for one in self.staff)


@dataclass(frozen=True)
class Seating:
    """One post of the tree for one alert: its desk, that above the conflict, and the desks climbed to find somebody.

    `unattended` means that nobody was left at the top, so that the last resort has it too.
    """

    seat: Seat
    asked: Desk
    lifted: Desk
    climbed: tuple[Manned, ...]
    unattended: bool
    desks: tuple[Desk, ...]


@dataclass(frozen=True)
class Step:
    """One step upwards: who joins, and how long after the step before (the first: after the term's end)."""

    after: Wait
    desks: tuple[Desk, ...]


@dataclass(frozen=True)
class Route:
    """What becomes of one alert: its desks, the steps that follow when it is left lying, and why these."""

    to: tuple[Desk, ...] = ()
    steps: tuple[Step, ...] = ()
    why: Bilingual | None = None
    path: tuple[str, ...] = ()
    version: int = 0

    @property
    def escalation(self) -> tuple[Desk, ...]:
        """The desks of all steps."""
        return tuple(sorted({desk for step in self.steps for desk in step.desks}))

    def after(self, steps: int) -> tuple[Desk, ...]:
        """The desks once the first of its steps, so many, have been taken."""
        return tuple(sorted({*self.to, *(desk for step in self.steps[:steps] for desk in step.desks)}))

    def due(self, term_ends: datetime, taken: int) -> datetime | None:
        """When the step behind the `taken` first ones is due, after a term that ends then; None when all are taken."""
        if taken >= len(self.steps):
            return None
        moment = term_ends
        for step in self.steps[: taken + 1]:
            moment = step.after.after(moment)
        return moment


@dataclass(frozen=True)
class Routing:
    """A route with how it came about."""

    route: Route
    tried: tuple[Tried, ...]
    seatings: tuple[Seating, ...]
    steps: tuple[tuple[Wait, tuple[Seating, ...]], ...]
    floor: Place | None


@cache
def file_plan() -> Plan:
    """The file's tree and no roster; raises `BadRoutes` at start when the file is malformed."""
    return Plan(route_tree.default())


def routing(alert: Alert, plan: Plan | None = None, now: datetime | None = None) -> Routing:
    """Who gets an alert at a moment, and how that comes about. Without a moment nobody is looked up in the roster."""
    plan = plan or file_plan()
    way = plan.tree.way(alert)
    seatings = tuple(seating for seat in way.to if (seating := seated(seat, alert, plan, now)))
    # Who joins later is looked up when he joins.
    later = [(line.after, tuple(s for seat in line.to if (s := seated(seat, alert, plan)))) for line in way.escalation]
    steps = tuple((after, some) for after, some in later if some)
    route = Route(
        to=desks_of(seatings) or (_last(plan.tree, alert),),
        steps=tuple(Step(after, desks_of(some)) for after, some in steps),
        why=_why(way.why, alert),
        path=way.path,
        version=plan.version,
    )
    return Routing(route, way.tried, seatings, steps, floor(alert))


def route(alert: Alert, plan: Plan | None = None, now: datetime | None = None) -> Route:
    """The desks of an alert at a moment, and those that join when it is left lying."""
    return routing(alert, plan, now).route


def recipients(alert: Alert, *, escalated: bool = False, plan: Plan | None = None) -> tuple[Desk, ...]:
    """Who gets it, once it has been escalated through all steps or not; whoever may be there."""
    way = route(alert, plan)
    return tuple(sorted({*way.to, *(way.escalation if escalated else ())}))


def open_to(alert: Alert, plan: Plan | None = None) -> frozenset[Desk]:
    """All desks that this alert may lie on at any grade, and those above them: whoever is at it may keep it there."""
    plan = plan or file_plan()
    grades = (alert.model_copy(update={"grade": grade}) for grade in _GRADES)
    found = {desk for one in grades for desk in recipients(one, escalated=True, plan=plan)}
    edge = found
    while edge := {up for desk in edge if (up := above(desk, alert, plan.tree)) and up not in found}:
        found |= edge
    return frozenset(found)


def seated(seat: Seat, alert: Alert, plan: Plan, now: datetime | None = None) -> Seating | None:
    """The desks of one post for an alert; None for the city's where no city is named.

    With a moment, a desk with nobody at hand is joined by the next above, and that of somebody barred gives way to it.
    """
    asked = _desk(seat, alert)
    if asked is None:
        return None
    lifted = _lift(asked, alert, plan.tree)
    if now is None:
        return Seating(seat, asked, lifted, (), False, (lifted,))
    climbed = _climb(lifted, alert, plan, now)
    return Seating(seat, asked, lifted, climbed, not climbed[-1].living, _kept(climbed, alert, plan.tree))


def manned(desks: Iterable[Desk], alert: Alert, plan: Plan, now: datetime) -> tuple[Desk, ...]:
    """Those of these desks where somebody is or will be, and those above the ones where nobody is at hand now."""
    found = {kept for desk in desks for kept in _kept(_climb(desk, alert, plan, now), alert, plan.tree)}
    return tuple(sorted(found))


def above(desk: Desk, alert: Alert, tree: Tree) -> Desk | None:
    """The desk above another; None at the top, and where the city would be but none is named."""
    seat = tree.above.get(desk.role)
    return _desk(seat, alert) if seat else None


def floor(alert: Alert) -> Place | None:
    """The highest office, over the alert's place, of those whom it is about: only desks above may have it."""
    held = [a.level for a in alert.about if place_of(alert, a.level) == a.region_code]
    return max(held, key=PLACES.index, default=None)


def barred(alert: Alert) -> tuple[str, ...]:
    """The keys of whom it is about and of their kin: for them it does not exist."""
    return tuple(sorted({key for a in alert.about for key in (a.person_key, *a.kin) if key}))


def graver(grade: Grade, than: Grade) -> bool:
    """Whether one grade weighs more than another."""
    return _GRADES.index(grade) > _GRADES.index(than)


def holders(desks: Iterable[Desk]) -> list[str]:
    """All grants under which an alert on these desks is someone's own, sorted."""
    return sorted({grant for desk in desks for grant in desk.holders})


def readers(desks: Iterable[Desk], alert: Alert) -> list[str]:
    """The holders, and the auditors who may read but not move: of the place, in a conflict of the county only."""
    return sorted({*holders(desks), *_around(AUDITOR, audited_at(alert))})


def audited_at(alert: Alert) -> str:
    """The region whose auditors may know of it: the village, in a conflict the county."""
    return regions.county_of(alert.town_code) if in_conflict(alert) else alert.village_code


def in_conflict(alert: Alert) -> bool:
    """Whether the town's own desks must not see it: it is about an official whose office is, or is above, this town."""
    return floor(alert) in ("town", "county")


def place_of(alert: Alert, at: Place) -> str:
    """The region of a desk, seen from the alert."""
    match at:
        case "village":
            return alert.village_code
        case "town":
            return alert.town_code
        case "county":
            return regions.county_of(alert.town_code)
        case "city":
            return regions.city_of(alert.town_code)


def desks_of(seatings: Iterable[Seating]) -> tuple[Desk, ...]:
    """All desks of these posts, sorted."""
    return tuple(sorted({desk for seating in seatings for desk in seating.desks}))


def _lift(desk: Desk, alert: Alert, tree: Tree) -> Desk:
    """The first desk on the way up that lies above the office of whom the alert is about; else the topmost."""
    office = floor(alert)
    while office and PLACES.index(desk.place) <= PLACES.index(office) and (up := above(desk, alert, tree)):
        desk = up
    return desk


def _climb(desk: Desk, alert: Alert, plan: Plan, now: datetime) -> tuple[Manned, ...]:
    """The desk, and those above it up to the first where somebody is at hand."""
    not_for = barred(alert)
    climbed = [_manned(desk, plan.roster, now, not_for)]
    while not climbed[-1].living and (up := above(climbed[-1].desk, alert, plan.tree)):
        climbed.append(_manned(up, plan.roster, now, not_for))
    return tuple(climbed)


def _kept(climbed: Sequence[Manned], alert: Alert, tree: Tree) -> tuple[Desk, ...]:
    top = climbed[-1]
    kept = [one.desk for one in climbed if one.living or one.waits or one is top]
    return tuple(kept if top.living else [*kept, _last(tree, alert)])


def _manned(desk: Desk, roster: Roster, now: datetime, not_for: Collection[str]) -> Manned:
    return Manned(desk, roster.staff(desk.address, now, not_for))


def _desk(seat: Seat, alert: Alert) -> Desk | None:
    if seat.at == "city" and regions.CITY is None:
        return None
    return Desk(seat.role, place_of(alert, seat.at))


def _last(tree: Tree, alert: Alert) -> Desk:
    return Desk(tree.last.role, place_of(alert, tree.last.at))


def _why(why: Bilingual, alert: Alert) -> Bilingual:
    if floor(alert) is None:
        return why
    return Bilingual(zh=f"{_CONFLICT.zh}({why.zh})", en=f"{_CONFLICT.en} ({why.en})")


def _around(role: str, region: str) -> tuple[str, ...]:
    levels = [region, regions.town_of(region), regions.county_of(region)]
    levels += [regions.CITY.code] if regions.CITY else []
    return tuple(dict.fromkeys(f"{role}@{level}" for level in levels if Grant(role, level).covers(region)))
