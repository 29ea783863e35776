"""What a deed leaves behind, ready to be saved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.approval.cases import Case
from services.approval.flows import Flow
from shared.contracts.power import CaseOpened, NodeCompleted, NodeFields, PowerEvent


@dataclass(frozen=True)
class CaseChange:
    """A case as it is now, what just happened to it, and the roles that its node waits for.

    After an amendment `forms` are all that the case's forms say now, in the order of filing.
    """

    case: Case
    events: Sequence[PowerEvent]
    waits_for: Sequence[str]
    imported: bool = False
    event_ids: Sequence[str] = ()
    forms: Sequence[NodeFields] = ()

    @property
    def amount_fen(self) -> int | None:
        """What the case is about in money, as its `forms` say where they are all given, or else its events."""
        return amount_of(self.forms or [form for event in self.events if (form := _form(event))])


# What a case is about in money: the nearest to what is paid in the end, of an event's own words.
_AMOUNTS = (
    *("settlement_fen", "contract_fen", "award_fen", "payment_fen", "amount_fen", "relief_fen", "annual_rent_fen"),
    *("ceiling_price_fen", "budget_fen", "estimate_fen"),
)


def amount_of(forms: Sequence[NodeFields]) -> int | None:
    """The amount of a case in fen, as the last of its forms that names one says; None when none does."""
    for form in reversed(forms):
        stated = [amount for name in _AMOUNTS if (amount := getattr(form, name, None)) is not None]
        if stated:
            return int(stated[0])
    return None


def _form(event: PowerEvent) -> NodeFields | None:
    return event.fields if isinstance(event, CaseOpened | NodeCompleted) else None


def waits_for(flow: Flow, case: Case) -> list[str]:
    """The roles that may file the present node; nobody while the case rests."""
    return sorted(flow.node(case.node).filers) if case.node and case.suspended_at is None else []
