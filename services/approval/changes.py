"""What a deed leaves behind, ready to be saved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.approval.cases import Case, Turn
from services.approval.flows import Flow, Node
from shared.contracts.power import CaseOpened, NodeCompleted, NodeFields, PowerEvent


@dataclass(frozen=True)
class Wait:
    """A node where a case waits: until when, for which roles, and the keys of those who have voted there."""

    node: str
    due_at: datetime | None
    roles: tuple[str, ...]
    voted: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseChange:
    """A case as it is now, what just happened to it, and where it waits for whom.

    After an amendment `forms` are all that the case's forms say now, in the order of filing.
    """

    case: Case
    events: Sequence[PowerEvent]
    waits: Sequence[Wait]
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


def waits_for(flow: Flow, case: Case) -> list[Wait]:
    """Where it waits, for the roles that may vote or file there; nowhere while the case rests."""
    if case.node is None or case.suspended_at is not None:
        return []
    return [_wait(flow.node(turn.node), turn, case) for turn in case.turns]


def _wait(at: Node, turn: Turn, case: Case) -> Wait:
    voters = at.joint.voters if at.joint else ()
    voted = tuple(each.person_key for each in case.ballots.get(at.code, ()))
    return Wait(at.code, turn.due_at, tuple(sorted({*at.filers, *voters})), voted)
