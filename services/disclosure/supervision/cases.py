"""A case and its steps as the supervisors count them: a fold over its events. Pure.

Each event makes at most one step of its own. The case stands where the event with the highest sequence says; an event
that comes late (out of the dead letters) adds its step, amount and contractor, and moves nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from services.disclosure.people import is_organisation, mask, organisation
from services.disclosure.supervision.plan import Plan
from shared.contracts.power import (
    CaseAmended,
    CaseEvent,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    NodeCompleted,
    NodeFields,
    NodeReturned,
)
from shared.workdays import working_hours_between

State = Literal["running", "closed", "withdrawn"]
KeyOf = Callable[[str], str]
Amounts = Mapping[str, int]


@dataclass(frozen=True)
class Contractor:
    """A firm by its name, a person by the masked one; `key` is the keyed hash of its number, or else of its name."""

    key: str
    name: str


@dataclass(frozen=True)
class Said:
    """What the form of one event said of money and contractor; `by` is the sequence of whoever said it last."""

    by: int
    at: datetime
    amounts: Amounts = field(default_factory=dict)
    contractor: Contractor | None = None


@dataclass(frozen=True)
class Step:
    """One handling of a node; `working_hours` without rests. `late` is None without a term.

    What it showed: kinds of papers asked for and filed, the body that decided, how it was attended and voted, what was
    paid; `in_cash` is None where the form doesn't say.
    """

    case_id: str
    sequence: int
    flow: str
    matter: str
    node: str
    village_code: str
    town_code: str
    started_at: datetime | None
    due_at: datetime | None
    done_at: datetime
    working_hours: float | None
    late: bool | None
    returned: bool
    backfilled: bool
    required: tuple[str, ...] = ()
    filed: tuple[str, ...] = ()
    body: str | None = None
    members_due: int | None = None
    present: int | None = None
    votes_for: int | None = None
    votes_against: int | None = None
    paid_fen: int | None = None
    in_cash: bool | None = None


@dataclass(frozen=True)
class SupervisedCase:
    """One case. `waiting` is since when it waits at which nodes, `dues` until when it should; `rests` are the spans in
    which it rested, `resting` since when it does; `said` is what each event said, by its sequence.
    """

    case_id: str
    case_no: str
    flow: str
    flow_version: int
    matter: str
    village_code: str
    town_code: str
    sequence: int
    state: State
    opened_at: datetime
    closed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    returns: int = 0
    waiting: Mapping[str, datetime] = field(default_factory=dict)
    dues: Mapping[str, datetime | None] = field(default_factory=dict)
    rests: tuple[tuple[datetime, datetime], ...] = ()
    resting: datetime | None = None
    said: Mapping[int, Said] = field(default_factory=dict)

    @property
    def node(self) -> str | None:
        """The first node where it waits; None when it is over."""
        return next(iter(self.waiting), None) if self.state == "running" else None

    @property
    def due_at(self) -> datetime | None:
        """When the first of its terms ends; None while it rests or when it is over."""
        if self.state != "running" or self.resting:
            return None
        return min((due for due in self.dues.values() if due), default=None)

    def amount(self, plan: Plan) -> tuple[str, int] | tuple[None, None]:
        """The kind and the fen of what it is about."""
        latest = sorted(self.said.items(), reverse=True)
        for wanted in plan.amounts:
            for _, said in latest:
                if wanted.kind in said.amounts:
                    return wanted.kind, said.amounts[wanted.kind]
        return None, None

    @property
    def contracted(self) -> Said | None:
        """The first saying of whoever is its contractor in the end."""
        named = [said for _, said in sorted(self.said.items()) if said.contractor]
        last = named[-1].contractor if named else None
        first = next((said for said in named if said.contractor and last and said.contractor.key == last.key), None)
        return replace(first, contractor=last) if first else None


def take(
    case: SupervisedCase | None, event: CaseEvent, plan: Plan, key_of: KeyOf
) -> tuple[SupervisedCase, Step | None]:
    """The case with one more event, and the step that the event is. `key_of` hashes a contractor's number or name."""
    step = _step(case, event, plan)
    case = case or _blank(event)
    case = replace(case, opened_at=min(case.opened_at, event.occurred_at), said=_said(case, event, plan, key_of))
    if isinstance(event, NodeReturned):
        case = replace(case, returns=case.returns + 1)
    if event.sequence <= case.sequence:
        return case, step
    return _moved(replace(case, sequence=event.sequence, case_no=event.case_no), event), step


def _blank(event: CaseEvent) -> SupervisedCase:
    return SupervisedCase(
        case_id=event.case_id,
        case_no=event.case_no,
        flow=event.flow,
        flow_version=event.flow_version,
        matter=event.matter,
        village_code=event.village_code,
        town_code=event.town_code,
        sequence=0,
        state="running",
        opened_at=event.occurred_at,
    )


def _moved(case: SupervisedCase, event: CaseEvent) -> SupervisedCase:
    match event:
        case CaseOpened():
            return _waits(case, event, {event.next_node: event.next_due_at})
        case NodeCompleted():
            waits = {event.next_node: event.next_due_at} if event.next_node else {}
            waits |= {also.node: also.due_at for also in event.also_waiting}
            if waits:
                return _waits(case, event, waits)
            return replace(case, state="closed", closed_at=event.occurred_at, waiting={}, dues={})
        case NodeReturned() | CaseAmended() if event.to_node:
            waits = {event.to_node: event.next_due_at} | {also.node: also.due_at for also in event.also_waiting}
            return _waits(replace(case, closed_at=None, waiting={}), event, waits)
        case CaseSuspended():
            return replace(case, resting=case.resting or event.occurred_at)
        case CaseResumed():
            dues = dict(case.dues) | {event.node: event.next_due_at}
            dues |= {also.node: also.due_at for also in event.also_waiting}
            rest = (event.suspended_at, event.occurred_at)
            return replace(case, resting=None, rests=(*case.rests, rest), dues=dues)
        case CaseWithdrawn():
            return replace(case, state="withdrawn", withdrawn_at=event.occurred_at, waiting={}, dues={})
    return case


def _waits(case: SupervisedCase, event: CaseEvent, dues: Mapping[str, datetime | None]) -> SupervisedCase:
    """It waits at these nodes: where it waited before, since then; where it has just come, since now."""
    waiting = {node: case.waiting.get(node, event.occurred_at) for node in dues}
    if isinstance(event, NodeCompleted) and event.node in waiting:
        waiting[event.node] = event.occurred_at
    return replace(case, state="running", waiting=waiting, dues=dues)


def _step(case: SupervisedCase | None, event: CaseEvent, plan: Plan) -> Step | None:
    if not isinstance(event, NodeCompleted | NodeReturned):
        return None
    done = event if isinstance(event, NodeCompleted) else None
    known = case if case and case.sequence < event.sequence else None
    started_at = (done.started_at if done else None) or (known.waiting.get(event.node) if known else None)
    due_at = done.due_at if done else known.dues.get(event.node) if known else None
    rests = known.rests if known else ()
    return Step(
        case_id=event.case_id,
        sequence=event.sequence,
        flow=event.flow,
        matter=event.matter,
        node=event.node,
        village_code=event.village_code,
        town_code=event.town_code,
        started_at=started_at,
        due_at=due_at,
        done_at=event.occurred_at,
        working_hours=None if started_at is None else _worked(started_at, event.occurred_at, rests),
        late=None if due_at is None else event.occurred_at > due_at,
        returned=done is None,
        backfilled=done is not None and done.backfilled,
        required=tuple(sorted(set(done.required_documents))) if done else (),
        filed=tuple(sorted({paper.kind for paper in done.documents})) if done else (),
        body=(event.on_behalf_of or event.actor).role if done else None,
        **(shown(done.fields, plan) if done else {}),
    )


def shown(fields: NodeFields, plan: Plan) -> dict[str, Any]:
    """What the form of a completed node tells of a decision and a payment; an amendment tells it anew."""
    method = (fields.payment_method or "").strip().lower()
    return {
        "members_due": fields.attendees_due,
        "present": fields.attendees_present,
        "votes_for": fields.votes_for,
        "votes_against": fields.votes_against,
        "paid_fen": fields.payment_fen,
        "in_cash": method in plan.cash_methods if method else None,
    }


def _worked(start: datetime, end: datetime, rests: tuple[tuple[datetime, datetime], ...]) -> float:
    rested = sum(working_hours_between(max(start, since), min(end, until)) for since, until in rests)
    return max(0.0, working_hours_between(start, end) - rested)


def _said(case: SupervisedCase, event: CaseEvent, plan: Plan, key_of: KeyOf) -> Mapping[int, Said]:
    """What its events have said; an amendment says anew what the event said that it puts right."""
    if not isinstance(event, CaseOpened | NodeCompleted | CaseAmended):
        return case.said
    about, at = (event.supersedes, event.done_at) if isinstance(event, CaseAmended) else (event.sequence, None)
    if (there := case.said.get(about)) and there.by >= event.sequence:
        return case.said
    fields = event.fields
    said = Said(event.sequence, at or event.occurred_at, _amounts(fields, plan), _contractor(fields, key_of))
    if not there and not said.amounts and not said.contractor:
        return case.said
    return {**case.said, about: said}


def _amounts(fields: NodeFields, plan: Plan) -> Amounts:
    found = {}
    for one in plan.amounts:
        value: Any = getattr(fields, one.kind)
        fen = sum(getattr(line, one.sum) for line in value) if one.sum and value else None if one.sum else value
        if fen:
            found[one.kind] = fen
    return found


def _contractor(fields: NodeFields, key_of: KeyOf) -> Contractor | None:
    name, number = (fields.supplier_name or "").strip(), (fields.supplier_id or "").strip()
    if not name and not number:
        return None
    shown = "" if not name else organisation(name) if is_organisation(name) else mask(name)
    return Contractor(key_of(number.upper() or name), shown)
