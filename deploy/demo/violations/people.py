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


def official_relieved(ground: Ground) -> Planted:
    """A town official on the payroll draws relief."""
    village = ground.village()
    official = ground.county.official(village, "town_works_office")
    return Planted((ground.case("RE2", village=village, chosen=Chosen(beneficiary=official)),), person=official)


def kin_relieved_unfiled(ground: Ground) -> Planted:
    """The village head's mother gets relief and no kinship was filed."""
    village = ground.village()
    head, mother = ground.county.villages[village].posts["village_head"], ground.county.people.person()
    ground.county.relate(head, mother, "母子")
    draft = ground.case("RE2", village=village, chosen=Chosen(beneficiary=mother))
    draft.step("RE2-02").papers.remove("kin_filing")
    return Planted((draft,), person=mother)


def relieved_in_two_villages(ground: Ground) -> Planted:
    """One person gets the same relief in two villages."""
    person, at = ground.county.people.person(), ground.moment()
    chosen = Chosen(beneficiary=person)
    first = ground.case("RE1", at=at, chosen=chosen)
    return Planted((first, ground.case("RE1", at=ground.later(at, 20), chosen=chosen)), person=person)


PLANTS = (
    Plant("dead_beneficiary", ("A097",), dead_beneficiary),
    Plant("dead_worker", ("A103",), dead_worker),
    Plant("official_relieved", ("A098",), official_relieved, may=("A086", "A101")),
    Plant("kin_relieved_unfiled", ("A100",), kin_relieved_unfiled),
    Plant("relieved_in_two_villages", ("A101",), relieved_in_two_villages),
    Plant("cadre_on_wage_sheet", ("A102",), cadre_on_wage_sheet),
)
