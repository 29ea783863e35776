"""The figures of a form by which papers are held against each other: its amounts and days, and sums of its lists. Pure.

Money is fen, a day its ordinal, so that all of them compare as numbers.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from shared.contracts.power import NodeFields

YUAN = 100
_PERCENT = 100
_DAYS_OF_YEAR, _MONTHS = 365.25, 12
# Days on which something has happened by the time that it is filed.
FACTS = (
    *("contract_signed_on", "meeting_on", "visited_on", "invoiced_on", "banked_on", "bond_returned_on"),
    "finished_on",
)
COUNTS = ("household_size", "headcount", "copies", "contract_days", "attendees_due")
# What a bill may be the breakdown of.
_BILLED = ("settlement_fen", "submitted_fen", "change_fen", "budget_fen")
Figures = Mapping[str, int | float]


def figures_of(form: NodeFields) -> dict[str, int | float]:
    """What a form says in figures; those that it doesn't tell are left out."""
    given = ((name, getattr(form, name)) for name in form.model_fields_set)
    own = {name: _number(value) for name, value in given if isinstance(value, int | float | date)}
    made = {name: figure for name, make in MADE.items() if (figure := make(form)) is not None}
    return {**own, **made}


def _number(value: float | date) -> int | float:
    return value.toordinal() if isinstance(value, date) else value


def _last_fact(form: NodeFields) -> int | None:
    return max((day.toordinal() for name in FACTS if (day := getattr(form, name))), default=None)


def _least_count(form: NodeFields) -> int | None:
    return min((count for name in COUNTS if (count := getattr(form, name)) is not None), default=None)


def _offer(form: NodeFields) -> int | None:
    return next((bid.price_fen for bid in form.bids if bid.company_id == form.supplier_id), None)


def _winner_offers(form: NodeFields) -> int | None:
    if not form.bids or not form.supplier_id:
        return None
    return sum(bid.company_id == form.supplier_id for bid in form.bids)


def _rent(form: NodeFields) -> int | None:
    """Rent over the whole term, rising by the step from year to year."""
    if form.annual_rent_fen is None or form.lease_from is None or form.lease_to is None:
        return None
    years = ((form.lease_to - form.lease_from).days + 1) / _DAYS_OF_YEAR
    step = 1 + (form.rent_step_pct or 0) / _PERCENT
    whole = int(years)
    rents = [form.annual_rent_fen * step**year for year in range(whole + 1)]
    return round(sum(rents[:whole]) + rents[whole] * (years - whole))


def _month_rent(form: NodeFields) -> int | None:
    """A month's rent, the last and highest: what a term of whole months may differ by."""
    if form.annual_rent_fen is None or form.lease_from is None or form.lease_to is None:
        return None
    years = (form.lease_to - form.lease_from).days // round(_DAYS_OF_YEAR)
    return round(form.annual_rent_fen * (1 + (form.rent_step_pct or 0) / _PERCENT) ** years / _MONTHS)


def _total(amounts: Iterable[int]) -> int | None:
    listed = list(amounts)
    return sum(listed) if listed else None


def _wages_off(form: NodeFields) -> int | None:
    """The most by which a wage differs from its days times its rate, of the lines that tell a rate."""
    rated = ((line, line.day_rate_fen) for line in form.workers)
    off = (abs(round(line.days * rate) - line.wage_fen) for line, rate in rated if rate is not None)
    return max(off, default=None)


def _bill_lines_off(form: NodeFields) -> int | None:
    off = (abs(round(line.quantity * line.unit_price_fen) - line.amount_fen) for line in form.bill)
    return max(off, default=None)


def _bill_total_off(form: NodeFields) -> int | None:
    """By how much the lines miss the nearest amount that they may break down."""
    stated = [amount for name in _BILLED if (amount := getattr(form, name)) is not None]
    total = sum(line.amount_fen for line in form.bill)
    return min(abs(total - amount) for amount in stated) if form.bill and stated else None


MADE: Mapping[str, Callable[[NodeFields], int | None]] = {
    "last_fact_on": _last_fact,
    "least_count": _least_count,
    "offer_fen": _offer,
    "winner_offers": _winner_offers,
    "rent_fen": _rent,
    "month_rent_fen": _month_rent,
    "wages_fen": lambda form: _total(line.wage_fen for line in form.workers),
    "granted_fen": lambda form: _total(line.amount_fen for line in form.grants),
    "paid_out_fen": lambda form: _total(line.amount_fen for line in form.payouts if not line.rejected),
    "wages_off_fen": _wages_off,
    "bill_lines_off_fen": _bill_lines_off,
    "bill_total_off_fen": _bill_total_off,
}
# In which field a made figure stands, for a refusal to name it.
STANDS_IN: Mapping[str, str] = {
    "offer_fen": "bids",
    "winner_offers": "supplier_id",
    "rent_fen": "annual_rent_fen",
    "wages_fen": "workers",
    "granted_fen": "grants",
    "paid_out_fen": "payouts",
    "wages_off_fen": "workers",
    "bill_lines_off_fen": "bill",
    "bill_total_off_fen": "bill",
}
