"""Who keeps house with whom, as the register of households says."""

from collections.abc import Iterable
from datetime import date

from services.detector.features.matches import in_force
from services.detector.registers import Need, Reference
from shared.contracts.reference import Household


def needs_of_households(persons: Iterable[str]) -> set[Need]:
    """The households of some persons."""
    return {Need(Household.DATASET, "person_key", person) for person in persons}


def home_of(person: str, reference: Reference, day: date) -> str:
    """The household that a person belongs to on a day, by its id; who is on no register is a household by himself."""
    homes = reference.all(Household, "person_key", person)
    return min((home.id for home in homes if in_force(home, day)), default=person)


def members_of(person: str, reference: Reference, day: date | None = None) -> set[str]:
    """A person with those of his household on a day, or ever."""
    homes = [home for home in reference.all(Household, "person_key", person) if day is None or in_force(home, day)]
    return {person, *(member.person_key for home in homes for member in home.members)}
