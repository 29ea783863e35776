"""Prices that are out of line: one offer far below four that lie close, dear items, low rents, round sums."""

from datetime import date, datetime, timedelta

from deploy.demo import pricing
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.collusion import rewrite
from deploy.demo.violations.ground import Ground, Plant, Planted
from deploy.demo.words import WORDS
from shared import regions

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
    draft = ground.case("AS1")
    while _alike(ground, draft) < _COMMON:
        draft = ground.case("AS1")
    for step in draft.steps:
        for name in ("annual_rent_fen", "award_fen", "reserve_fen", "appraisal_fen", "received_fen", "invoice_fen"):
            if name in step.fields:
                step.fields[name] = round(step.fields[name] * _CHEAP)
    rewrite(draft, lambda at, bid: bid.model_copy(update={"price_fen": round(bid.price_fen * _CHEAP)}))
    return Planted((draft,))


def _alike(ground: Ground, draft: Draft) -> int:
    """How many other assets of the town are of the kind and about the size of the one that is let."""
    told = draft.step("AS1-01").fields
    town = regions.town_of(draft.village_code)
    assets = (asset for village in regions.villages(town) for asset in ground.county.villages[village.code].assets)
    return sum(
        asset.kind == draft.fields["category"] and told["quantity"] / 2 <= (asset.quantity or 0) <= told["quantity"] * 2
        for asset in assets
        if asset.id != told["asset_id"]
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
    Plant("round_sums", ("A123",), round_sums, may=("A047", "A076", "A077", "A078")),
)
