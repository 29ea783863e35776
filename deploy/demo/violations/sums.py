"""Lists and sums of one case that contradict each other: claimed and measured, paid and seen, granted and paid."""

from typing import Any

from deploy.demo import sheets
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import BillLine, Payout, Worker

_AUDITS = 4


def measured_short(ground: Ground) -> Planted:
    """A fifth of what was claimed is not there."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-11").fields
    fields["measured_quantity"] = round(fields["quantity"] * 0.8, 1)
    return Planted((draft,))


def days_invented(ground: Ground) -> Planted:
    """A worker is paid for six days more than he was seen."""
    draft = _completed(ground, ground.case("LA1", chosen=_crew(ground)))
    _change(draft, "LA1-06", "attendance", lambda line: line.model_copy(update={"days": max(0.0, line.days - 6)}))
    return Planted((draft,))


def lump_of_days(ground: Ground) -> Planted:
    """Sixty days of one worker stand on one monthly sheet."""
    draft = ground.case("LA1", chosen=_crew(ground))
    told: tuple[Worker, ...] = draft.step("LA1-06").fields["workers"]
    first = told[0].model_copy(update={"days": 60.0})
    draft.put(workers=(first, *told[1:]))
    return Planted((draft,))


def bank_pays_another(ground: Ground) -> Planted:
    """The bank's list has wages for somebody who isn't on the sheet, and one line goes to another's account."""
    draft = _completed(ground, ground.case("LA1", chosen=_crew(ground)))
    stranger = ground.county.people.person()
    first, *others = draft.step("LA1-08").fields["payouts"]
    diverted = first.model_copy(update={"holder": stranger.name})
    added = Payout(person_key=stranger.key, name=stranger.name, amount_fen=first.amount_fen)
    draft.step("LA1-08").fields["payouts"] = (diverted, *others, added)
    return Planted((draft,), person=stranger)


def bill_too_high(ground: Ground) -> Planted:
    """The lines of a bill come to less than its total."""
    draft = ground.case("PR2")
    fields = draft.step("PR2-09").fields
    part = fields["settlement_fen"] * 9 // 10
    fields["bill"] = (BillLine(name="货物", quantity=1, unit_price_fen=part, amount_fen=part),)
    return Planted((draft,))


def aid_to_a_stranger(ground: Ground) -> Planted:
    """Aid goes to somebody in the place of one who stands on the list."""
    draft = _completed(ground, ground.case("RE3"))
    stranger = ground.county.people.person()
    first, *others = draft.step("RE3-06").fields["payouts"]
    instead = first.model_copy(update={"person_key": stranger.key, "name": stranger.name})
    draft.step("RE3-06").fields["payouts"] = (instead, *others)
    return Planted((draft,), person=stranger)


def relief_raised(ground: Ground) -> Planted:
    """More relief is paid than was decided."""
    draft = ground.case("RE2")
    draft.step("RE2-07").fields["payment_fen"] += 60_000
    return Planted((draft,))


def audit_took_much(ground: Ground) -> Planted:
    """The audit takes a third off what the contractor asked for."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-12").fields
    fields["submitted_fen"] = round(fields["settlement_fen"] * 1.5)
    return Planted((draft,))


def auditor_took_nothing(ground: Ground) -> Planted:
    """One consultant passes four settlements in a row just as they were submitted."""
    name = f"嘉善顺风造价咨询第{ground.rng.randint(100, 999)}分部"
    first = ground.moment()
    drafts = tuple(ground.case("EN2", at=ground.later(first, 9 * number)) for number in range(_AUDITS))
    for draft in drafts:
        fields = draft.step("EN2-12").fields
        fields.update(auditor_name=name, submitted_fen=fields["settlement_fen"])
    return Planted(drafts)


def _crew(ground: Ground) -> Chosen:
    """Two workers of a bit more than a week each."""
    people = ground.county.people
    return Chosen(workers=[people.person(), people.person()], amount_yuan=2_900)


def _completed(ground: Ground, draft: Draft) -> Draft:
    return sheets.complete(draft, ground.county.people)


def _change(draft: Draft, node: str, name: str, change: Any) -> None:
    first, *others = draft.step(node).fields[name]
    draft.step(node).fields[name] = (change(first), *others)


PLANTS = (
    Plant("measured_short", ("A065",), measured_short),
    Plant("days_invented", ("A066",), days_invented),
    Plant("lump_of_days", ("A066",), lump_of_days),
    Plant("bank_pays_another", ("A067",), bank_pays_another),
    Plant("bill_too_high", ("A071",), bill_too_high),
    Plant("aid_to_a_stranger", ("A072",), aid_to_a_stranger),
    Plant("relief_raised", ("A072",), relief_raised),
    Plant("audit_took_much", ("A074",), audit_took_much),
    Plant("auditor_took_nothing", ("A074",), auditor_took_nothing),
)
