"""Money that goes by hand: paid out in cash, kept in the box, or taken in and never banked."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted

_CASH = "现金"


def purchase_in_cash(ground: Ground) -> Planted:
    """A purchase of 3,600 yuan is paid in cash."""
    draft = ground.case("PR1", chosen=Chosen(amount_yuan=3_600))
    draft.put(payment_method=_CASH)
    return Planted((draft,))


def two_payments_on_a_day(ground: Ground) -> Planted:
    """A shop is paid 700 yuan twice on one day, in cash."""
    village, at = ground.village(), ground.moment()
    first = ground.case("PR1", village=village, at=at, chosen=Chosen(amount_yuan=700))
    second = ground.case("PR1", village=village, at=at, chosen=Chosen(amount_yuan=710))
    payee = first.step("PR1-05").fields["payee_name"]
    paid_at = max(draft.step("PR1-05").at for draft in (first, second))
    for draft in (first, second):
        draft.put(payment_method=_CASH, payee_name=payee)
        draft.moved("PR1-05", paid_at)
        draft.moved("PR1-06", paid_at + timedelta(hours=1))
    return Planted((first, second))


def works_in_cash(ground: Ground) -> Planted:
    """Works are paid in cash."""
    draft = ground.case("EN1")
    draft.put(payment_method=_CASH)
    return Planted((draft,))


def box_too_full(ground: Ground) -> Planted:
    """The clerk keeps 8,300 yuan in the box."""
    draft = ground.case("PR1")
    draft.put(cash_balance_fen=830_000)
    return Planted((draft,))


def rent_never_banked(ground: Ground) -> Planted:
    """Rent is taken in cash and never banked."""
    draft = ground.case("AS1")
    rent = draft.step("AS1-13").fields
    rent["payment_method"] = _CASH
    del rent["banked_on"]
    return Planted((draft,))


PLANTS = (
    Plant("purchase_in_cash", ("A052",), purchase_in_cash),
    Plant("two_payments_on_a_day", ("A052",), two_payments_on_a_day, may=("A064", "A016")),
    Plant("works_in_cash", ("A052",), works_in_cash),
    Plant("box_too_full", ("A053",), box_too_full),
    Plant("rent_never_banked", ("A053",), rent_never_banked),
)
