"""Deeds done first and decided afterwards: purchases, changes, leases, and tenders opened back to front."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted


def bought_first(ground: Ground) -> Planted:
    """A petty purchase is invoiced four days before anybody asked for it."""
    draft = ground.case("PR1")
    draft.put(invoiced_on=local_day(draft.opened_at) - timedelta(days=4))
    return Planted((draft,))


def delivered_first(ground: Ground) -> Planted:
    """The goods stand in the store before the committees have met."""
    draft = ground.case("PR2")
    draft.step("PR2-08").fields["finished_on"] = draft.step("PR2-02").fields["meeting_on"] - timedelta(days=5)
    return Planted((draft,))


def late_bid_wins(ground: Ground) -> Planted:
    """The winner hands in his bid two hours after the opening."""
    draft = ground.case("EN3")
    winner, *others = ground.bids_of(draft)
    after = draft.step("EN3-10").at + timedelta(hours=2)
    draft.put(bids=(winner.model_copy(update={"submitted_at": after}), *others))
    return Planted((draft,))


def evaluated_before_opening(ground: Ground) -> Planted:
    """The evaluation report is older than the opening of the bids."""
    draft = ground.case("EN3")
    opened, evaluated = draft.step("EN3-10"), draft.step("EN3-11")
    opened.at, evaluated.at = evaluated.at, opened.at
    return Planted((draft,))


def change_built_first(ground: Ground) -> Planted:
    """A change is built twelve days before the town approves it."""
    works = ground.case("EN2")
    at, chosen = ground.later(works.opened_at, 60), Chosen(related_case_no=works.case_no)
    change = ground.case("EN5", village=works.village_code, at=at, chosen=chosen)
    approved = local_day(change.step("EN5-06").at)
    change.step("EN5-08").fields["started_on"] = approved - timedelta(days=12)
    return Planted((change,))


def let_before_bidding(ground: Ground) -> Planted:
    """The lessee sits in the house six weeks before the bidding for it."""
    draft = ground.case("AS1")
    draft.step("AS1-12").fields["lease_from"] = local_day(draft.step("AS1-10").at) - timedelta(days=42)
    return Planted((draft,))


def let_without_bidding(ground: Ground) -> Planted:
    """A lease is signed and no transaction was ever announced."""
    draft = ground.case("AS1")
    for code in ("AS1-09", "AS1-10", "AS1-11"):
        draft.steps.remove(draft.step(code))
    return Planted((draft,))


PLANTS = (
    Plant("bought_first", ("A004",), bought_first),
    Plant("delivered_first", ("A004",), delivered_first, may=("A019",)),
    Plant("late_bid_wins", ("A007",), late_bid_wins),
    Plant("evaluated_before_opening", ("A007",), evaluated_before_opening, may=("A016",)),
    Plant("change_built_first", ("A008",), change_built_first),
    Plant("let_before_bidding", ("A009",), let_before_bidding),
    Plant("let_without_bidding", ("A009",), let_without_bidding, may=("A016",)),
)
