"""Labour, relief and the seal in the hands of a few: works done as labour, days twice, the same men, the same clan."""

from datetime import date, datetime, timedelta

from deploy.demo import sheets
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.people import Person
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import Attendance, Grant
from shared.workdays import SHANGHAI

_JOBS = 4
_SHEETS = 6
_FAMILIES, _FAMILY = 3, 3
_RELIEVED, _KIN = 60, 56
_NIGHT_HOURS = 14
_FAR_M = 6_400


def works_as_labour(ground: Ground) -> Planted:
    """Four gangs build a car park within two months, as casual labour, for some 58,000 yuan."""
    at = ground.moment()
    village = ground.village_for("labour in bulk", at)
    place = f"新桥南侧停车场{ground.rng.randint(10, 99)}号地块"
    drafts = tuple(
        ground.case(
            "LA1",
            village=village,
            at=ground.later(at, 14 * number),
            chosen=Chosen(place=place, amount_yuan=15_000, workers=[ground.county.people.person() for _ in range(4)]),
        )
        for number in range(_JOBS)
    )
    return Planted(drafts)


def in_two_places_at_once(ground: Ground) -> Planted:
    """One man works eight days in two villages, and they are the same days."""
    person, at = ground.county.people.person(), ground.moment()
    drafts = tuple(ground.case("LA1", at=at, chosen=Chosen(workers=[person], amount_yuan=1_280)) for _ in range(2))
    last = min(local_day(draft.step("LA1-06").at) for draft in drafts)
    for draft in drafts:
        (worker,) = draft.step("LA1-06").fields["workers"]
        draft.step("LA1-06").fields["attendance"] = (
            Attendance(
                person_key=worker.person_key,
                name=worker.name,
                days=worker.days,
                first_on=last - timedelta(days=int(worker.days) - 1),
                last_on=last,
            ),
        )
    return Planted(drafts, person=person)


def always_the_same_men(ground: Ground) -> Planted:
    """Three men stand on every large wage sheet of half a year."""
    begins, people = _half_year(ground), ground.county.people
    village, regulars = ground.village_for("labour in bulk", begins), [people.person() for _ in range(3)]
    drafts = tuple(
        ground.case(
            "LA1",
            village=village,
            at=ground.later(begins, 22 * number),
            chosen=Chosen(workers=regulars, amount_yuan=12_000),
        )
        for number in range(_SHEETS)
    )
    return Planted(drafts)


def always_the_same_families(ground: Ground) -> Planted:
    """Three families have somebody on every large wage sheet of half a year, brother and sister by turns."""
    return Planted(families_by_turns(ground, parted=False))


def families_by_turns(ground: Ground, *, parted: bool) -> tuple[Draft, ...]:
    """Three families of three on six sheets, one of each at a time; they keep house together or have `parted`."""
    begins, people = _half_year(ground), ground.county.people
    village = ground.village_for("labour in bulk", begins)
    families = [[people.person() for _ in range(_FAMILY)] for _ in range(_FAMILIES)]
    for family in families:
        ground.county.keep_house(village, family, local_day(begins) - timedelta(days=90) if parted else None)
    return tuple(
        ground.case(
            "LA1",
            village=village,
            at=ground.later(begins, 22 * number),
            chosen=Chosen(workers=[family[number % _FAMILY] for family in families], amount_yuan=12_000),
        )
        for number in range(_SHEETS)
    )


def _half_year(ground: Ground) -> datetime:
    """Some days into the last half of a year that has wholly passed."""
    last = local_day(ground.period.until - timedelta(days=60))
    half = date(last.year, 1, 1) if last.month > 6 else date(last.year - 1, 7, 1)
    return datetime.combine(half + timedelta(days=ground.rng.randint(5, 25)), datetime.min.time(), SHANGHAI)


def aid_for_the_clan(ground: Ground) -> Planted:
    """Of sixty families that get the village's aid, fifty-six are the village head's kin."""
    at, people = ground.moment(), ground.county.people
    village = ground.village_for("a clan", at)
    head = ground.county.villages[village].posts["village_head"]
    persons: list[Person] = [people.person() for _ in range(_RELIEVED)]
    for person in persons[:_KIN]:
        ground.county.relate(head, person, "堂兄弟")
    draft = ground.case("RE3", village=village, at=at, chosen=Chosen(amount_yuan=15_000))
    fen = draft.step("RE3-06").fields["payment_fen"] // _RELIEVED
    draft.put(headcount=_RELIEVED)
    draft.step("RE3-02").fields["grants"] = tuple(
        Grant(person_key=person.key, name=person.name, amount_fen=fen) for person in persons
    )
    return Planted((sheets.complete(draft, people),), person=head)


def sealed_at_night(ground: Ground) -> Planted:
    """The seal is used late in the evening."""
    draft = ground.case("SE1")
    step = draft.step("SE1-04")
    midnight = datetime.combine(local_day(step.at), datetime.min.time(), SHANGHAI)
    step.at = (midnight + timedelta(hours=22, minutes=ground.rng.randrange(60))).astimezone(step.at.tzinfo)
    later = draft.step("SE1-05")
    later.at = max(later.at, step.at + timedelta(hours=_NIGHT_HOURS))
    return Planted((draft,))


def sealed_elsewhere(ground: Ground) -> Planted:
    """A contract is stamped miles from the office."""
    works = ground.case("EN2")
    at = ground.later(works.step("EN2-10").at, 2)
    draft = ground.case("SE2", village=works.village_code, at=at, chosen=Chosen(related_case_no=works.case_no))
    draft.step("SE2-06").fields["stamped_away_m"] = _FAR_M
    return Planted((draft,))


PLANTS = (
    Plant("works_as_labour", ("A083",), works_as_labour),
    Plant("in_two_places_at_once", ("A084",), in_two_places_at_once),
    Plant("always_the_same_men", ("A085",), always_the_same_men, may=("A084",)),
    Plant("always_the_same_families", ("A085",), always_the_same_families),
    Plant("aid_for_the_clan", ("A087",), aid_for_the_clan),
    Plant("sealed_at_night", ("A088",), sealed_at_night),
    Plant("sealed_elsewhere", ("A088",), sealed_elsewhere),
)
