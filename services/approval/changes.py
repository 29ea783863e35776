"""What a deed leaves behind, ready to be saved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.approval.cases import Case
from services.approval.flows import Flow
from shared.contracts.power import PowerEvent


@dataclass(frozen=True)
class CaseChange:
    """A case as it is now, what just happened to it, and the roles that its node waits for."""

    case: Case
    events: Sequence[PowerEvent]
    waits_for: Sequence[str]
    imported: bool = False
    event_ids: Sequence[str] = ()


def waits_for(flow: Flow, case: Case) -> list[str]:
    """The roles that may file the present node."""
    return sorted(flow.node(case.node).filers) if case.node else []
