"""An alert as it lies on its desks, and what each arrival, move and lapse of time makes of it: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from services.notifier.handling import lifecycle
from services.notifier.handling.judgement import Judgement, reopened_by, review_desk, review_due
from services.notifier.handling.lifecycle import FIRST, THE_SYSTEM, Actor, Move, Person, Transition
from services.notifier.routing import routing
from services.notifier.routing.routing import Desk, Plan, Route
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Alert, AlertStateChanged, AlertWithdrawn, Bilingual, Grade
from shared.principals import Principal

Kind = Literal[
    "raised",
    "updated",
    "aggravated",
    "withdrawn",
    "reopened",
    "moved",
    "escalated",
    "unmuted",
    "stood_in",
    "merged",
    "separated",
    "taken",
    "handed_over",
    "released",
    "noted",
    "filed",
    "extension_asked",
    "extended",
    "extension_refused",
]


@dataclass(frozen=True)
class Assignee:
    """Who has made an alert his own, and at which desk."""

    by: Person
    desk: str


@dataclass(frozen=True)
class Extension:
    """More time that somebody has asked for."""

    by: Person
    working_days: int
    reason: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """One alert: its latest evidence, its state, whose desks it lies on, and who has taken it.

    `due_by` is when it must have left this state, or when its judgement must have been reviewed; None without a term.
    `extended` counts how often the term of this state was extended. `routed` says how it came to its desks and who
    joins when it is late; `steps_taken` of these steps were taken for the term that ended at `steps_of`.
    """

    alert: Alert
    revision: int
    state: str
    desks: tuple[Desk, ...]
    raised_at: datetime
    updated_at: datetime
    escalated: bool = False
    due_by: datetime | None = None
    withdrawn_reason: Bilingual | None = None
    judgement: Judgement | None = None
    assignee: Assignee | None = None
    extension: Extension | None = None
    extended: int = 0
    routed: Route = field(default_factory=Route)
    steps_taken: int = 0
    steps_of: datetime | None = None

    @property
    def escalate_at(self) -> datetime | None:
        """When the next step upwards is due, unless it leaves its state before; None when there is none."""
        return None if self.due_by is None else self.routed.due(self.due_by, self.next_step)

    @property
    def next_step(self) -> int:
        """Which step of the route is the next in the term that runs; a new term begins with the first."""
        return self.steps_taken if self.steps_of == self.due_by else 0

    @cached_property
    def barred(self) -> tuple[str, ...]:
        """Whom it is about, and their kin: for them it does not exist."""
        return routing.barred(self.alert)

    @property
    def outcome(self) -> str | None:
        """What was decided on it."""
        return self.judgement.outcome if self.judgement else None

    @property
    def judge(self) -> Person | None:
        """Who decided on it."""
        return self.judgement.by if self.judgement else None

    @property
    def finished(self) -> bool:
        """Whether nobody has anything left to do: judged without a review due, reviewed, or withdrawn."""
        return self.state in lifecycle.finished() and self.due_by is None

    @property
    def in_review(self) -> bool:
        """Whether its judgement waits for a review."""
        return self.state in lifecycle.judged() and self.due_by is not None

    @property
    def news_since_judged(self) -> bool:
        """Whether evidence came or went after it was judged."""
        return self.judgement is not None and self.judgement.revision < self.revision

    @property
    def grade(self) -> Grade:
        """The grade as it stands now."""
        return lifecycle.grade_in(self.alert, self.state)

    @cached_property
    def holders(self) -> list[str]:
        """The grants under which it is someone's own."""
        return routing.holders(self.desks)

    @cached_property
    def readers(self) -> list[str]:
        """The grants under which it may be read."""
        return routing.readers(self.desks, self.alert)

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been brought out of its state by now and was not."""
        return self.due_by is not None and self.due_by <= now


@dataclass(frozen=True)
class EarlyWithdrawal:
    """A withdrawal whose alert has not arrived."""

    revision: int
    reason: Bilingual


@dataclass(frozen=True)
class Change:
    """What happened to an alert: how it stands now, by whom, and the event that tells others of a new state.

    `sighted` are the grants under which it can be read only from now on, `blinded` those under which it no longer can;
    `hidden_from` are the persons for whom it no longer exists.
    `request` is the digest of a person's wish, `request_key` the key under which he sent it.
    """

    kind: Kind
    standing: Standing
    at: datetime
    state_from: str
    by: Actor = THE_SYSTEM
    role: str = lifecycle.SYSTEM
    note: str = ""
    outcome: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: Bilingual | None = None
    event: AlertStateChanged | None = None
    gained: tuple[Desk, ...] = ()
    lost: tuple[Desk, ...] = ()
    sighted: tuple[str, ...] = ()
    blinded: tuple[str, ...] = ()
    hidden_from: tuple[str, ...] = ()
    request_key: str | None = None
    request: str | None = None


def arrive(
    held: Standing | None,
    alert: Alert,
    now: datetime,
    early: EarlyWithdrawal | None = None,
    plan: Plan | None = None,
) -> Change | None:
    """An alert or more evidence for it: None when this revision, or a later one, is already here.

    `early` is a withdrawal that came before its alert: what it takes back goes on record without reaching a desk.
    It is routed by `plan`, else by the file's tree.
    """
    route = routing.route(alert, plan, now)
    if held is None:
        if early and alert.revision <= early.revision:
            return _record_withdrawn(alert, early, now)
        return _deliver(alert, FIRST, None, now, route)
    if alert.revision <= held.revision:
        return None
    if held.state == "withdrawn":
        return _deliver(alert, held.state, held, now, route)
    if held.judgement and (reason := reopened_by(held.judgement, held.alert, alert)):
        return _reopen(held, alert, reason, now, route, plan)
    if routing.graver(alert.grade, held.alert.grade):
        return _aggravate(held, alert, now, route, plan)
    standing = replace(_informed(held, alert, now, route), desks=_desks_kept(held, alert, route, plan))
    if held.state == "pushed" and alert.grade != held.alert.grade:
        standing = replace(standing, due_by=lifecycle.due("pushed", alert.grade, now))
    return _between(held, Change("updated", standing, now, held.state))


def withdraw(held: Standing, event: AlertWithdrawn, now: datetime) -> Change | None:
    """The rule takes its finding back. What people have already judged keeps its state and shows the reason."""
    if event.revision <= held.revision:
        return None
    standing = replace(held, revision=event.revision, withdrawn_reason=event.reason, updated_at=now)
    if not lifecycle.may_withdraw(held.state):
        return Change("withdrawn", standing, now, held.state, reason=event.reason)
    told = lifecycle.change(held.alert, held.state, Move("withdrawn"), THE_SYSTEM, now)
    standing = replace(standing, state=told.state_to, due_by=None, assignee=None, extension=None, extended=0)
    return Change("withdrawn", standing, now, held.state, reason=event.reason, event=told)


def move(
    held: Standing, wish: Move, actor: Actor, now: datetime, request_key: str | None = None, *, draw: float = 0.0
) -> Change:
    """A person's move; raises what `lifecycle.change` raises.

    `draw`, a random number from 0 to below 1, decides whether a judgement is due for review.
    """
    told = lifecycle.change(held.alert, held.state, wish, actor, now, held.judge)
    standing = replace(held, state=told.state_to, updated_at=now, extension=None, extended=0)
    if told.state_to in lifecycle.judged():
        standing = _judged(standing, Judgement.made(held.alert, held.revision, wish, actor, told), draw)
    else:
        due_by = lifecycle.due(standing.state, standing.grade, now)
        kept = held.judgement if standing.state in lifecycle.finished() else None
        standing = replace(standing, judgement=kept, due_by=due_by)
    change = Change(
        "moved",
        standing,
        now,
        held.state,
        by=actor,
        role=told.by_role or "",
        note=wish.note.strip(),
        outcome=wish.outcome,
        details=_details(standing) if told.state_to in lifecycle.judged() else {},
        event=told.model_copy(update={"due_by": standing.due_by}),
        request_key=request_key,
    )
    return _between(held, change)


def escalate(held: Standing, now: datetime, plan: Plan | None = None) -> Change:
    """It was left lying in its state: the desks of the next step get it too, and its history says so."""
    taken = held.next_step
    joining = held.routed.steps[taken].desks if taken < len(held.routed.steps) else ()
    desks = {*held.desks, *routing.manned(joining, held.alert, plan or routing.file_plan(), now)}
    standing = replace(
        held,
        desks=tuple(sorted(desks)),
        escalated=True,
        steps_taken=taken + 1,
        steps_of=held.due_by,
        updated_at=now,
    )
    return _between(held, Change("escalated", standing, now, held.state))


def stand_in(held: Standing, now: datetime, plan: Plan) -> Change | None:
    """Where nobody is at hand any more at one of its desks, the desk above gets it too; None where all are staffed."""
    desks = {*held.desks, *routing.manned(held.desks, held.alert, plan, now)}
    if desks == {*held.desks}:
        return None
    standing = replace(held, desks=tuple(sorted(desks)), updated_at=now)
    return _between(held, Change("stood_in", standing, now, held.state))


def choices(held: Standing, actor: Actor) -> list[Transition]:
    """The moves open to this actor now."""
    return lifecycle.choices(held.alert, held.state, actor, held.judge)


def actor_at(held: Standing, caller: Principal) -> Actor:
    """The caller in those roles under which the alert lies on his desk."""
    desks = tuple(desk for desk in held.desks if any(desk.held_by(grant) for grant in caller.grants))
    roles = frozenset(desk.role for desk in desks)
    return Actor(roles, person_key_of(caller), caller.subject, caller.name, tuple(desk.address for desk in desks))


def refuse_recused(held: Standing, caller: Principal) -> None:
    """Raise why the caller must stand aside, if he must."""
    if why_not := lifecycle.recusal(held.alert, actor_at(held, caller)):
        raise why_not


def seats(held: Standing, caller: Principal) -> tuple[str, ...]:
    """From where the caller reads it: his desks, else the grants of an auditor."""
    desks = {desk.address for desk in held.desks for grant in caller.grants if desk.held_by(grant)}
    grants = {f"{grant.role}@{grant.region}" for grant in caller.grants}
    return tuple(sorted(desks or grants.intersection(held.readers)))


def may_subscribe(caller: Principal, desk: Desk) -> bool:
    """Whether the caller sits at this desk."""
    return any(desk.held_by(grant) for grant in caller.grants)


def _deliver(alert: Alert, state: str, held: Standing | None, now: datetime, route: Route) -> Change:
    told = lifecycle.change(alert, state, Move("pushed"), THE_SYSTEM, now)
    escalated = held is not None and held.escalated
    standing = Standing(
        alert=alert,
        revision=alert.revision,
        state=told.state_to,
        desks=route.after(held.steps_taken) if held else route.to,
        raised_at=now,
        updated_at=now,
        escalated=escalated,
        due_by=lifecycle.due(told.state_to, alert.grade, now),
        routed=route,
        steps_taken=held.steps_taken if held else 0,
    )
    told = told.model_copy(update={"due_by": standing.due_by})
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


def _aggravate(held: Standing, alert: Alert, now: datetime, route: Route, plan: Plan | None) -> Change:
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
        standing = replace(_informed(held, alert, now, route), desks=_desks_kept(held, alert, route, plan))
        if held.state not in lifecycle.finished():
            standing = replace(standing, due_by=_sooner(held.due_by, lifecycle.due(held.state, standing.grade, now)))
        return _between(held, Change("aggravated", standing, now, held.state, reason=reason))
    reason = Bilingual(
        zh=f"等级由{before.zh}升为{after.zh},重新送达,重新计算签收期限",
        en=f"From {before.en} to {after.en}: delivered again, to be acknowledged anew",
    )
    event = None
    if held.state != "pushed":
        event = lifecycle.change(alert, held.state, Move("pushed"), THE_SYSTEM, now)
    standing = replace(
        _informed(held, alert, now, route),
        state="pushed",
        desks=route.to,
        raised_at=now,
        escalated=False,
        steps_taken=0,
        steps_of=None,
        due_by=lifecycle.due("pushed", alert.grade, now),
        assignee=None,
    )
    if event:
        event = event.model_copy(update={"due_by": standing.due_by})
    return _between(held, Change("aggravated", standing, now, held.state, reason=reason, event=event))


def _reopen(held: Standing, alert: Alert, reason: Bilingual, now: datetime, route: Route, plan: Plan | None) -> Change:
    """What came to light after the judgement undoes it: the desks of the alert as it is now have to look again."""
    told = lifecycle.change(alert, held.state, Move("reopened"), THE_SYSTEM, now)
    desks = _desks_kept(held, alert, route, plan)
    due_by = lifecycle.due(told.state_to, alert.grade, now)
    informed = _informed(held, alert, now, route)
    standing = replace(informed, state=told.state_to, desks=desks, judgement=None, due_by=due_by)
    told = told.model_copy(update={"due_by": due_by})
    return _between(held, Change("reopened", standing, now, held.state, reason=reason, event=told))


def _judged(standing: Standing, judgement: Judgement, draw: float) -> Standing:
    """The alert with its judgement; on the reviewer's desk, too, when a review is due."""
    due_by = review_due(standing.alert, judgement.outcome, draw, judgement.at)
    desks = {*standing.desks, review_desk(standing.alert)} if due_by else standing.desks
    return replace(standing, judgement=judgement, due_by=due_by, desks=tuple(sorted(desks)))


def _details(standing: Standing) -> dict[str, Any]:
    """What the history tells of a judgement beside its outcome."""
    if standing.judgement is None:
        return {}
    told = {"accepted", "explanation", "recovered_fen", "people"}
    review = {"review_by": standing.due_by.isoformat()} if standing.due_by else {}
    return standing.judgement.model_dump(mode="json", include=told, exclude_defaults=True) | review


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _informed(held: Standing, alert: Alert, now: datetime, route: Route) -> Standing:
    return replace(held, alert=alert, revision=alert.revision, updated_at=now, withdrawn_reason=None, routed=route)


def _desks_kept(held: Standing, alert: Alert, route: Route, plan: Plan | None) -> tuple[Desk, ...]:
    """The desks of the alert as it is now; who has taken it up keeps it, unless it must not lie there at any grade."""
    routed = route.after(held.steps_taken)
    if held.state == "pushed":
        return routed
    return tuple(sorted({*routed, *(desk for desk in held.desks if desk in routing.open_to(alert, plan))}))


def _between(held: Standing | None, change: Change) -> Change:
    """The change with the desks and readers that it brings and takes."""
    if held is None:
        return replace(change, gained=change.standing.desks)
    before, after = held.desks, change.standing.desks
    assignee = change.standing.assignee
    if assignee and assignee.desk not in {desk.address for desk in after}:
        change = replace(change, standing=replace(change.standing, assignee=None))
    return replace(
        change,
        gained=tuple(desk for desk in after if desk not in before),
        lost=tuple(desk for desk in before if desk not in after),
        sighted=tuple(grant for grant in change.standing.readers if grant not in held.readers),
        blinded=tuple(grant for grant in held.readers if grant not in change.standing.readers),
        hidden_from=tuple(key for key in change.standing.barred if key not in held.barred),
    )


def person_key_of(caller: Principal) -> str:
    """The caller's own key; empty when the token names no person: the key derived from it matches nobody's."""
    derived = Principal.of_claims({"sub": caller.subject}).person_key
    return "" if caller.person_key == derived else caller.person_key
