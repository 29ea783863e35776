"""A simulated county as the public sees it: its events, and the cases that they come to."""

from datetime import UTC, datetime
from functools import cache

from deploy.demo.simulator import Simulation, Size
from services.disclosure.cases import Case, take
from services.disclosure.masking import masks
from services.disclosure.opendata import contracting
from services.disclosure.opendata.contracting import Change
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent

UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)


@cache
def events(size: int = 1500) -> tuple[CaseEvent, ...]:
    """All that happened, case by case."""
    simulation = Simulation(seed=11, size=Size(size, UNTIL), secret="of the simulated county")
    return tuple(event for recorded in simulation.cases() for event in recorded.events)


@cache
def cases(size: int = 1500) -> tuple[Case, ...]:
    """Every case as it stands."""
    found: dict[str, Case] = {}
    for event in events(size):
        found[event.case_id] = take(found.get(event.case_id), event, masks(), vocabulary())
    return tuple(found.values())


@cache
def changes(size: int = 1500) -> dict[str, list[Change]]:
    """The resolved changes of contracts, by the id of the case that they change."""
    ids = {(case.village_code, case.case_no): case.case_id for case in cases(size)}
    found: dict[str, list[Change]] = {}
    for case in cases(size):
        number, change = contracting.changed_case(case, masks()), contracting.change_of(case, masks())
        if number and change and (changed := ids.get((case.village_code, number))):
            found.setdefault(changed, []).append(change)
    return found
