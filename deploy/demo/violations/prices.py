"""Prices that are out of line: one offer far below four that lie close, dear items, low rents, round sums."""

from datetime import date, datetime, timedelta

from deploy.demo import leasing, pricing
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.collusion import rewrite
from deploy.demo.violations.ground import Ground, Plant, Planted
from deploy.demo.words import WORDS
from shared import regions
from shared.contracts.reference import Asset

_LONE = (1.0, 1.1213, 1.1279, 1.1342, 1.1437)
_DEAR = 1.45
_CHEAP = 0.5
_COMMON = 8
_ROUND = 34
_DAYS_BETWEEN = 5


def lone_winner(ground: Ground) -> Planted:
    """One low offer, and four others within two per cent of each other."""
    firms = ground.rng.sample(ground.county.market["works"], len(_LONE))
    draft = ground.case("EN2", chosen=Chosen(bidders=firms))
    lowest = ground.bids_of(draft)[0].price_fen
    rewrite(draft, lambda at, bid: bid.model_copy(update={"price_fen": round(lowest * _LONE[at])}))
    return Planted((draft,))


def dear_item(ground: Ground) -> Planted:
    """The main item of the works is billed at half as much again as the price library says."""
    kind = "道路硬化"
    draft = ground.case("EN2", chosen=Chosen(kind=kind))
    item, _, yuan = WORDS["prices"][kind]
    step = draft.step("EN2-06")
    step.fields["bill"] = pricing.of_price(item, round(yuan * 100 * _DEAR), step.fields["budget_fen"])
    return Planted((draft,))


def half_the_rent(ground: Ground) -> Planted:
    """A lease at half of what its kind brings, with reserve and offers to match; the town has many like it."""
    like = _common_asset(ground)
    village = like.village_code
    asset = ground.county.asset(village, like.kind, quantity=like.quantity or 1, unit=like.unit or "")
    yuan = round(leasing.fair_rent_fen(asset) * _CHEAP / 100)
    return Planted((ground.case("AS1", village=village, chosen=Chosen(asset=asset, amount_yuan=yuan)),))


def _common_asset(ground: Ground) -> Asset:
    """An asset of the next village that has one with many alike in its town."""
    while True:
        village = ground.village()
        for asset in ground.county.villages[village].assets:
            if _alike(ground, asset) >= _COMMON:
                return asset


def _alike(ground: Ground, asset: Asset) -> int:
    """How many other assets of the town are of its kind and about its size."""
    town, size = regions.town_of(asset.village_code), asset.quantity or 0
    others = (other for village in regions.villages(town) for other in ground.county.villages[village.code].assets)
    return sum(
        other.kind == asset.kind and size / 2 <= (other.quantity or 0) <= size * 2 and other.id != asset.id
        for other in others
    )


def round_sums(ground: Ground) -> Planted:
    """Thirty-four petty purchases of a village and a year, all in whole hundreds of yuan."""
    village = ground.village()
    first = _room_in_a_year(ground)
    drafts: tuple[Draft, ...] = tuple(
        ground.case(
            "PR1",
            village=village,
            at=ground.later(first, _DAYS_BETWEEN * number),
            chosen=Chosen(amount_yuan=100 * ground.rng.randint(2, 9)),
        )
        for number in range(_ROUND)
    )
    return Planted(drafts)


def _room_in_a_year(ground: Ground) -> datetime:
    """A beginning after which they all fit into one year."""
    since = local_day(ground.period.since)
    span = timedelta(days=_DAYS_BETWEEN * _ROUND + 40)
    days = 5 if since + span <= date(since.year, 12, 31) else (date(since.year + 1, 1, 4) - since).days
    return ground.later(ground.period.since, days)


PLANTS = (
    Plant("lone_winner", ("A120",), lone_winner),
    Plant("dear_item", ("A121",), dear_item),
    Plant("half_the_rent", ("A122",), half_the_rent),
    Plant("round_sums", ("A123",), round_sums),
)
