"""What a household that asks for relief owns: cars, houses, firms, as the registers say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.households import members_of
from services.detector.features.matches import day_of, in_force, stakes_of
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.reference import Company, Property, Vehicle

_OPINIONS = ("risk_note",)


@dataclass(frozen=True)
class Means:
    """What the registers know of a household on the day of its case's last step. Firms count from a stake on.

    `members` are those on the register of households, at least the one who asks; `noted` means that the case holds a
    note of risk, so that who approved knew of something.
    """

    person_key: str
    name: str
    members: int
    cars: int
    dearest_car_fen: int
    car_kinds: tuple[str, ...]
    houses: int
    firms: int
    firm_names: tuple[str, ...]
    approved: bool
    noted: bool


def needs_of_means(facts: Iterable[Fact], reference: Reference) -> set[Need]:
    """The household of each who asks for relief, and what its members own."""
    needs: set[Need] = set()
    for person in {fact.data.get("fields", {}).get("beneficiary_key") for fact in facts} - {None}:
        needs.add(Need("households", "person_key", person))
        for member in members_of(person, reference):
            needs |= {Need("vehicles", "owner_key", member), Need("property", "owner_key", member)}
            needs.add(Need("companies", "holder_key", member))
    return needs


def _means_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case, so_far = the_case(view), history(view)
    person = so_far.latest("beneficiary_key")
    if not person or case.withdrawn:
        return
    day = day_of(so_far.facts[-1].occurred_at)
    members = sorted(members_of(person, view.reference, day))
    cars = [car for one in members for car in view.reference.all(Vehicle, "owner_key", one) if in_force(car, day)]
    homes = [home for one in members for home in view.reference.all(Property, "owner_key", one) if in_force(home, day)]
    firms = {
        firm.id: firm.name
        for one in members
        for firm in view.reference.all(Company, "holder_key", one)
        if in_force(firm, day) and stakes_of(firm, one) >= float(params["firm_share_pct"])
    }
    means = Means(
        person_key=person,
        name=so_far.latest("beneficiary_name") or "",
        members=len(members),
        cars=len(cars),
        dearest_car_fen=max((car.value_fen for car in cars), default=0),
        car_kinds=tuple(sorted({car.kind for car in cars})),
        houses=len(homes),
        firms=len(firms),
        firm_names=tuple(firms[id] for id in sorted(firms)),
        approved=case.approved_at is not None,
        noted=any(so_far.latest(name) for name in _OPINIONS),
    )
    yield occasion(view, features={"means": at_hand(means)})


MEANS = Subject(
    "means",
    "事项中的救助对象家庭",
    "the household that asks for relief in a case",
    frozenset({"case"}),
    {"case": Case, "means": Means},
    _means_occasions,
    {"firm_share_pct": float},
)
