"""Who gets an alert, told for people: the way through the tree, who is at each desk, when each step comes. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from services.notifier.handling import lifecycle
from services.notifier.routing import routing
from services.notifier.routing.roster import Present
from services.notifier.routing.route_tree import Tried
from services.notifier.routing.routing import Desk, Manned, Plan, Seating
from services.notifier.schemas import Named, Region
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Alert, Bilingual

_MISSES = {
    "regions": Bilingual(zh="地区不符", en="another region"),
    "grades": Bilingual(zh="等级不符", en="another grade"),
    "matters": Bilingual(zh="事项不符", en="another matter"),
    "rules": Bilingual(zh="规则不符", en="another rule"),
    "village_visible": Bilingual(zh="是否对村可见不符", en="visible to the village or not"),
}
_PRESENCE = {
    "on_duty": Bilingual(zh="在岗", en="on duty"),
    "off_duty": Bilingual(zh="非值班时间", en="off duty now"),
    "stand_by": Bilingual(zh="正职在岗,不代理", en="stands by"),
    "absent": Bilingual(zh="缺勤", en="away"),
    "not_yet": Bilingual(zh="尚未到任", en="not in office yet"),
    "ended": Bilingual(zh="已离任", en="no longer in office"),
    "barred": Bilingual(zh="须回避", en="must stand aside"),
    "unidentified": Bilingual(zh="身份未登记,无法核对回避", en="no key: can't tell whether he must stand aside"),
}
_KINDS = {
    "holder": Bilingual(zh="任职", en="holder"),
    "deputy": Bilingual(zh="副职", en="deputy"),
    "acting": Bilingual(zh="代理", en="acting"),
}


class NodeTried(BaseModel):
    """A node of the tree that was asked: whether it took the alert, and if not, what did not fit."""

    name: str
    depth: int
    took: bool
    adds: bool
    why_not: Named | None

    @classmethod
    def of(cls, tried: Tried) -> Self:
        """The node as it was asked."""
        why_not = Named.of(tried.misses, _MISSES[tried.misses]) if tried.misses else None
        return cls(name=tried.name, depth=tried.depth, took=why_not is None, adds=tried.adds, why_not=why_not)


class PersonThere(BaseModel):
    """Somebody whom the roster names for a desk, as he is at the moment asked for."""

    name: str
    kind: Named
    presence: Named
    at_hand: bool

    @classmethod
    def of(cls, one: Present) -> Self:
        """The person as the roster has him."""
        return cls(
            name=one.entry.name,
            kind=Named.of(one.entry.kind, _KINDS[one.entry.kind]),
            presence=Named.of(one.presence, _PRESENCE[one.presence]),
            at_hand=one.at_hand,
        )


class DeskThere(BaseModel):
    """A desk, and who is there; `rostered` false where the roster says nothing of it: whoever signs in for it."""

    desk: str
    role: Named
    region: Region
    rostered: bool
    living: bool
    people: tuple[PersonThere, ...]

    @classmethod
    def of(cls, manned: Manned) -> Self:
        """The desk with its people."""
        desk = manned.desk
        return cls(
            desk=desk.address,
            role=Named.of(desk.role, vocabulary().role(desk.role)),
            region=Region.of(desk.region),
            rostered=manned.staff is not None,
            living=manned.living,
            people=tuple(PersonThere.of(one) for one in manned.staff or ()),
        )


class SeatThere(BaseModel):
    """A post that the tree names: what it was lifted to because of a conflict, whom that found, and whither it went."""

    asked: str
    lifted_to: str | None
    desks: tuple[DeskThere, ...]
    goes_to: tuple[str, ...]
    unattended: bool

    @classmethod
    def of(cls, seating: Seating) -> Self:
        """The post as it was resolved."""
        return cls(
            asked=seating.asked.address,
            lifted_to=seating.lifted.address if seating.lifted != seating.asked else None,
            desks=tuple(DeskThere.of(one) for one in seating.climbed),
            goes_to=tuple(desk.address for desk in seating.desks),
            unattended=seating.unattended,
        )


class StepThere(BaseModel):
    """A step upwards: when it comes if nothing is done, and who joins, as it looks now. No time: there is no term."""

    number: int
    at: datetime | None
    taken: bool
    desks: tuple[DeskThere, ...]


class Explained(BaseModel):
    """Who gets an alert, and why. `version` is that of the tree, 0 the file's, none a draft's text."""

    version: int | None
    at: datetime
    path: tuple[str, ...]
    tried: tuple[NodeTried, ...]
    why: Bilingual
    conflict: Named | None
    barred: int
    to: tuple[DeskThere, ...]
    seats: tuple[SeatThere, ...]
    due_by: datetime | None
    steps: tuple[StepThere, ...]


def explain(
    alert: Alert,
    plan: Plan,
    now: datetime,
    *,
    version: int | None,
    state: str = "pushed",
    due_by: datetime | None = None,
    taken: int = 0,
) -> Explained:
    """Who gets this alert at a moment and why, and when who joins. Without `due_by` the term begins now."""
    found = routing.routing(alert, plan, now)
    ends = due_by or lifecycle.due(state, alert.grade, now)
    steps = tuple(
        StepThere(
            number=number + 1,
            at=found.route.due(ends, number) if ends else None,
            taken=number < taken,
            desks=_there(routing.manned(step.desks, alert, plan, now), alert, plan, now),
        )
        for number, step in enumerate(found.route.steps)
    )
    assert found.route.why
    return Explained(
        version=version,
        at=now,
        path=found.route.path,
        tried=tuple(NodeTried.of(one) for one in found.tried),
        why=found.route.why,
        conflict=Named.of(found.floor, _OFFICES[found.floor]) if found.floor else None,
        barred=len(routing.barred(alert)),
        to=_there(found.route.to, alert, plan, now),
        seats=tuple(SeatThere.of(one) for one in found.seatings),
        due_by=ends,
        steps=steps,
    )


_OFFICES = {
    "village": Bilingual(
        zh="涉及本村公职人员,不经村级岗位", en="about an official of the village: passes over the village"
    ),
    "town": Bilingual(
        zh="涉及本镇公职人员,不经镇级及以下岗位", en="about an official of the town: passes over the town"
    ),
    "county": Bilingual(zh="涉及县级公职人员,送县以上", en="about an official of the county: goes above"),
    "city": Bilingual(zh="涉及市级公职人员", en="about an official of the city"),
}


def _there(desks: Iterable[Desk], alert: Alert, plan: Plan, now: datetime) -> tuple[DeskThere, ...]:
    not_for = routing.barred(alert)
    return tuple(DeskThere.of(Manned(desk, plan.roster.staff(desk.address, now, not_for))) for desk in desks)
