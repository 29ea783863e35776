"""Works that cost more than they were given for: just under a limit, and made good by changes."""

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted

_LATER = 60


def just_below_the_limit(ground: Ground) -> Planted:
    """Micro works of 49,300 yuan, where 50,000 would need competition."""
    return Planted((ground.case("EN1", chosen=Chosen(amount_yuan=49_300)),))


def changes_of_a_sixth(ground: Ground) -> Planted:
    """Two changes add a sixth to the contract."""
    works = ground.case("EN2")
    contract = works.step("EN2-10").fields["contract_fen"]
    changes = []
    for number in (1, 2):
        chosen = Chosen(related_case_no=works.case_no, amount_yuan=contract // 1_200)
        at = ground.later(works.opened_at, _LATER + 12 * number)
        changes.append(ground.case("EN5", village=works.village_code, at=at, chosen=chosen))
    return Planted((works, *changes))


def change_never_approved(ground: Ground) -> Planted:
    """A change is built and settled; nobody at the town ever signed it."""
    works = ground.case("EN2")
    contract = works.step("EN2-10").fields["contract_fen"]
    chosen = Chosen(related_case_no=works.case_no, amount_yuan=contract // 3_000)
    at = ground.later(works.opened_at, _LATER)
    change = ground.case("EN5", village=works.village_code, at=at, chosen=chosen)
    change.steps.remove(change.step("EN5-06"))
    for step in change.steps:
        step.papers = [paper for paper in step.papers if paper != "change_approval"]
    return Planted((works, change))


PLANTS = (
    Plant("just_below_the_limit", ("A047",), just_below_the_limit, may=("A078",)),
    Plant("changes_of_a_sixth", ("A056",), changes_of_a_sixth),
    Plant("change_never_approved", ("A038",), change_never_approved, may=("A008", "A016")),
)
