"""The lists that honest forms hold beside each other, all in agreement: attendance, bank results, bills, audits.

They are made when a case is recorded, from what its steps say then; what a step holds already stays as it is.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from deploy.demo import pricing
from deploy.demo.cases import Draft, Step
from deploy.demo.people import People
from deploy.demo.schedule import local_day
from deploy.demo.words import WORDS
from shared.contracts.power import Attendance, BillLine, Grant, Payout

_MOST_REDUCED = 0.1
_LEAST_REDUCED = 0.01
_CLOSE_BY_M = 120
_WORKING_WEEK = 7 / 5
_SUMMED_UP = "LA1-06"
_TOTALS = ("submitted_fen", "change_fen", "budget_fen", "settlement_fen")


def complete(draft: Draft, people: People) -> Draft:
    """The draft with its lists."""
    sheets = _Sheets(draft, people)
    for step in draft.steps:
        asked = {use.name for use in step.node.form} - step.fields.keys()
        for name in (name for name in _MAKERS if name in asked):
            value = _MAKERS[name](sheets, step)
            if value is not None:
                step.fields[name] = value
    return draft


class _Sheets:
    def __init__(self, draft: Draft, people: People) -> None:
        self._draft = draft
        self._people = people
        self._rng = Random(draft.case_id)

    def attendance(self, step: Step) -> tuple[Attendance, ...] | None:
        """Casual labour is summed up once; work ended on the day of the sheet."""
        told = self._draft.first_with("workers")
        if told is None or (self._draft.flow.code == "LA1" and step.node.code != _SUMMED_UP):
            return None
        last = local_day(step.at)
        return tuple(
            Attendance(
                person_key=worker.person_key,
                name=worker.name,
                days=worker.days,
                first_on=last - timedelta(days=math.ceil(worker.days * _WORKING_WEEK)),
                last_on=last,
            )
            for worker in told.fields["workers"]
        )

    def payouts(self, step: Step) -> tuple[Payout, ...] | None:
        """The bank paid what the wage sheet, the list of relief or the decision says."""
        if told := self._draft.first_with("workers"):
            lines = [(worker.person_key, worker.name, worker.wage_fen) for worker in told.fields["workers"]]
        elif told := self._draft.first_with("grants"):
            lines = [(grant.person_key, grant.name, grant.amount_fen) for grant in told.fields["grants"]]
        elif "beneficiary_key" in step.fields:
            fields = step.fields
            lines = [(fields["beneficiary_key"], fields["beneficiary_name"], fields["payment_fen"])]
        else:
            return None
        return tuple(Payout(person_key=key, name=name, amount_fen=fen) for key, name, fen in lines)

    def grants(self, step: Step) -> tuple[Grant, ...] | None:
        """The list as it was first drawn up: aid shared evenly, what is left over to the last."""
        if earlier := self._draft.first_with("grants"):
            return tuple(earlier.fields["grants"])
        paid, counted = self._draft.first_with("payment_fen"), self._draft.first_with("headcount")
        if paid is None or counted is None:
            return None
        persons = [self._people.person() for _ in range(counted.fields["headcount"])]
        share, rest = divmod(paid.fields["payment_fen"], len(persons))
        return tuple(
            Grant(person_key=person.key, name=person.name, amount_fen=share + (rest if person is persons[-1] else 0))
            for person in persons
        )

    def submitted_fen(self, step: Step) -> int | None:
        """Somewhat more than the audit left of it."""
        settled = step.fields.get("settlement_fen")
        reduced = self._rng.uniform(_LEAST_REDUCED, _MOST_REDUCED)
        return None if settled is None else round(settled / (1 - reduced))

    def auditor_name(self, step: Step) -> str:
        """One of the county's cost consultants."""
        return str(self._rng.choice(WORDS["auditors"]))

    def bill(self, step: Step) -> tuple[BillLine, ...] | None:
        """The main item, at a fair price where the library knows one, and a remainder that makes the sum come out."""
        total = next((step.fields[name] for name in _TOTALS if step.fields.get(name)), None)
        if total is None:
            return None
        if library := pricing.bill(str(self._draft.fields.get("category", "")), total, self._rng):
            return library
        quantity = self._rng.randint(5, 40)
        price = total * 6 // 10 // quantity
        rest = total - quantity * price
        return (
            BillLine(name="主材", quantity=quantity, unit_price_fen=price, amount_fen=quantity * price),
            BillLine(name="人工及其他", quantity=1, unit_price_fen=rest, amount_fen=rest),
        )

    def measured_quantity(self, step: Step) -> float | None:
        """What was claimed, within the accuracy of a tape."""
        claimed = step.fields.get("quantity")
        return None if claimed is None else round(claimed * self._rng.uniform(0.985, 1.015), 1)

    def stamped_away_m(self, step: Step) -> int:
        """In the office or its yard."""
        return self._rng.randint(0, _CLOSE_BY_M)


# In this order, as some rest on others.
_MAKERS: dict[str, Callable[[_Sheets, Step], Any]] = {
    "attendance": _Sheets.attendance,
    "grants": _Sheets.grants,
    "payouts": _Sheets.payouts,
    "measured_quantity": _Sheets.measured_quantity,
    "submitted_fen": _Sheets.submitted_fen,
    "auditor_name": _Sheets.auditor_name,
    "bill": _Sheets.bill,
    "stamped_away_m": _Sheets.stamped_away_m,
}
