"""An alert as it lies on its desks, and what each arrival, move and lapse of time makes of it: pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.notifier import lifecycle, routing
from services.notifier.lifecycle import FIRST, THE_SYSTEM, Actor, Move
from services.notifier.routing import Desk
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Alert, AlertStateChanged, AlertWithdrawn, Bilingual, Grade
from shared.principals import Principal

Kind = Literal["raised", "updated", "aggravated", "withdrawn", "moved", "escalated", "unmuted", "merged", "separated"]


@dataclass(frozen=True)
class Standing:
    """One alert: its latest evidence, its state, and whose desks it lies on. `acknowledge_by` is UTC."""

    alert: Alert
    revision: int
    state: str
    desks: tuple[Desk, ...]
    raised_at: datetime
    updated_at: datetime
    escalated: bool = False
    acknowledge_by: datetime | None = None
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
        return routing.readers(self.desks, self.alert)

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been acknowledged by now and was not."""
        return self.state == "pushed" and self.acknowledge_by is not None and self.acknowledge_by <= now


@dataclass(frozen=True)
class EarlyWithdrawal:
    """A withdrawal whose alert has not arrived."""

    revision: int
    reason: Bilingual


@dataclass(frozen=True)
class Change:
    """What happened to an alert: how it stands now, by whom, and the event that tells others of a new state.

    `sighted` are the grants under which it can be read only from now on, `blinded` those under which it no longer can.
    """

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
    gained: tuple[Desk, ...] = ()
    lost: tuple[Desk, ...] = ()
    sighted: tuple[str, ...] = ()
    blinded: tuple[str, ...] = ()
    request_key: str | None = None


def arrive(held: Standing | None, alert: Alert, now: datetime, early: EarlyWithdrawal | None = None) -> Change | None:
    """An alert or more evidence for it: None when this revision, or a later one, is already here.

    `early` is a withdrawal that came before its alert: what it takes back goes on record without reaching a desk.
    """
    if held is None:
        if early and alert.revision <= early.revision:
            return _record_withdrawn(alert, early, now)
        return _deliver(alert, FIRST, None, now)
    if alert.revision <= held.revision:
        return None
    if held.state == "withdrawn":
        return _deliver(alert, held.state, held, now)
    if routing.graver(alert.grade, held.alert.grade):
        return _aggravate(held, alert, now)
    standing = replace(_informed(held, alert, now), desks=_desks_kept(held, alert))
    if held.state == "pushed" and alert.grade != held.alert.grade:
        standing = replace(standing, acknowledge_by=lifecycle.acknowledge_due(alert.grade, now))
    return _between(held, Change("updated", standing, now, held.state))


def withdraw(held: Standing, event: AlertWithdrawn, now: datetime) -> Change | None:
    """The rule takes its finding back. What people have already judged keeps its state and shows the reason."""
    if event.revision <= held.revision:
        return None
    standing = replace(held, revision=event.revision, withdrawn_reason=event.reason, updated_at=now)
    if not lifecycle.may_withdraw(held.state):
        return Change("withdrawn", standing, now, held.state, reason=event.reason)
    told = lifecycle.change(held.alert, held.state, Move("withdrawn"), THE_SYSTEM, now)
    standing = replace(standing, state=told.state_to, acknowledge_by=None)
    return Change("withdrawn", standing, now, held.state, reason=event.reason, event=told)


def move(held: Standing, wish: Move, actor: Actor, now: datetime, request_key: str | None = None) -> Change:
    """A person's move; raises what `lifecycle.change` raises."""
    told = lifecycle.change(held.alert, held.state, wish, actor, now)
    standing = replace(
        held, state=told.state_to, outcome=wish.outcome or held.outcome, acknowledge_by=None, updated_at=now
    )
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
    return _between(held, Change("escalated", standing, now, held.state))


def actor_at(held: Standing, caller: Principal) -> Actor:
    """The caller in those roles under which the alert lies on his desk."""
    roles = {desk.role for desk in held.desks for grant in caller.grants if desk.held_by(grant)}
    return Actor(frozenset(roles), _person_key(caller), caller.subject, caller.name)


def seats(held: Standing, caller: Principal) -> tuple[str, ...]:
    """From where the caller reads it: his desks, else the grants of an auditor."""
    desks = {desk.address for desk in held.desks for grant in caller.grants if desk.held_by(grant)}
    grants = {f"{grant.role}@{grant.region}" for grant in caller.grants}
    return tuple(sorted(desks or grants.intersection(held.readers)))


def may_subscribe(caller: Principal, desk: Desk) -> bool:
    """Whether the caller sits at this desk."""
    return any(desk.held_by(grant) for grant in caller.grants)


def _deliver(alert: Alert, state: str, held: Standing | None, now: datetime) -> Change:
    told = lifecycle.change(alert, state, Move("pushed"), THE_SYSTEM, now)
    escalated = held is not None and held.escalated
    standing = Standing(
        alert=alert,
        revision=alert.revision,
        state=told.state_to,
        desks=routing.recipients(alert, escalated=escalated),
        raised_at=now,
        updated_at=now,
        escalated=escalated,
        acknowledge_by=lifecycle.acknowledge_due(alert.grade, now),
        outcome=held.outcome if held else None,
    )
    return _between(held, Change("raised", standing, now, state, event=told))


def _record_withdrawn(alert: Alert, early: EarlyWithdrawal, now: datetime) -> Change:
    told = lifecycle.change(alert, FIRST, Move("withdrawn"), THE_SYSTEM, now)
    standing = Standing(
        alert=alert,
        revision=early.revision,
        state=told.state_to,
        desks=(),
        raised_at=now,
        updated_at=now,
        withdrawn_reason=early.reason,
    )
    return Change("withdrawn", standing, now, FIRST, reason=early.reason, event=told)


def _aggravate(held: Standing, alert: Alert, now: datetime) -> Change:
    """What weighs more is delivered again to the desks of its new grade, whoever acknowledged the milder one.

    An inquiry or a judgement goes on as it is, on its own desks too: the new desks get to see it beside them.
    """
    names = vocabulary().grades
    before, after = names[held.alert.grade], names[alert.grade]
    if not lifecycle.may_deliver_again(held.state):
        reason = Bilingual(
            zh=f"等级由{before.zh}升为{after.zh},同时送达相应岗位;已有的办理保留不变",
            en=f"From {before.en} to {after.en}: the desks of this grade get it too, what has been done stands",
        )
        standing = replace(_informed(held, alert, now), desks=_desks_kept(held, alert))
        return _between(held, Change("aggravated", standing, now, held.state, reason=reason))
    reason = Bilingual(
        zh=f"等级由{before.zh}升为{after.zh},重新送达,重新计算签收期限",
        en=f"From {before.en} to {after.en}: delivered again, to be acknowledged anew",
    )
    event = None
    if held.state != "pushed":
        event = lifecycle.change(alert, held.state, Move("pushed"), THE_SYSTEM, now)
    standing = replace(
        _informed(held, alert, now),
        state="pushed",
        desks=routing.recipients(alert),
        raised_at=now,
        escalated=False,
        acknowledge_by=lifecycle.acknowledge_due(alert.grade, now),
    )
    return _between(held, Change("aggravated", standing, now, held.state, reason=reason, event=event))


def _informed(held: Standing, alert: Alert, now: datetime) -> Standing:
    return replace(held, alert=alert, revision=alert.revision, updated_at=now, withdrawn_reason=None)


def _desks_kept(held: Standing, alert: Alert) -> tuple[Desk, ...]:
    """The desks of the alert as it is now; who has taken it up keeps it, unless it must not lie there at any grade."""
    routed = routing.recipients(alert, escalated=held.escalated)
    if held.state == "pushed":
        return routed
    return tuple(sorted({*routed, *(desk for desk in held.desks if desk in routing.open_to(alert))}))


def _between(held: Standing | None, change: Change) -> Change:
    """The change with the desks and readers that it brings and takes."""
    if held is None:
        return replace(change, gained=change.standing.desks)
    before, after = held.desks, change.standing.desks
    return replace(
        change,
        gained=tuple(desk for desk in after if desk not in before),
        lost=tuple(desk for desk in before if desk not in after),
        sighted=tuple(grant for grant in change.standing.readers if grant not in held.readers),
        blinded=tuple(grant for grant in held.readers if grant not in change.standing.readers),
    )


def _person_key(caller: Principal) -> str:
    """The caller's own key; empty when the token names no person: the key derived from it matches nobody's."""
    derived = Principal.of_claims({"sub": caller.subject}).person_key
    return "" if caller.person_key == derived else caller.person_key
