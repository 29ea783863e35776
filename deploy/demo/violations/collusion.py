"""Bidders who are no rivals: one desk, one purse, one owner, prices by rule, and a ring that meets again and again."""

from collections.abc import Callable, Sequence
from functools import partial

from deploy.demo.cases import Draft
from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import Bid

_RING_CASES = 6
_CLOSE = (1.0, 1.0041, 1.0127, 1.0176)


def same_traces(ground: Ground, *, traces: Sequence[str]) -> Planted:
    """Two rivals' bids carry one telephone, address, machine or bond account."""
    draft = ground.case("EN2")
    first = ground.bids_of(draft)[0]
    shared = {trace: getattr(first, trace) for trace in traces}
    rewrite(draft, lambda at, bid: bid.model_copy(update=shared) if at == 1 else bid)
    return Planted((draft,))


def same_owner(ground: Ground) -> Planted:
    """Two bidders have one legal representative."""
    owner = ground.county.people.person()
    ours = [ground.county.company("works", owner), ground.county.company("works", owner)]
    others = ground.rng.sample(ground.county.market["works"], 2)
    draft = ground.case("EN2", chosen=Chosen(bidders=[*ours, *others]))
    return Planted((draft,), person=owner)


def even_prices(ground: Ground) -> Planted:
    """All prices lie one and the same step apart."""
    draft = ground.case("EN2")
    bids = ground.bids_of(draft)
    step = round(bids[0].price_fen * 0.02)
    rewrite(draft, lambda at, bid: bid.model_copy(update={"price_fen": bids[0].price_fen + at * step}))
    return Planted((draft,))


def close_prices(ground: Ground) -> Planted:
    """Four prices within two percent of each other."""
    firms = ground.rng.sample(ground.county.market["works"], 4)
    draft = ground.case("EN2", chosen=Chosen(bidders=firms))
    lowest = ground.bids_of(draft)[0].price_fen
    rewrite(draft, lambda at, bid: bid.model_copy(update={"price_fen": round(lowest * _CLOSE[at])}))
    return Planted((draft,))


def ring(ground: Ground) -> Planted:
    """Four firms bid together over and over, in different villages, and the same one wins."""
    firms: list[Company] = [ground.county.company("works") for _ in range(4)]
    first = ground.moment()
    drafts = tuple(
        ground.case("EN2", at=ground.later(first, 12 * number), chosen=Chosen(bidders=firms))
        for number in range(_RING_CASES)
    )
    return Planted(drafts, company=firms[0])


def rewrite(draft: Draft, change: Callable[[int, Bid], Bid]) -> None:
    """Change every offer of a case, by its place and itself."""
    for step in draft.steps:
        if "bids" in step.fields:
            step.fields["bids"] = tuple(change(at, bid) for at, bid in enumerate(step.fields["bids"]))


PLANTS = (
    Plant("same_phone", ("A108",), partial(same_traces, traces=("contact_phone_key", "contact_phone_tail"))),
    Plant("same_ip", ("A109",), partial(same_traces, traces=("ip_key",))),
    Plant("same_device", ("A109",), partial(same_traces, traces=("device_key",))),
    Plant("same_bond_account", ("A110",), partial(same_traces, traces=("bond_account_key",))),
    Plant("same_owner", ("A111",), same_owner),
    Plant("even_prices", ("A118",), even_prices, may=("A119", "A120")),
    Plant("close_prices", ("A119",), close_prices, may=("A118", "A120")),
    Plant("ring", ("A113",), ring, may=("A075",)),
)
