"""An alert as it lies on its desks, and what each arrival, move and lapse of time makes of it: pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.notifier import lifecycle, routing
from services.notifier.lifecycle import FIRST, THE_SYSTEM, Actor, Move
from services.notifier.routing import Recipient
from shared.contracts.alerts import Alert, AlertStateChanged, AlertWithdrawn, Bilingual, Grade
from shared.principals import Principal

Kind = Literal["raised", "updated", "withdrawn", "moved", "escalated"]


@dataclass(frozen=True)
class Standing:
    """One alert: its latest evidence, its state, and whose desks it lies on. `sign_by` is UTC."""

    alert: Alert
    revision: int
    state: str
    desks: tuple[Recipient, ...]
    raised_at: datetime
    updated_at: datetime
    escalated: bool = False
    sign_by: datetime | None = None
    withdrawn_reason: Bilingual | None = None
    outcome: str | None = None

    @property
    def grade(self) -> Grade:
        """The grade as it stands now."""
        return lifecycle.grade_in(self.alert, self.state)

    @property
    def holders(self) -> list[str]:
        """The grants under which it is someone's own."""
        return routing.holders(self.desks)

    @property
    def readers(self) -> list[str]:
        """The grants under which it may be read."""
        return routing.readers(self.desks, self.alert.village_code)

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been acknowledged by now and was not."""
        return self.state == "pushed" and self.sign_by is not None and self.sign_by <= now


@dataclass(frozen=True)
class Change:
    """What happened to an alert: how it stands now, by whom, and the event that tells others of a new state."""

    kind: Kind
    standing: Standing
    at: datetime
    state_from: str
    by: Actor = THE_SYSTEM
    role: str = lifecycle.SYSTEM
    note: str = ""
    outcome: str | None = None
    reason: Bilingual | None = None
    event: AlertStateChanged | None = None
    gained: tuple[Recipient, ...] = ()
    lost: tuple[Recipient, ...] = ()
    request_key: str | None = None


def arrive(held: Standing | None, alert: Alert, now: datetime) -> Change | None:
    """A finding or more evidence for it: None when this revision, or a later one, is already here."""
    if held is None:
        return _deliver(alert, FIRST, (), now)
    if alert.revision <= held.revision:
        return None
    if held.state == "withdrawn":
        return _deliver(alert, held.state, held.desks, now, outcome=held.outcome, escalated=held.escalated)
    desks = routing.recipients(alert, escalated=held.escalated)
    standing = replace(held, alert=alert, revision=alert.revision, desks=desks, updated_at=now, withdrawn_reason=None)
    if held.state == "pushed" and alert.grade != held.alert.grade:
        standing = replace(standing, sign_by=lifecycle.sign_due(alert.grade, now))
    return Change(
        "updated", standing, now, held.state, gained=_without(desks, held.desks), lost=_without(held.desks, desks)
    )


def withdraw(held: Standing, event: AlertWithdrawn, now: datetime) -> Change | None:
    """The rule takes its finding back. What people have already judged keeps its state and shows the reason."""
    if event.revision <= held.revision:
        return None
    standing = replace(held, revision=event.revision, withdrawn_reason=event.reason, updated_at=now)
    if not lifecycle.may_withdraw(held.state):
        return Change("withdrawn", standing, now, held.state, reason=event.reason)
    told = lifecycle.change(held.alert, held.state, Move("withdrawn"), THE_SYSTEM, now)
    standing = replace(standing, state=told.state_to, sign_by=None)
    return Change("withdrawn", standing, now, held.state, reason=event.reason, event=told)


def move(held: Standing, wish: Move, actor: Actor, now: datetime, request_key: str | None = None) -> Change:
    """A person's move; raises what `lifecycle.change` raises."""
    told = lifecycle.change(held.alert, held.state, wish, actor, now)
    standing = replace(held, state=told.state_to, outcome=wish.outcome or held.outcome, sign_by=None, updated_at=now)
    return Change(
        "moved",
        standing,
        now,
        held.state,
        by=actor,
        role=told.by_role or "",
        note=wish.note.strip(),
        outcome=wish.outcome,
        event=told,
        request_key=request_key,
    )


def escalate(held: Standing, now: datetime) -> Change:
    """Nobody acknowledged it in time: more desks get it, and its history says so."""
    desks = tuple(sorted({*held.desks, *routing.route(held.alert).escalation}))
    standing = replace(held, desks=desks, escalated=True, updated_at=now)
    return Change("escalated", standing, now, held.state, gained=_without(desks, held.desks))


def actor_at(held: Standing, caller: Principal) -> Actor:
    """The caller in those roles under which the alert lies on his desk."""
    roles = {desk.role for desk in held.desks for grant in caller.grants if desk.held_by(grant)}
    return Actor(frozenset(roles), caller.person_key, caller.subject, caller.name)


def may_subscribe(caller: Principal, desk: Recipient) -> bool:
    """Whether the caller sits at this desk."""
    return any(desk.held_by(grant) for grant in caller.grants)


def _deliver(
    alert: Alert,
    state: str,
    before: tuple[Recipient, ...],
    now: datetime,
    *,
    outcome: str | None = None,
    escalated: bool = False,
) -> Change:
    told = lifecycle.change(alert, state, Move("pushed"), THE_SYSTEM, now)
    desks = routing.recipients(alert, escalated=escalated)
    standing = Standing(
        alert=alert,
        revision=alert.revision,
        state=told.state_to,
        desks=desks,
        raised_at=now,
        updated_at=now,
        escalated=escalated,
        sign_by=lifecycle.sign_due(alert.grade, now),
        outcome=outcome,
    )
    return Change(
        "raised", standing, now, state, event=told, gained=_without(desks, before), lost=_without(before, desks)
    )


def _without(some: tuple[Recipient, ...], others: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
    return tuple(desk for desk in some if desk not in others)
