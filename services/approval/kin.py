"""Who is near whom by the register of kinship, to two steps, and who decides in the place of one who is. Pure.

A tie counts both ways, whichever side it was recorded from, and on the days on which it holds.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.approval.work.plan import Plan

STEPS = 2
Instead = Literal["colleague", "deputy", "above"]


@dataclass(frozen=True)
class Tie:
    """Two persons are kin, from `valid_from` to the day before `valid_to`."""

    person_key: str
    relative_key: str
    valid_from: date
    valid_to: date | None = None

    def holds(self, day: date) -> bool:
        """Whether they are kin on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Colleague:
    """Somebody who is seen at work in a place, and his roles there."""

    person_key: str
    roles: frozenset[str]


def near(person: str, ties: Iterable[Tie], day: date) -> frozenset[str]:
    """The person himself and his kin of that day, to two steps."""
    beside: dict[str, set[str]] = {}
    for tie in ties:
        if tie.holds(day):
            beside.setdefault(tie.person_key, set()).add(tie.relative_key)
            beside.setdefault(tie.relative_key, set()).add(tie.person_key)
    reached, edge = {person}, {person}
    for _ in range(STEPS):
        edge = {kin for at in edge for kin in beside.get(at, ())} - reached
        reached = reached | edge
    return frozenset(reached)


def instead(role: str, deciders: Collection[str], others: Iterable[Colleague], plan: Plan) -> Instead:
    """Who may decide where one can't in this role: of the `others`, who aren't near, or else the level above."""
    held = [other.roles for other in others]
    if any(not roles.isdisjoint(deciders) for roles in held):
        return "colleague"
    return "deputy" if any(plan.may_stand_in(roles, role) for roles in held) else "above"
