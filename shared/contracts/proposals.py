"""Events of supervision proposals (监察建议书) on `alerts.lifecycle` (notifier); key: the proposal's id.

Counts and codes only: whom a proposal names, and what it says, stays with the notifier.
"""

from typing import ClassVar, Literal

from shared.contracts.base import Contract, RegionCode, UtcTime
from shared.contracts.power import Matter

Addressee = Literal["village", "town_office", "department"]
Origin = Literal["alert", "inquiry", "pattern"]
State = Literal[
    "draft", "discarded", "served", "replied", "adopted", "partly_adopted", "refused", "followed_up", "closed"
]


class ProposalChanged(Contract):
    """A supervision proposal came into another state, or its term ran out (`overdue`, its state unchanged).

    `alerts` counts those that it rests on; `alerts_before` and `alerts_after` those of its rule in its region in equal
    spans of `compared_days` before and after serving, known once it has been followed up.
    """

    TYPE: ClassVar[str] = "proposal.changed.v1"
    proposal_id: str
    origin: Origin
    addressee: Addressee
    region_code: RegionCode
    issued_by: RegionCode
    rule_id: str
    matter: Matter
    alerts: int
    state_from: State
    state_to: State
    overdue: bool = False
    due_by: UtcTime | None = None
    alerts_before: int | None = None
    alerts_after: int | None = None
    compared_days: int | None = None
    by_role: str | None = None
    occurred_at: UtcTime
