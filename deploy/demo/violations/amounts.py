"""Sums that cannot stand: over a limit, over the award, over the contract; too few bidders or votes."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted


def tender_avoided(ground: Ground) -> Planted:
    """Works of 96,000 yuan are given away as micro works."""
    return Planted((ground.case("EN1", chosen=Chosen(amount_yuan=96_000)),))


def petty_purchase_too_large(ground: Ground) -> Planted:
    """A petty purchase of 8,800 yuan."""
    return Planted((ground.case("PR1", chosen=Chosen(amount_yuan=8_800)),))


def single_bidder(ground: Ground) -> Planted:
    """A competition with one bidder, who wins."""
    draft = ground.case("EN2")
    draft.put(bids=ground.bids_of(draft)[:1])
    return Planted((draft,))


def contract_over_award(ground: Ground) -> Planted:
    """The contract is 12 % above the award."""
    draft = ground.case("EN2")
    contract = draft.step("EN2-10").fields
    contract["contract_fen"] = round(contract["contract_fen"] * 1.12)
    return Planted((draft,))


def settlement_over_contract(ground: Ground) -> Planted:
    """Settled and paid 15 % above the contract, without a change on record."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-12").fields
    above = round(draft.step("EN2-10").fields["contract_fen"] * 1.15)
    fields.update(settlement_fen=above, payment_fen=above, invoice_fen=above)
    return Planted((draft,))


def overpaid(ground: Ground) -> Planted:
    """Paid a fifth above what was settled and contracted."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-12").fields
    fields["payment_fen"] = round(draft.step("EN2-10").fields["contract_fen"] * 1.2)
    return Planted((draft,))


def quorum_missed(ground: Ground) -> Planted:
    """Half of the representatives were there."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-04").fields
    present = fields["attendees_due"] // 2
    fields.update(attendees_present=present, votes_for=present - 1, votes_against=1)
    return Planted((draft,))


def below_reserve(ground: Ground) -> Planted:
    """An asset is let far below its reserve price."""
    draft = ground.case("AS1")
    award = draft.step("AS1-10").fields["award_fen"]
    draft.put(reserve_fen=round(award * 1.3), appraisal_fen=round(award * 1.3))
    return Planted((draft,))


def endless_lease(ground: Ground) -> Planted:
    """An asset is let for thirty years."""
    draft = ground.case("AS1", relet=False)
    begins = draft.step("AS1-12").fields["lease_from"]
    draft.put(lease_to=begins + timedelta(days=30 * 366))
    return Planted((draft,))


def paid_to_another(ground: Ground) -> Planted:
    """The payee is not the company that was chosen."""
    draft = ground.case("EN1")
    other = ground.county.company("goods")
    draft.step("EN1-08").fields.update(payee_name=other.name, payee_account_key=other.account)
    return Planted((draft,))


def never_appraised(ground: Ground) -> Planted:
    """An asset is sold and nobody ever appraised it."""
    draft = ground.case("AS3")
    for step in draft.steps:
        step.fields.pop("appraisal_fen", None)
        step.papers = [paper for paper in step.papers if paper != "appraisal"]
    return Planted((draft,))


PLANTS = (
    Plant("tender_avoided", ("A045",), tender_avoided),
    Plant("petty_purchase_too_large", ("A046",), petty_purchase_too_large),
    Plant("single_bidder", ("A048",), single_bidder),
    Plant("contract_over_award", ("A061",), contract_over_award),
    Plant("settlement_over_contract", ("A062",), settlement_over_contract),
    Plant("overpaid", ("A063",), overpaid, may=("A064",)),
    Plant("quorum_missed", ("A050",), quorum_missed),
    Plant("endless_lease", ("A051",), endless_lease),
    Plant("paid_to_another", ("A064",), paid_to_another),
    Plant("never_appraised", ("A036",), never_appraised),
    Plant("below_reserve", ("A070",), below_reserve),
)
