"""Sums beyond the scale or the budget: relief above what the rules give, and spending that nobody approved."""

from deploy.demo.details import LIVING_STANDARD_FEN
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_ENTERTAINMENT = "公务接待用餐"


def relief_above_the_cap(ground: Ground) -> Planted:
    """Temporary relief of 15,000 yuan."""
    return Planted((ground.case("RE2", chosen=Chosen(amount_yuan=15_000)),))


def paid_by_the_town_alone(ground: Ground) -> Planted:
    """The town pays 6,000 yuan and never asks the county."""
    draft = ground.case("RE2", chosen=Chosen(amount_yuan=6_000))
    draft.steps.remove(draft.step("RE2-06"))
    return Planted((draft,))


def not_poor_enough(ground: Ground) -> Planted:
    """A household that earns more than the standard gets the allowance."""
    draft = ground.case("RE1")
    size = draft.step("RE1-01").fields["household_size"]
    draft.put(household_income_fen=size * LIVING_STANDARD_FEN * 14, relief_fen=40_000)
    return Planted((draft,))


def meals_over_budget(ground: Ground) -> Planted:
    """Meals for guests come to 7,000 yuan, with 4,000 in the budget."""
    village, at = ground.village(), ground.moment()
    draft = ground.case("PR2", village=village, at=at, chosen=Chosen(kind=_ENTERTAINMENT, amount_yuan=7_000))
    year = local_day(draft.step("PR2-09").at).year
    ground.county.budget(village, "公务接待", 4_000, year, words=("接待", "招待"))
    return Planted((draft,))


def travel_without_a_budget(ground: Ground) -> Planted:
    """A journey for 6,200 yuan that no line of the budget knows."""
    return Planted((ground.case("PR2", chosen=Chosen(kind="外出考察服务", amount_yuan=6_200)),))


PLANTS = (
    Plant("relief_above_the_cap", ("A059",), relief_above_the_cap),
    Plant("paid_by_the_town_alone", ("A059",), paid_by_the_town_alone, may=("A026",)),
    Plant("not_poor_enough", ("A059",), not_poor_enough),
    Plant("meals_over_budget", ("A060",), meals_over_budget),
    Plant("travel_without_a_budget", ("A060",), travel_without_a_budget),
)
