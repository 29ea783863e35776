"""A supervision proposal as the supervisors count it: a fold over what the notifier tells of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.contracts.proposals import ProposalChanged

_DECISIONS = ("adopted", "partly_adopted", "refused")


@dataclass(frozen=True)
class SupervisedProposal:
    """One proposal; `adopted` is what became of it, `overdue` whether a term of it ever ran out."""

    proposal_id: str
    origin: str
    addressee: str
    region_code: str
    issued_by: str
    rule_id: str
    matter: str
    alerts: int
    state: str
    state_at: datetime
    served_at: datetime | None = None
    answered_at: datetime | None = None
    decided_at: datetime | None = None
    adopted: str | None = None
    closed_at: datetime | None = None
    due_at: datetime | None = None
    overdue: bool = False
    alerts_before: int | None = None
    alerts_after: int | None = None
    compared_days: int | None = None


def changed(held: SupervisedProposal | None, event: ProposalChanged) -> SupervisedProposal:
    """The proposal after one more change; of two the later says how it stands."""
    at, to = event.occurred_at, event.state_to
    one = held or _blank(event)
    one = replace(one, overdue=one.overdue or event.overdue)
    entered = event.state_from != to
    if to == "served" and entered:
        one = replace(one, served_at=min(at, one.served_at or at))
    if to == "replied" and entered:
        one = replace(one, answered_at=min(at, one.answered_at or at))
    if to in _DECISIONS and entered:
        one = replace(one, decided_at=max(at, one.decided_at or at))
    if held and at < held.state_at:
        return one
    return replace(
        one,
        addressee=event.addressee,
        region_code=event.region_code,
        issued_by=event.issued_by,
        rule_id=event.rule_id,
        matter=event.matter,
        alerts=event.alerts,
        state=to,
        state_at=at,
        adopted=to if to in _DECISIONS else one.adopted,
        closed_at=at if to == "closed" else None,
        due_at=event.due_by,
        alerts_before=one.alerts_before if event.alerts_before is None else event.alerts_before,
        alerts_after=one.alerts_after if event.alerts_after is None else event.alerts_after,
        compared_days=one.compared_days if event.compared_days is None else event.compared_days,
    )


def _blank(event: ProposalChanged) -> SupervisedProposal:
    return SupervisedProposal(
        proposal_id=event.proposal_id,
        origin=event.origin,
        addressee=event.addressee,
        region_code=event.region_code,
        issued_by=event.issued_by,
        rule_id=event.rule_id,
        matter=event.matter,
        alerts=event.alerts,
        state=event.state_from,
        state_at=event.occurred_at,
    )
