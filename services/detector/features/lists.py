"""The lists of one case held against each other: attendance and pay, pay and bank, bill and total, granted and paid."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion
from services.detector.subjects import Occasion, Params, Subject, View
from shared.formats import yuan


@dataclass(frozen=True)
class Gap:
    """Where two lists differ, in words, and by how much: days or yuan."""

    text: str
    size: float


@dataclass(frozen=True)
class PaidDays:
    """Days paid against days confirmed on the spot, a worker at a time. `longest` is the most days of one worker."""

    gaps: tuple[Gap, ...]
    longest: float


@dataclass(frozen=True)
class BankLines:
    """The bank's lines against the wage sheet, the accounts that are another's, and the lines sent back."""

    gaps: tuple[Gap, ...]
    others: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """Sums that differ from what is stated, in yuan."""

    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class ReliefLines:
    """Relief as published and as paid against relief as granted, in yuan a person."""

    gaps: tuple[Gap, ...]


_LISTS = frozenset({"workers", "attendance", "payouts", "grants", "bill"})
_TOTALS = ("settlement_fen", "submitted_fen", "change_fen", "budget_fen")
_YUAN = 100


def _paid_days(so_far: History) -> PaidDays:
    paid, names = _by_person(so_far.latest("workers") or (), "days")
    confirmed: dict[str, float] = {}
    for _, lines in so_far.given("attendance"):
        seen, others = _by_person(lines, "days")
        confirmed |= seen
        names = others | names
    gaps = [
        Gap(
            f"{names[person]}:确认 {confirmed.get(person, 0):g} 天、发放 {paid.get(person, 0):g} 天"
            f"(confirmed {confirmed.get(person, 0):g}, paid {paid.get(person, 0):g})",
            abs(paid.get(person, 0) - confirmed.get(person, 0)),
        )
        for person in names
        if confirmed and paid
    ]
    return PaidDays(_unequal(gaps), max(paid.values(), default=0))


def _bank_lines(so_far: History) -> BankLines:
    sent = so_far.latest("payouts") or ()
    return BankLines(
        gaps=tuple(_differing(so_far.latest("workers") or (), "wage_fen", sent, "工资表", "sheet")),
        others=tuple(
            f"{line['name']} → {line['holder']}" for line in sent if line.get("holder") not in (None, line["name"])
        ),
        rejected=tuple(line["name"] for line in sent if line.get("rejected")),
    )


def _relief_lines(so_far: History) -> ReliefLines:
    granted = [lines for _, lines in so_far.given("grants")]
    sent = so_far.latest("payouts") or ()
    gaps: list[Gap] = []
    if granted:
        for published in granted[1:]:
            gaps += _differing(granted[0], "amount_fen", published, "方案", "scheme", "公示名单", "published")
        gaps += _differing(granted[-1], "amount_fen", sent, "公示名单", "published")
    else:
        gaps += _single(so_far, sent)
    return ReliefLines(tuple(gaps))


def _single(so_far: History, sent: Iterable[Mapping[str, Any]]) -> Iterator[Gap]:
    """Relief of one household: what was decided against what is published and paid afterwards, and to whom."""
    decisions = [fact for fact in so_far.nodes if fact.data["fields"].keys() >= {"approved", "relief_fen"}]
    if not decisions:
        return
    decided = max(decisions, key=lambda fact: (fact.data["node"], fact.data["sequence"]))
    amount, later = decided.data["fields"]["relief_fen"], _after(so_far, decided)
    told = {fact.data["fields"]["relief_fen"] for fact in later if "relief_fen" in fact.data["fields"]}
    paid = sum(fact.data["fields"].get("payment_fen", 0) for fact in later)
    for zh, en, found in [("公布", "published", fen) for fen in sorted(told)] + [("发放", "paid", paid or amount)]:
        if found != amount:
            yield Gap(f"批准 {yuan(amount)}、{zh} {yuan(found)}(granted and {en})", abs(found - amount) / _YUAN)
    persons = [value for _, value in so_far.given("beneficiary_key")]
    named = {line["person_key"]: line["name"] for line in sent}
    for person in named.keys() - set(persons[:1]) if persons else ():
        yield Gap(f"{named[person]}:不在批准名单(not granted)", amount / _YUAN)
    if len(set(persons)) > 1:
        yield Gap("救助对象前后不是同一人(another person than applied)", amount / _YUAN)


def _after(so_far: History, fact: Fact) -> list[Fact]:
    return [other for other in so_far.nodes if other.data["node"] > fact.data["node"]]


def _totals(so_far: History) -> Totals:
    gaps = [gap for fact in so_far.nodes if "bill" in fact.data["fields"] for gap in _bill(fact.data["fields"])]
    sheet, paid = so_far.latest("workers") or (), so_far.total("payment_fen")
    if sheet and paid:
        gaps.append(_sum("工资表", "wage sheet", sum(line["wage_fen"] for line in sheet), paid))
    return Totals(_unequal(gaps))


def _bill(fields: Mapping[str, Any]) -> Iterator[Gap]:
    """Lines whose quantity times price isn't their amount, and a sum that is none of the totals stated beside it."""
    for line in fields["bill"]:
        made = round(line["quantity"] * line["unit_price_fen"])
        yield Gap(
            f"{line['name']}:{line['quantity']:g} × {yuan(line['unit_price_fen'])} ≠ {yuan(line['amount_fen'])}",
            abs(made - line["amount_fen"]) / _YUAN,
        )
    total = sum(line["amount_fen"] for line in fields["bill"])
    stated = [fields[name] for name in _TOTALS if name in fields]
    if stated:
        yield _sum("清单", "bill", total, min(stated, key=lambda fen: (abs(fen - total), fen)))


def _sum(zh: str, en: str, total: int, stated: int) -> Gap:
    return Gap(f"{zh}合计 {yuan(total)}、填报 {yuan(stated)}(sum of the {en}, stated)", abs(total - stated) / _YUAN)


def _differing(
    listed: Iterable[Mapping[str, Any]],
    amount: str,
    found: Iterable[Mapping[str, Any]],
    zh: str,
    en: str,
    found_zh: str = "银行",
    found_en: str = "bank",
) -> Iterator[Gap]:
    """Persons and amounts of the second list that differ from the first; nothing while one of them is empty."""
    due, names = _by_person(listed, amount)
    sent, others = _by_person(found, "amount_fen")
    if not due or not sent:
        return
    for person, name in (names | others).items():
        one, other = int(due.get(person, 0)), int(sent.get(person, 0))
        if one != other:
            yield Gap(f"{name}:{zh} {yuan(one)}、{found_zh} {yuan(other)}({en}, {found_en})", abs(one - other) / _YUAN)


def _by_person(lines: Iterable[Mapping[str, Any]], amount: str) -> tuple[dict[str, float], dict[str, str]]:
    sums: dict[str, float] = defaultdict(float)
    names: dict[str, str] = {}
    for line in lines:
        sums[line["person_key"]] += line[amount]
        names[line["person_key"]] = line["name"]
    return sums, names


def _unequal(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if gap.size)


def _occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far = history(view)
    names = {name for fact in so_far.facts for name in fact.data.get("fields", {})}
    if so_far.first.data["matter"] != "RE" and names.isdisjoint(_LISTS):
        return
    features = {"days": _paid_days, "bank": _bank_lines, "totals": _totals, "relief": _relief_lines}
    yield occasion(view, features={name: partial(make, so_far) for name, make in features.items()})


LISTS = Subject(
    "lists",
    "案件中的各类名单与清单",
    "the lists of a case, held against each other",
    frozenset({"case"}),
    {"case": Case, "days": PaidDays, "bank": BankLines, "totals": Totals, "relief": ReliefLines},
    _occasions,
)
