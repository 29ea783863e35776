"""Wages and relief for those who cannot or may not have them."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_LONG_DEAD = timedelta(days=150)


def dead_beneficiary(ground: Ground) -> Planted:
    """Relief is paid to somebody who died months before."""
    at, person = ground.moment(), ground.county.people.person()
    ground.county.bury(person, local_day(at) - _LONG_DEAD)
    return Planted((ground.case("RE2", at=at, chosen=Chosen(beneficiary=person)),), person=person)


def dead_worker(ground: Ground) -> Planted:
    """A dead man stands on a wage sheet."""
    at, person = ground.moment(), ground.county.people.person()
    ground.county.bury(person, local_day(at) - _LONG_DEAD)
    chosen = Chosen(workers=[person, ground.county.people.person()])
    return Planted((ground.case("LA1", at=at, chosen=chosen),), person=person)


def cadre_on_wage_sheet(ground: Ground) -> Planted:
    """The village head draws casual labourers' wages."""
    village = ground.village()
    cadre = ground.county.villages[village].posts["village_head"]
    chosen = Chosen(workers=[cadre, ground.county.people.person()])
    return Planted((ground.case("LA1", village=village, chosen=chosen),), person=cadre)


PLANTS = (
    Plant("dead_beneficiary", ("A097",), dead_beneficiary),
    Plant("dead_worker", ("A103",), dead_worker, may=("A097",)),
    Plant("cadre_on_wage_sheet", ("A102",), cadre_on_wage_sheet, may=("A098",)),
)
