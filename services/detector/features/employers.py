"""Firms that employ, employed or insure an official or his spouse, and what they won where he oversees."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from services.detector.features.deals import Deal, deals_of, in_turn, listed
from services.detector.features.matches import about, day_of, in_force, oversees
from services.detector.features.network import SPOUSE
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import midnight
from shared.contracts.reference import Employment, IntegrityFile, Kinship, Staff

# A firm that insures more than this does so for others; whom it insures says nothing of who has a say in it.
_MOST_INSURED = 200


@dataclass(frozen=True)
class Employer:
    """A firm that won or was paid in villages overseen by somebody whom, or whose spouse, it employed or insured.

    `left_days` is how long before the first work the last tie ended, 0 while it lasts; `declared` means that the
    official's integrity file names the firm.
    """

    company_id: str
    company: str
    official_key: str
    official: str
    position: str
    insured: str
    spouse: bool
    since: datetime
    left_days: int
    declared: bool
    town: str
    works: int
    villages: int
    sum_fen: int


def needs_of_employer(id: str, reference: Reference) -> set[Need]:
    """Whom the company employs or insures; their posts, and those of their spouses."""
    needs = {Need("employments", "company_id", id)}
    for person in _insured(id, reference):
        needs |= {Need("staff", "person_key", person), Need("integrity_files", "person_key", person)}
        needs |= {Need("kinship", "person_key", person), Need("kinship", "relative_key", person)}
        for spouse in _spouses(person, reference):
            needs |= {Need("staff", "person_key", spouse), Need("integrity_files", "person_key", spouse)}
    return needs


def _insured(id: str, reference: Reference) -> dict[str, list[Employment]]:
    found: dict[str, list[Employment]] = defaultdict(list)
    for employment in reference.all(Employment, "company_id", id):
        if employment.kind != "dispatched":
            found[employment.person_key].append(employment)
    return dict(sorted(found.items())) if len(found) <= _MOST_INSURED else {}


def _spouses(person: str, reference: Reference) -> set[str]:
    forth = {tie.relative_key for tie in reference.all(Kinship, "person_key", person) if tie.relation in SPOUSE}
    back = {tie.person_key for tie in reference.all(Kinship, "relative_key", person) if tie.relation in SPOUSE}
    return forth | back


def _employer_occasions(view: View, params: Params) -> Iterator[Occasion]:
    id = view.key.split(":", 1)[1]
    deals = in_turn(deals_of(view.facts))
    for person, employments in _insured(id, view.reference).items():
        for holder in (person, *sorted(_spouses(person, view.reference))):
            for staff in view.reference.all(Staff, "person_key", holder):
                by_town: dict[str, list[Deal]] = defaultdict(list)
                for deal in deals:
                    if in_force(staff, _day(deal)) and oversees(staff, deal.village) and _tie(employments, _day(deal)):
                        by_town[deal.town].append(deal)
                for town, mine in sorted(by_town.items()):
                    yield _occasion(view, id, staff, employments, mine, town, spouse=holder != person)


def _day(deal: Deal) -> date:
    return day_of(deal.facts[0].occurred_at)


def _tie(employments: list[Employment], day: date) -> Employment | None:
    """The tie that lasted longest before a day, begun before it."""
    begun = [employment for employment in employments if employment.valid_from <= day]
    return max(begun, key=lambda employment: (employment.valid_to or date.max, employment.id), default=None)


def _occasion(
    view: View, id: str, staff: Staff, employments: list[Employment], deals: list[Deal], town: str, *, spouse: bool
) -> Occasion:
    ties = [(tie, _day(deal)) for deal in deals if (tie := _tie(employments, _day(deal)))]
    left = min(max((day - tie.valid_to).days, 0) if tie.valid_to else 0 for tie, day in ties)
    file = view.reference.all(IntegrityFile, "person_key", staff.person_key)
    first, last = deals[0].facts[0], max((fact for deal in deals for fact in deal.facts), key=lambda f: f.occurred_at)
    employer = Employer(
        company_id=id,
        company=ties[0][0].company_name,
        official_key=staff.person_key,
        official=staff.name,
        position=staff.position,
        insured=ties[0][0].name,
        spouse=spouse,
        since=midnight(min(tie.valid_from for tie, _ in ties)),
        left_days=left,
        declared=any(interest.company_id == id for one in file for interest in one.interests),
        town=town,
        works=len(deals),
        villages=len({deal.village for deal in deals}),
        sum_fen=sum(deal.amount_fen for deal in deals),
    )
    return Occasion(
        features={"employer": at_hand(employer)},
        given=frozenset(),
        matter=first.data["matter"],
        village_code=first.village_code,
        town_code=town,
        cases=tuple(deal.case for deal in deals),
        occurred_at=last.occurred_at,
        about=(about(staff),),
        trail=lambda: listed(deals),
    )


EMPLOYER = Subject(
    "employer",
    "每名公职人员(或其配偶)任职、参保的单位(按镇)",
    "each official and the firm that employs or insures him or his spouse, a town at a time",
    frozenset({"company"}),
    {"employer": Employer},
    _employer_occasions,
)
