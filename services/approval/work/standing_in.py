"""Who is away, who stands in for him, and what a deputy may do at a case. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from services.approval.work.errors import FourEyes
from services.approval.work.plan import Plan
from shared.contracts.power import Actor
from shared.principals import Grant, Principal
from shared.workdays import SHANGHAI

Standing = Literal["asked", "refused", "coming", "on", "over"]


@dataclass(frozen=True)
class Person:
    """Somebody by his sign-in, his name and his key."""

    subject: str
    name: str
    person_key: str

    def is_(self, caller: Principal) -> bool:
        """Whether this is who calls."""
        return self.subject == caller.subject or self.person_key == caller.person_key


@dataclass(frozen=True)
class Absence:
    """A time away from a role, first and last day included; with a deputy it waits to be approved."""

    absence_id: UUID
    who: Person
    grant: Grant
    starts_on: date
    ends_on: date
    reason: str
    deputy: Person | None
    asked_at: datetime
    approved: bool | None = None
    decider_name: str | None = None
    ended_at: datetime | None = None

    def standing(self, now: datetime) -> Standing:
        """What it is at a moment."""
        today = now.astimezone(SHANGHAI).date()
        if self.ended_at is not None or today > self.ends_on:
            return "over"
        if self.deputy and self.approved is None:
            return "asked"
        if self.deputy and not self.approved:
            return "refused"
        return "on" if self.starts_on <= today else "coming"

    def away(self, now: datetime) -> bool:
        """Whether he is away, whether or not somebody stands in."""
        return self.ended_at is None and self.starts_on <= now.astimezone(SHANGHAI).date() <= self.ends_on


@dataclass(frozen=True)
class Seated(Principal):
    """A caller with the grants of those for whom he stands in now; `own` are those of his token."""

    own: frozenset[Grant] = frozenset()
    standing_in: tuple[Absence, ...] = ()


def seated(caller: Principal, absences: Iterable[Absence], plan: Plan, now: datetime) -> Principal:
    """The caller with what was handed over to him, as long as he holds what suits a deputy himself."""
    mine = [each for each in absences if each.deputy and each.deputy.subject == caller.subject]
    if not mine:
        return caller
    held = tuple(
        each
        for each in mine
        if each.standing(now) == "on" and plan.may_stand_in(caller.roles_in(each.grant.region), each.grant.role)
    )
    return Seated(
        caller.subject,
        caller.name,
        caller.person_key,
        caller.grants | {each.grant for each in held},
        caller.scopes,
        own=caller.grants,
        standing_in=held,
    )


def own_roles(caller: Principal, region: str) -> frozenset[str]:
    """The roles of the caller's own token in a region."""
    if not isinstance(caller, Seated):
        return caller.roles_in(region)
    return frozenset(grant.role for grant in caller.own if grant.covers(region))


def behind(caller: Principal, role: str, region: str) -> Absence | None:
    """Through which absence the caller acts in a role that isn't his own; None when it is."""
    if not isinstance(caller, Seated) or role in own_roles(caller, region):
        return None
    return next((each for each in caller.standing_in if each.grant.role == role and each.grant.covers(region)), None)


def on_behalf_of(absence: Absence) -> Actor:
    """Whom an event names beside its actor."""
    return Actor(person_key=absence.who.person_key, name=absence.who.name, role=absence.grant.role)


def check_four_eyes(told: Iterable[Mapping[str, Any]], caller: Principal, role: str, absence: Absence | None) -> None:
    """Refuse a second part in a case where either part is taken for another; raises `FourEyes`.

    `told` are the case's events before. Without deputies a person may hold several roles: that is the county's to give.
    """
    for event in told:
        actor = event["actor"]
        if actor["person_key"] != caller.person_key or actor["role"] == role:
            continue
        if absence or event.get("on_behalf_of"):
            raise FourEyes(
                "代理他人时,不能在同一案件中再以另一身份办理",
                "Whoever stands in for another can't act in a second role at the same case",
            )
