"""Innocent cases that look like violations to a careless eye. Nothing may fire on them."""

from collections.abc import Iterator
from datetime import timedelta

from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground
from shared import regions

_YEAR = timedelta(days=365)


def drafts(ground: Ground) -> Iterator[Draft]:
    """One of each."""
    yield kin_in_another_town(ground)
    yield from works_far_apart(ground)
    yield bar_lifted(ground)
    yield died_afterwards(ground)
    yield dead_namesake(ground)


def kin_in_another_town(ground: Ground) -> Draft:
    """The company of a village head's brother wins where the head has no say."""
    home, away = ground.village(), ground.village()
    while regions.town_of(away) == regions.town_of(home):
        away = ground.village()
    head = ground.county.villages[home].posts["village_head"]
    brother = ground.county.people.person(head.name[0] + "志强")
    ground.county.relate(head, brother, "兄弟")
    company = ground.county.company("works", brother)
    others = ground.rng.sample(ground.county.market["works"], 3)
    return ground.case("EN2", village=away, chosen=Chosen(bidders=[company, *others]))


def works_far_apart(ground: Ground) -> tuple[Draft, Draft]:
    """Two works of one kind in one village, on different roads, by different firms, most of a year apart."""
    village = ground.village()
    first = ground.case("EN2", village=village, at=ground.later(ground.period.since, 5))
    again = Chosen(kind=first.fields["category"])
    return first, ground.case("EN2", village=village, at=ground.later(first.opened_at, 210), chosen=again)


def bar_lifted(ground: Ground) -> Draft:
    """A company whose entry on the blacklist had ended before it bid."""
    company = ground.county.company("works")
    others = ground.rng.sample(ground.county.market["works"], 3)
    draft = ground.case("EN2", chosen=Chosen(bidders=[company, *others]))
    opened = local_day(draft.opened_at)
    ground.county.bar(company, opened - 2 * _YEAR, "拖欠农民工工资", until=opened - timedelta(days=30))
    return draft


def died_afterwards(ground: Ground) -> Draft:
    """A beneficiary who died after the relief was paid."""
    person = ground.county.people.person()
    draft = ground.case("RE2", chosen=Chosen(beneficiary=person))
    ground.county.bury(person, local_day(draft.steps[-1].at) + timedelta(days=20))
    return draft


def dead_namesake(ground: Ground) -> Draft:
    """A beneficiary with the name of a dead man."""
    person = ground.county.people.person()
    ground.county.bury(ground.county.people.person(person.name), local_day(ground.period.since) - _YEAR)
    return ground.case("RE2", chosen=Chosen(beneficiary=person))
