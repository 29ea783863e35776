"""Works, purchases and leases that go to those who oversee them, or to their kin."""

from datetime import timedelta

from deploy.demo.cases import Draft
from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.people import Person
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared import regions

_OVERSEEN = 6
_WORKS_WON = 9
_DAYS_BETWEEN = 11


def resident_outside_payroll(ground: Ground) -> Planted:
    """An official not on the payroll (编外) oversees six villages; his own company wins nine small works there."""
    town = regions.town_of(ground.village())
    villages = tuple(village.code for village in regions.villages(town)[:_OVERSEEN])
    official = ground.county.people.person()
    ground.county.employ(official, "编外驻村工作人员", regions.region(town), villages, payroll=False)
    company = ground.county.company("works", official)
    first = ground.moment()
    drafts = tuple(
        ground.case(
            "EN1" if number % 3 else "EN2",
            village=villages[number % _OVERSEEN],
            at=ground.later(first, _DAYS_BETWEEN * number),
            chosen=Chosen(bidders=_among_others(ground, company)),
        )
        for number in range(_WORKS_WON)
    )
    return Planted(drafts, company=company, person=official)


def cadre_own_company(ground: Ground) -> Planted:
    """A village cadre's own company wins in his village."""
    village = ground.village()
    cadre = ground.county.villages[village].posts["two_committees"]
    return _won(ground, "EN1", village, cadre, cadre)


def cadre_kin_company(ground: Ground) -> Planted:
    """The company of a cadre's brother wins in the cadre's village."""
    village = ground.village()
    cadre = ground.county.villages[village].posts["village_head"]
    brother = ground.county.people.person(cadre.name[0] + "建国")
    ground.county.relate(cadre, brother, "兄弟")
    return _won(ground, "EN2", village, cadre, brother)


def cadre_kin_supplier(ground: Ground) -> Planted:
    """The shop of a cadre's son sells to the cadre's village."""
    village = ground.village()
    cadre = ground.county.villages[village].posts["reporting_clerk"]
    son = ground.county.people.person(cadre.name[0] + "浩然")
    ground.county.relate(cadre, son, "父子")
    return _won(ground, "PR2", village, cadre, son)


def barred_supplier(ground: Ground) -> Planted:
    """A company on the blacklist on the day wins all the same."""
    company = ground.county.company("works")
    draft = ground.case("EN2", chosen=Chosen(bidders=_among_others(ground, company)))
    ground.county.bar(company, draft.opened_at.date(), "拖欠农民工工资")
    return Planted((draft,), company=company)


def newborn_supplier(ground: Ground) -> Planted:
    """A company founded a month ago wins works of some size."""
    company = ground.county.company("works")
    draft = ground.case("EN2", chosen=Chosen(bidders=_among_others(ground, company)))
    ground.county.refound(company, local_day(draft.opened_at) - timedelta(days=30))
    return Planted((draft,), company=company)


def _won(ground: Ground, code: str, village: str, cadre: Person, owner: Person) -> Planted:
    company = ground.county.company("goods" if code.startswith("PR") else "works", owner)
    draft: Draft = ground.case(code, village=village, chosen=Chosen(bidders=_among_others(ground, company)))
    return Planted((draft,), company=company, person=cadre)


def _among_others(ground: Ground, company: Company) -> list[Company]:
    return [company, *ground.rng.sample(ground.county.market[company.trade], 3)]


PLANTS = (
    Plant("resident_outside_payroll", ("A090",), resident_outside_payroll, may=("A075",)),
    Plant("cadre_own_company", ("A091",), cadre_own_company),
    Plant("cadre_kin_company", ("A092",), cadre_kin_company),
    Plant("cadre_kin_supplier", ("A092",), cadre_kin_supplier),
    Plant("newborn_supplier", ("A095",), newborn_supplier),
    Plant("barred_supplier", ("A094",), barred_supplier),
)
