"""What a village has spent of each line of its budget, and what it spent without one."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from services.detector.distil import Fact
from services.detector.features.matches import day_of, in_force
from services.detector.key_facts import CaseFacts
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Budget

_LISTED = 20


@dataclass(frozen=True)
class Spending:
    """A line of the budget with what was spent of it; `budget_fen` is None where the budget has no such line."""

    village: str
    line: str
    period: str
    budget_fen: int | None
    spent_fen: int
    over_pct: float
    expenses: int


@dataclass(frozen=True)
class _Expense:
    fact: Fact
    day: date
    flow: str
    words: str
    fen: int


def needs_of_spending(name: str) -> set[Need]:
    """The budget of the village of a key's name; works have none of their own."""
    village, matter = name.split(":")
    return {Need("budgets", "village_code", village)} if matter != "EN" else set()


def _expenses(case: CaseFacts) -> list[_Expense]:
    filled = [fact.data["fields"] for fact in case.facts]
    words = "".join(f"{told.get('item', '')} {told.get('category', '')} " for told in filled)
    # A payment that was sent back and done again is told twice under one node; the last one counts.
    paid = {fact.data["node"]: fact for fact in case.by_sequence if "payment_fen" in fact.data["fields"]}
    return [
        _Expense(fact, day_of(fact.occurred_at), fact.data["flow"], words, fact.data["fields"]["payment_fen"])
        for fact in paid.values()
    ]


def _spending_occasions(view: View, params: Params) -> Iterator[Occasion]:
    village = view.facts[0].data["village_code"]
    budgets = view.reference.all(Budget, "village_code", village)
    if not budgets:
        return
    flows, words = set(params["flows_with_budget"]), params["words_with_budget"]
    lines: dict[str, tuple[Budget | None, str, list[_Expense]]] = {}
    asked = (frozenset(flows), tuple(words))
    for case in view.facts.cases:
        for expense in case.once(_Expense, _expenses):
            find = partial(_line, expense, budgets, flows, words)
            budget, name, period = view.facts.kept((_line, expense.fact.event_id, asked), (expense, budgets), find)
            if name:
                lines.setdefault(name, (budget, period, []))[2].append(expense)
    for name, (budget, period, spent) in sorted(lines.items()):
        line = budget.line if budget else name.split("|")[0]
        make = partial(_occasion, village, line, budget, period, spent)
        yield view.facts.kept((Spending, name), (budget, *spent), make)


def _line(
    expense: _Expense, budgets: Sequence[Budget], flows: Collection[str], words: Iterable[str]
) -> tuple[Budget | None, str, str]:
    """The budget's line that an expense falls under, its name and year; no name where the budget doesn't ask for one.

    What the budget ought to have a line for has none, and a name of its own.
    """
    valid = [budget for budget in budgets if in_force(budget, expense.day)]
    own = next((budget for budget in valid if _covers(budget, expense)), None)
    if own:
        return own, own.id, _period(own)
    line = expense.flow if expense.flow in flows else next((word for word in words if word in expense.words), None)
    year = str(expense.day.year)
    return None, f"{line}|{year}" if valid and line else "", year


def _covers(budget: Budget, expense: _Expense) -> bool:
    """Whether an expense falls under a line: by its flow, or by a word that its purchase is named with."""
    return expense.flow in budget.flows or any(word in expense.words for word in budget.words)


def _period(budget: Budget) -> str:
    return str(budget.valid_from.year)


def _occasion(village: str, line: str, budget: Budget | None, period: str, expenses: Sequence[_Expense]) -> Occasion:
    ordered = sorted(expenses, key=lambda expense: (expense.fact.occurred_at, expense.fact.event_id))
    last = ordered[-1].fact
    spent = sum(expense.fen for expense in ordered)
    over = 100 * (spent - budget.amount_fen) / budget.amount_fen if budget and budget.amount_fen > 0 else 100.0
    spending = Spending(
        village=village,
        line=line,
        period=period,
        budget_fen=budget.amount_fen if budget else None,
        spent_fen=spent,
        over_pct=over,
        expenses=len(ordered),
    )
    shown = ordered[-_LISTED:]
    cases = {e.fact.data["case_id"]: (e.fact.data["case_id"], e.fact.data["case_no"]) for e in shown}
    return Occasion(
        features={"spending": at_hand(spending)},
        given=frozenset({"payment_fen"}),
        matter=last.data["matter"],
        village_code=village,
        town_code=last.data["town_code"],
        cases=tuple(cases.values()),
        occurred_at=last.occurred_at,
        trail=partial(_listed, shown),
    )


def _listed(expenses: Sequence[_Expense]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="支出", en="Expense"),
            value=f"{e.fact.data['case_no']} {e.fact.data['title']} {e.fen / 100:,.2f} 元 / yuan",
            source=e.fact.event_id,
            occurred_at=e.fact.occurred_at,
        )
        for e in expenses
    )


SPENDING = Subject(
    "spending",
    "每村每条预算线的支出",
    "a village's spending on each line of its budget",
    frozenset({"village"}),
    {"spending": Spending},
    _spending_occasions,
    {"flows_with_budget": list, "words_with_budget": list},
)
