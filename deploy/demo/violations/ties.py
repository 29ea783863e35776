"""Ties that nobody declared: former employers, lessees, agents, project managers, subcontractors, wrong trades."""

from datetime import timedelta

from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.collusion import rewrite
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared import regions
from shared.contracts.reference import Employment, IntegrityFile, Interest

_YEAR = timedelta(days=365)
_PAIRED = 6
_SUBCONTRACTED = 0.4


def insured_by_the_winner(ground: Ground) -> Planted:
    """The firm that insured a village head until last year, which he never declared, wins in his village."""
    village = ground.village()
    head = ground.county.villages[village].posts["village_head"]
    company = ground.county.company("works")
    draft = ground.case("EN2", village=village, chosen=Chosen(bidders=_among_others(ground, company)))
    left = local_day(draft.opened_at) - _YEAR
    ground.county.register(
        Employment(
            id=f"insured-{head.key[:12]}-{company.id}",
            valid_from=left - 6 * _YEAR,
            valid_to=left,
            person_key=head.key,
            name=head.name,
            company_id=company.id,
            company_name=company.name,
        )
    )
    declared = Interest(company_id=company.id[::-1], company_name="另一单位", holder=head.name)
    ground.county.register(
        IntegrityFile(id=f"file-{head.key[:16]}", person_key=head.key, name=head.name, interests=(declared,))
    )
    return Planted((draft,), company=company, person=head)


def brother_takes_the_lease(ground: Ground) -> Planted:
    """A lease is renewed, without bidding, for the brother of the village head."""
    village = ground.village()
    head = ground.county.villages[village].posts["village_head"]
    brother = ground.county.people.person(head.name[0] + "建平")
    ground.county.relate(head, brother, "兄弟")
    draft = ground.case("AS2", village=village)
    for step in draft.steps:
        step.fields.pop("supplier_id", None)
        if "supplier_name" in step.fields:
            step.fields |= {"supplier_name": brother.name, "lessee_key": brother.key}
    return Planted((draft,), person=head)


def agent_of_the_winner(ground: Ground) -> Planted:
    """Winner and tendering agent belong to one person."""
    owner = ground.county.people.person()
    company, agent = ground.county.company("works", owner), ground.county.company("agents", owner)
    draft = ground.case("EN3", chosen=Chosen(bidders=_among_others(ground, company), agent=agent))
    return Planted((draft,), company=company)


def agent_and_winner_go_together(ground: Ground) -> Planted:
    """Six tenders of a town run by one agent, chosen without a draw, all go to one firm."""
    villages = [village.code for village in regions.villages(regions.town_of(ground.village()))]
    company, agent = ground.county.company("works"), ground.county.company("agents")
    first = ground.moment()
    drafts = tuple(
        ground.case(
            "EN2",
            village=villages[number % len(villages)],
            at=ground.later(first, 20 * number),
            chosen=Chosen(bidders=_among_others(ground, company), agent=agent),
        )
        for number in range(_PAIRED)
    )
    return Planted(drafts, company=company)


def one_manager_for_two(ground: Ground) -> Planted:
    """Two rivals name the same project manager."""
    draft = ground.case("EN3")
    first = ground.bids_of(draft)[0]
    shared = {"manager_key": first.manager_key, "manager_name": first.manager_name}
    rewrite(draft, lambda at, bid: bid.model_copy(update=shared) if at == 1 else bid)
    return Planted((draft,))


def loser_gets_a_share(ground: Ground) -> Planted:
    """Two fifths of the works go to a firm that lost them."""
    draft = ground.case("EN2")
    loser = ground.bids_of(draft)[1]
    contract = draft.step("EN2-10").fields["contract_fen"]
    draft.step("EN2-11").fields |= {
        "subcontractor_id": loser.company_id,
        "subcontractor_name": loser.company_name,
        "subcontract_fen": round(contract * _SUBCONTRACTED),
    }
    return Planted((draft,))


def clothier_builds(ground: Ground) -> Planted:
    """A firm that may make clothes wins works."""
    company = ground.county.company("works")
    ground.county.rescope(company, "服装加工、销售;针纺织品")
    chosen = Chosen(kind="护岸加固", bidders=_among_others(ground, company))
    return Planted((ground.case("EN2", chosen=chosen),), company=company)


def _among_others(ground: Ground, company: Company) -> list[Company]:
    return [company, *ground.rng.sample(ground.county.market[company.trade], 3)]


PLANTS = (
    Plant("insured_by_the_winner", ("A093",), insured_by_the_winner),
    Plant("brother_takes_the_lease", ("A105",), brother_takes_the_lease),
    Plant("agent_of_the_winner", ("A106",), agent_of_the_winner),
    Plant("agent_and_winner_go_together", ("A117",), agent_and_winner_go_together),
    Plant("one_manager_for_two", ("A112",), one_manager_for_two),
    Plant("loser_gets_a_share", ("A116",), loser_gets_a_share),
    Plant("clothier_builds", ("A096",), clothier_builds),
)
