"""Firms that meet again and again: two that take turns, and one that only loses."""

from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted

_TURNS = 8
_LOST = 9
_MAY = ("A075", "A113")


def two_take_turns(ground: Ground) -> Planted:
    """Two firms bid together eight times and win by turns, whoever else bids."""
    pair = [ground.county.company("works"), ground.county.company("works")]
    first = ground.moment(260)
    drafts = tuple(
        ground.case(
            "EN2",
            at=ground.later(first, 14 * number),
            chosen=Chosen(bidders=[*(pair if number % 2 == 0 else pair[::-1]), *_others(ground)]),
        )
        for number in range(_TURNS)
    )
    return Planted(drafts, company=pair[0])


def always_loses(ground: Ground) -> Planted:
    """A firm bids nine times beside the same winner and never wins."""
    winner, loser = ground.county.company("works"), ground.county.company("works")
    first = ground.moment(260)
    drafts = tuple(
        ground.case(
            "EN2", at=ground.later(first, 12 * number), chosen=Chosen(bidders=[winner, loser, *_others(ground)])
        )
        for number in range(_LOST)
    )
    return Planted(drafts, company=loser)


def _others(ground: Ground) -> list[Company]:
    return ground.rng.sample(ground.county.market["works"], 2)


PLANTS = (
    Plant("two_take_turns", ("A114",), two_take_turns, may=_MAY),
    Plant("always_loses", ("A115",), always_loses, may=_MAY),
)
