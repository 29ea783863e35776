"""What goes wrong with a village's assets and their income: rent unpaid, takings spent, one thing let twice."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from deploy.demo import leasing
from deploy.demo.cases import Draft
from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_PONDS = 3


def rent_half_paid(ground: Ground) -> Planted:
    """Less than half of the first year's rent comes in."""
    draft = ground.case("AS1", at=ground.moment(300))
    rent = draft.step("AS1-12").fields["annual_rent_fen"]
    draft.step("AS1-13").fields.update(received_fen=rent * 2 // 5, invoice_fen=rent * 2 // 5)
    return Planted((draft,), company=ground.winner_of(draft))


def takings_spent(ground: Ground) -> Planted:
    """Four tenths of a sale's proceeds never reach the bank."""
    draft = ground.case("AS3")
    received = draft.step("AS3-11").fields["received_fen"]
    receipt(ground, draft, "AS3-11", banked_fen=received * 6 // 10)
    return Planted((draft,))


def takings_kept(ground: Ground) -> Planted:
    """Rent for which a receipt was given lies with the clerk for weeks."""
    draft = ground.case("AS1")
    day = local_day(draft.step("AS1-13").at)
    receipt(ground, draft, "AS1-13", banked_on=day + timedelta(days=30))
    return Planted((draft,))


def let_twice(ground: Ground) -> Planted:
    """One workshop is let to two firms for the same years."""
    village, at = ground.village(), ground.moment()
    first = ground.case("AS1", village=village, at=at)
    second = ground.case("AS1", village=village, at=ground.later(at, 20))
    second.put(**{name: first.step("AS1-01").fields[name] for name in ("asset_id", "quantity", "unit")})
    second.put(**{name: first.fields[name] for name in ("asset_name", "category", "location")})
    return Planted((first, second))


def let_off_the_books(ground: Ground) -> Planted:
    """An asset is let, time after time, that the register of assets does not have."""
    village = ground.village()
    like = ground.rng.choice(ground.county.villages[village].assets)
    hidden = like.model_copy(update={"id": f"{village}-X{ground.rng.randint(100, 999)}", "name": f"河边{like.kind}"})
    return Planted((ground.case("AS1", village=village, chosen=Chosen(asset=hidden)),))


def ponds_for_a_friend(ground: Ground) -> Planted:
    """One lessee has three ponds at half of what others pay for theirs."""
    at, friend = ground.moment(), ground.county.company("tenants")
    village = ground.village_for("ponds", at)
    lessees = [(friend, 0.5)] * _PONDS + [(ground.county.company("tenants"), 1.0) for _ in range(_PONDS)]
    drafts = tuple(
        pond(ground, village, ground.later(at, 12 * number), lessee, share)
        for number, (lessee, share) in enumerate(lessees)
    )
    return Planted(drafts, company=friend)


def let_to_another_by_the_register(ground: Ground) -> Planted:
    """An asset is let although the register of leases has it let to somebody else."""
    village, at = ground.village(), ground.moment()
    asset, sitting = ground.asset(village), ground.county.company("tenants")
    ground.county.register(leasing.lease(asset, sitting, local_day(at) - timedelta(days=30), 0.95))
    return Planted((ground.case("AS1", village=village, at=at, chosen=Chosen(asset=asset)),))


def third_pond_on_the_register(ground: Ground) -> Planted:
    """A lessee of two cheap ponds has a third one, of which only the register of leases tells."""
    drafts = ponds_beside_one(ground, 0.5, given_up=False)
    return Planted(drafts, company=ground.winner_of(drafts[0]))


def ponds_beside_one(ground: Ground, share: float, *, given_up: bool) -> tuple[Draft, ...]:
    """Two ponds at a share of their price beside a third that the register tells of, and three of others' at theirs."""
    at, friend = ground.moment(), ground.county.company("tenants")
    village, others = ground.village_for("ponds", at), [ground.county.company("tenants") for _ in range(_PONDS)]
    begins = local_day(at) - (leasing.TERM if given_up else timedelta(days=60))
    ground.county.register(leasing.lease(ground.pond(village), friend, begins, share))
    lessees = [(friend, share)] * (_PONDS - 1) + [(other, 1.0) for other in others]
    return tuple(
        pond(ground, village, ground.later(at, 12 * number), lessee, paid)
        for number, (lessee, paid) in enumerate(lessees)
    )


def pond(ground: Ground, village: str, at: datetime, lessee: Company, share: float) -> Draft:
    """A pond of ten mu, let to a lessee at a share of what ponds bring."""
    asset = ground.pond(village)
    others = ground.rng.sample(ground.county.market["tenants"], 3)
    yuan = round(share * leasing.fair_rent_fen(asset) / 100)
    chosen = Chosen(asset=asset, amount_yuan=yuan, bidders=[lessee, *others])
    return ground.case("AS1", village=village, at=at, chosen=chosen)


def receipt(ground: Ground, draft: Draft, node: str, **more: Any) -> None:
    """Put the receipt that a step tells of on the register."""
    step = draft.step(node)
    payer = draft.first_with("supplier_name")
    assert payer is not None
    ground.county.receipt(
        draft.village_code,
        step.fields["invoice_no"],
        payer.fields["supplier_name"],
        step.fields["received_fen"],
        local_day(step.at),
        **more,
    )
    if node == "AS1-13":
        _later_years(ground, draft, draft.step("AS1-12").fields)


def _later_years(ground: Ground, draft: Draft, lease: dict[str, Any]) -> None:
    """Rent goes on being paid, each year when it is due."""
    for year in count(1):
        day = lease["lease_from"] + timedelta(days=365 * year)
        if day >= lease["lease_to"] or day > ground.period.last_day:
            return
        number, payer = f"{lease['contract_no']}-{year + 1}", lease["supplier_name"]
        ground.county.receipt(
            draft.village_code, number, payer, lease["annual_rent_fen"], day, contract_no=lease["contract_no"]
        )


PLANTS = (
    Plant("rent_half_paid", ("A068",), rent_half_paid),
    Plant("takings_spent", ("A069",), takings_spent),
    Plant("takings_kept", ("A069",), takings_kept),
    Plant("let_twice", ("A073",), let_twice, may=("A122",)),
    Plant("let_off_the_books", ("A073",), let_off_the_books),
    Plant("let_to_another_by_the_register", ("A073",), let_to_another_by_the_register),
    Plant("third_pond_on_the_register", ("A089",), third_pond_on_the_register, may=("A122",)),
    Plant("ponds_for_a_friend", ("A089",), ponds_for_a_friend, may=("A122",)),
)
