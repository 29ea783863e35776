"""Bids as honest competitors hand them in, each from its own desk."""

import itertools
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from deploy.demo.companies import Company
from shared.contracts.power import Bid

_REGULAR_PERCENTS = (1, 3, 5, 10)
_CLEAR_OF = 0.25
_LOSERS_OF_A_SPREAD, _LONE_WINNER = 4, 4.5
_NATURAL_SPREAD = 0.045


def bids(
    bidders: Sequence[Company], winning_fen: int, before: datetime, rng: Random, *, rising: bool
) -> tuple[Bid, ...]:
    """One bid of each company: the first wins, with the lowest price, or the highest where prices are `rising`."""
    prices = _prices(len(bidders), winning_fen, rng, -1 if rising else 1)
    return tuple(
        bid(company, price, before - timedelta(hours=rng.randint(4, 70), minutes=rng.randint(0, 59)))
        for company, price in zip(bidders, prices, strict=True)
    )


def bid(company: Company, price_fen: int, at: datetime) -> Bid:
    """A company's own bid."""
    return Bid(
        company_id=company.id,
        company_name=company.name,
        price_fen=price_fen,
        submitted_at=at,
        contact_phone_key=company.phone,
        contact_phone_tail=company.phone_tail,
        ip_key=company.ip,
        device_key=company.device,
        bond_account_key=company.account,
        manager_key=company.partner.key if company.trade == "works" else None,
        manager_name=company.partner.name if company.trade == "works" else None,
    )


def _prices(count: int, winning_fen: int, rng: Random, direction: int) -> list[int]:
    while True:
        distances = sorted(rng.uniform(0.02, 0.22) for _ in range(count - 1))
        others = [round(winning_fen * (1 + direction * distance) / 100) * 100 + 37 * 100 for distance in distances]
        prices = [winning_fen, *others]
        if not _regular(prices):
            return prices


def _regular(prices: Sequence[int]) -> bool:
    """Whether prices look arranged: close together, one far from the rest, in even steps, by round percentages."""
    ordered = sorted(prices)
    gaps = [above - below for below, above in itertools.pairwise(ordered)]
    ratios = [above / below for below, above in itertools.pairwise(ordered)]
    even = any(abs(a - b) < 0.1 * max(a, b) for a, b in itertools.pairwise(gaps))
    geometric = any(abs(a - b) < 0.004 for a, b in itertools.pairwise(ratios))
    percents = [(above / below - 1) * 100 for i, below in enumerate(ordered) for above in ordered[i + 1 :]]
    round_percent = any(abs(percent - whole) < _CLEAR_OF for percent in percents for whole in _REGULAR_PERCENTS)
    losers = ordered[1:]
    spread = statistics.stdev(losers) if len(losers) >= _LOSERS_OF_A_SPREAD else 0.0
    apart = spread > 0 and ordered[1] - ordered[0] >= _LONE_WINNER * spread
    close = statistics.stdev(ordered) < _NATURAL_SPREAD * statistics.mean(ordered) if gaps else False
    return close or apart or even or geometric or round_percent or min(gaps, default=1) == 0
