"""An alert as the supervisors count it: a fold over what the detector and the notifier tell of it. Pure.

The two topics may come in any order: what the lifecycle tells makes a row that no figure counts before the alert.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from services.disclosure.supervision.plan import Plan
from shared import regions
from shared.contracts.alerts import Alert, AlertStateChanged, AlertWithdrawn
from shared.workdays import working_hours_between

_LEVELS = ("village", "town", "county", "city")
FIRST = "not_pushed"
_OFFICES = {"village": lambda code: code, "town": regions.town_of, "county": regions.county_of}


@dataclass(frozen=True)
class SupervisedAlert:
    """One alert. Hours are working hours from delivery. `above` is the lowest level at which it may be known."""

    alert_id: str
    rule_id: str
    grade: str
    village_code: str
    town_code: str
    title_zh: str | None = None
    title_en: str | None = None
    matter: str | None = None
    flow: str | None = None
    node: str | None = None
    case_ids: tuple[str, ...] = ()
    happened_at: datetime | None = None
    raised_at: datetime | None = None
    delivered_at: datetime | None = None
    acknowledged_at: datetime | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    state: str = FIRST
    state_at: datetime | None = None
    outcome: str | None = None
    explanation: str | None = None
    reopened: int = 0
    overdue: int = 0
    recovered_fen: int = 0
    people: int = 0
    revision: int = 0
    withdrawn_revision: int = 0
    above: str = "village"
    barred: tuple[str, ...] = ()

    @property
    def withdrawn(self) -> bool:
        """Whether it was taken back before anybody judged it."""
        if self.closed_at is not None:
            return False
        return self.state == "withdrawn" or self.withdrawn_revision >= max(self.revision, 1)

    @property
    def hours_to_acknowledge(self) -> float | None:
        """Working hours from delivery to the first acknowledgement; None before it."""
        return _hours(self.delivered_at, self.acknowledged_at)

    @property
    def hours_to_close(self) -> float | None:
        """Working hours from delivery to the judgement that holds; None without one."""
        return _hours(self.delivered_at, self.closed_at)


def told(held: SupervisedAlert | None, alert: Alert, at: datetime) -> SupervisedAlert:
    """What the detector says of it now; an older revision than the one on record changes nothing but its first time."""
    held = held or SupervisedAlert(
        alert.alert_id, alert.rule_id, alert.grade, alert.village_code, alert.town_code, matter=alert.matter
    )
    held = replace(held, raised_at=min(at, held.raised_at or at))
    if alert.revision < held.revision:
        return held
    return replace(
        held,
        rule_id=alert.rule_id,
        grade=alert.grade,
        village_code=alert.village_code,
        town_code=alert.town_code,
        title_zh=alert.title.zh,
        title_en=alert.title.en,
        matter=alert.matter,
        flow=_flow(alert.node) or held.flow,
        node=alert.node,
        case_ids=alert.case_ids,
        happened_at=alert.occurred_at,
        revision=alert.revision,
        above=_above(alert),
        barred=tuple(sorted({key for who in alert.about for key in (who.person_key, *who.kin) if key})),
    )


def taken_back(held: SupervisedAlert | None, event: AlertWithdrawn) -> SupervisedAlert:
    """The rule no longer holds it."""
    held = held or SupervisedAlert(event.alert_id, event.rule_id, "yellow", event.village_code, event.town_code)
    return replace(held, withdrawn_revision=max(held.withdrawn_revision, event.revision))


def moved(held: SupervisedAlert | None, event: AlertStateChanged, plan: Plan) -> SupervisedAlert:
    """The notifier moved it, or extended its term; what happened before the last move adds to its counts only."""
    held = held or SupervisedAlert(
        event.alert_id, event.rule_id, event.grade, event.village_code, event.town_code, matter=event.matter
    )
    at, to, entered = event.occurred_at, event.state_to, event.state_to != event.state_from
    if to == "pushed":
        held = replace(held, delivered_at=min(at, held.delivered_at or at))
    if to == "acknowledged" and entered:
        held = replace(held, acknowledged_at=min(at, held.acknowledged_at or at))
    if to == "reopened" and entered:
        held = replace(held, reopened=held.reopened + 1)
    if held.due_at and entered and at > held.due_at:
        held = replace(held, overdue=held.overdue + 1)
    if held.state_at and at < held.state_at:
        return held
    return _judged(replace(held, state=to, state_at=at, due_at=event.due_by), event, plan)


def _judged(held: SupervisedAlert, event: AlertStateChanged, plan: Plan) -> SupervisedAlert:
    """With what was decided; a confirmed judgement stays as it is, one that was reopened counts no longer."""
    if held.state not in plan.closed_states:
        return replace(held, closed_at=None, outcome=None, explanation=None, recovered_fen=0, people=0)
    if event.outcome is None and held.closed_at:
        return replace(held, due_at=None)
    return replace(
        held,
        closed_at=event.occurred_at,
        due_at=None,
        outcome=event.outcome,
        explanation=event.explanation,
        recovered_fen=event.recovered_fen or 0,
        people=event.people or 0,
    )


def _above(alert: Alert) -> str:
    """The lowest level at which it may be known: above the highest office, over its place, of whom it is about."""
    held = [who.level for who in alert.about if _OFFICES[who.level](alert.village_code) == who.region_code]
    highest = max((_LEVELS.index(level) for level in held), default=-1)
    return _LEVELS[highest + 1]


def _flow(node: str | None) -> str | None:
    return node.partition("-")[0] if node else None


def _hours(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else working_hours_between(start, end)
