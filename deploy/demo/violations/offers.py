"""Offers that had no chance: too little time to hand them in, turned down without a ground, bonds beyond the law."""

from datetime import timedelta

from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import Bid

_DAYS_OF_A_LARGE_WORK = 420


def opened_next_day(ground: Ground) -> Planted:
    """Competitive offers are opened the day after the notice."""
    draft = ground.case("EN2")
    notice = draft.step("EN2-08")
    draft.moved("EN2-09", notice.at + timedelta(hours=22))
    return Planted((draft,))


def rivals_turned_down(ground: Ground) -> Planted:
    """All but the winner are turned down, without a reason."""
    draft = ground.case("EN2")
    winner, *others = ground.bids_of(draft)
    draft.put(bids=(winner, *(bid.model_copy(update={"valid": False}) for bid in others)))
    return Planted((draft,))


def lowest_turned_down(ground: Ground) -> Planted:
    """The lowest of five offers is turned down because it "does not suit"."""
    draft = ground.case("EN3", at=ground.moment(_DAYS_OF_A_LARGE_WORK))
    company = ground.county.company("works")
    winner = ground.bids_of(draft)[0]
    draft.put(bids=(*ground.bids_of(draft), _cheaper(winner, company.id, company.name)))
    return Planted((draft,))


def _cheaper(winner: Bid, id: str, name: str) -> Bid:
    return Bid(
        company_id=id,
        company_name=name,
        price_fen=round(winner.price_fen * 0.871),
        submitted_at=winner.submitted_at,
        valid=False,
        reject_reason="不合适",
    )


def bond_too_high(ground: Ground) -> Planted:
    """Bidders must put down five per cent."""
    draft = ground.case("EN3", at=ground.moment(_DAYS_OF_A_LARGE_WORK))
    draft.put(bid_bond_fen=round(draft.step("EN3-09").fields["ceiling_price_fen"] * 0.05))
    return Planted((draft,))


def bonds_kept(ground: Ground) -> Planted:
    """The bidders' bonds come back three weeks after the contract."""
    draft = ground.case("EN3", at=ground.moment(_DAYS_OF_A_LARGE_WORK))
    signed = draft.step("EN3-13").fields["contract_signed_on"]
    draft.put(bond_returned_on=signed + timedelta(days=21))
    return Planted((draft,))


PLANTS = (
    Plant("opened_next_day", ("A049",), opened_next_day, may=("A024", "A007", "A016")),
    Plant("rivals_turned_down", ("A055",), rivals_turned_down, may=("A048",)),
    Plant("lowest_turned_down", ("A055",), lowest_turned_down),
    Plant("bond_too_high", ("A054",), bond_too_high),
    Plant("bonds_kept", ("A054",), bonds_kept),
)
