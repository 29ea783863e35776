"""Money that a case brings in: rent as it falls due, and receipts as they reach the bank."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, the_case
from services.detector.registers import Need, contract_of
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, midnight
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Receipt
from shared.formats import yuan
from shared.workdays import add_working_days

_LEASES = ("AS1", "AS2")
_EARNING = ("AS", "RE")
_LEASE_SIGNED = ("AS1-12", "AS2-09")


def needs_of_receipts(facts: Iterable[Fact]) -> Iterator[Need]:
    """The receipts under the contract and the receipt numbers of a case that brings money in."""
    for fact in facts:
        if fact.data["matter"] in _EARNING:
            fields, village = fact.data.get("fields", {}), fact.data["village_code"]
            if fields.get("contract_no"):
                yield Need(Receipt.DATASET, "contract_no", contract_of(village, fields["contract_no"]))
            if fields.get("invoice_no"):
                yield Need(Receipt.DATASET, "receipt_no", contract_of(village, fields["invoice_no"]))


def _receipts(view: View) -> list[Receipt]:
    """The case's receipts, each once, by the day they were issued."""
    found = {
        receipt.id: receipt
        for need in needs_of_receipts(history(view).facts)
        for receipt in view.reference.all(Receipt, need.lookup, need.value)
    }
    return sorted(found.values(), key=lambda receipt: (receipt.issued_on, receipt.id))


@dataclass(frozen=True)
class RentDue:
    """Rent that has fallen due by now, a year at a time and in advance, against what was received.

    Where the register holds no receipt of the contract it may never be told of any: then only the first year counts,
    by what the case itself says was received.
    """

    years: int
    due_fen: int
    received_fen: int
    missing_fen: int
    step_pct: float
    last_due_at: datetime
    next_due_at: datetime
    known: bool


def _rent_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case = the_case(view)
    so_far = history(view)
    begins, ends = so_far.latest("lease_from"), so_far.latest("lease_to")
    if case.flow not in _LEASES or not case.annual_rent_fen or not case.contract_node or not begins or not ends:
        return
    receipts = _receipts(view)
    if case.withdrawn or (case.flow == "AS2" and not receipts):
        return
    terms = _due_days(date.fromisoformat(begins), date.fromisoformat(ends))
    payable = [midnight(day) + timedelta(days=int(params["grace_days"]) + 1) for day in terms]
    payable = payable if receipts else payable[:1]
    past = sum(moment <= view.now for moment in payable)
    step = float(so_far.latest("rent_step_pct") or 0)
    due = sum(round(case.annual_rent_fen * (1 + step / 100) ** year) for year in range(past))
    received = _received_fen(so_far, case.flow, receipts)
    rent = RentDue(
        years=past,
        due_fen=due,
        received_fen=received,
        missing_fen=max(due - received, 0),
        step_pct=step,
        last_due_at=payable[max(past - 1, 0)],
        next_due_at=payable[min(past, len(payable) - 1)],
        known=bool(receipts),
    )
    yield occasion(
        view,
        features={"rent": at_hand(rent)},
        occurred_at=max(case.opened_at, rent.last_due_at if past else case.opened_at),
        settled=past == len(payable),
        trail=lambda: tuple(_booked(receipts)),
    )


def _received_fen(so_far: History, flow: str, receipts: Sequence[Receipt]) -> int:
    """What the receipts tell, and the rent that the case itself holds where it isn't among them."""
    own = flow == "AS1" and (so_far.latest("invoice_no") or "") not in {receipt.receipt_no for receipt in receipts}
    return sum(receipt.amount_fen for receipt in receipts) + (so_far.total("received_fen") if own else 0)


@dataclass(frozen=True)
class Arrears:
    """The oldest year's rent of a lease of which nothing has been paid: `number` counts the years from 1."""

    number: int
    due_at: datetime
    due_fen: int
    days: int


def _arrears_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case, so_far = the_case(view), history(view)
    begins, ends = so_far.latest("lease_from"), so_far.latest("lease_to")
    signed = next((fact for fact in so_far.nodes if fact.data["node"] in _LEASE_SIGNED), None)
    if case.withdrawn or signed is None or not case.annual_rent_fen or not begins or not ends:
        return
    receipts = _receipts(view)
    days = [midnight(day) for day in _due_days(date.fromisoformat(begins), date.fromisoformat(ends))]
    if first := signed.data.get("next_due_at") if case.flow == "AS1" else None:
        days[0] = datetime.fromisoformat(first)
    step = float(so_far.latest("rent_step_pct") or 0)
    sums = [round(case.annual_rent_fen * (1 + step / 100) ** year) for year in range(len(days))]
    received = _received_fen(so_far, case.flow, receipts)
    # Without any receipt on record nothing is known of later years, nor of a renewal's first.
    known = len(days) if receipts else int(case.flow == "AS1")
    unpaid = next((year for year in range(known) if received <= sum(sums[:year])), None)
    if unpaid is None:
        return
    arrears = Arrears(unpaid + 1, days[unpaid], sums[unpaid], max(days_between(days[unpaid], view.now), 0))
    past = view.now > arrears.due_at
    yield occasion(
        view,
        features={"arrears": at_hand(arrears)},
        occurred_at=max(case.opened_at, arrears.due_at) if past else case.opened_at,
        trail=lambda: tuple(_booked(receipts)),
    )


ARREARS = Subject(
    "arrears",
    "每份租约最早一期未收的租金",
    "the oldest unpaid rent of each lease",
    frozenset({"case"}),
    {"case": Case, "arrears": Arrears},
    _arrears_occasions,
)


def _due_days(begins: date, ends: date) -> list[date]:
    """The first day of each year of a lease."""
    days = []
    for year in range(max(ends.year - begins.year, 0) + 1):
        leap = (begins.month, begins.day) == (2, 29)
        day = begins.replace(year=begins.year + year, day=28 if leap and year else begins.day)
        if day < ends or year == 0:
            days.append(day)
    return days


def _booked(receipts: Iterable[Receipt]) -> Iterator[Evidence]:
    for receipt in receipts:
        yield Evidence(
            label=Bilingual(zh="收据", en="Receipt"),
            value=f"{receipt.receipt_no} {receipt.issued_on} {yuan(receipt.amount_fen)}",
            source=f"receipts/{receipt.id}",
            occurred_at=midnight(receipt.issued_on),
        )


RENT_DUE = Subject(
    "rent_due",
    "每份租约的应收与实收租金",
    "rent due and received under a lease",
    frozenset({"case"}),
    {"case": Case, "rent": RentDue},
    _rent_occasions,
    {"grace_days": int},
)


@dataclass(frozen=True)
class Income:
    """A receipt of the village and what of it reached the bank, `banked` in words. `due_at` ends the term for it."""

    receipt_no: str
    payer: str
    amount_fen: int
    banked_fen: int
    spent_fen: int
    issued_on: datetime
    banked_on: datetime | None
    banked: str
    due_at: datetime
    known_at: datetime


def _income_occasions(view: View, params: Params) -> Iterator[Occasion]:
    if the_case(view).matter not in _EARNING:
        return
    for receipt in _receipts(view):
        income = _income(receipt, view.now, params)
        yield occasion(
            view,
            features={"income": at_hand(income)},
            occurred_at=max(the_case(view).opened_at, income.issued_on),
            settled=income.spent_fen == 0,
        )


def _income(receipt: Receipt, now: datetime, params: Params) -> Income:
    return Income(
        receipt_no=receipt.receipt_no,
        payer=receipt.payer,
        amount_fen=receipt.amount_fen,
        banked_fen=receipt.banked_fen,
        spent_fen=max(receipt.amount_fen - receipt.banked_fen, 0),
        issued_on=midnight(receipt.issued_on),
        banked_on=midnight(receipt.banked_on) if receipt.banked_on else None,
        banked=str(receipt.banked_on) if receipt.banked_on else "未到账 / not banked",
        due_at=add_working_days(midnight(receipt.issued_on) + timedelta(hours=12), int(params["bank_in_days"])),
        known_at=now,
    )


INCOME = Subject(
    "income",
    "案件收入的每张收据",
    "each receipt for a case's income",
    frozenset({"case"}),
    {"case": Case, "income": Income},
    _income_occasions,
    {"bank_in_days": int},
)
