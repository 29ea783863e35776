"""All cards of a county's quarter: villages, then their towns, each line with its records. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.disclosure.evaluation.counting import Item, Rows, Told, counted
from services.disclosure.evaluation.indicators import FULL, IndicatorSet, Plan
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.scoring import Card, means, reweighed, town_card, town_reweighed, village_card
from shared import regions

Records = Mapping[str, Sequence[Item]]
BONUS = "bonus"
VETO = "veto_"
# A weight next to nothing is nothing.
_LEAST = 0.01


@dataclass(frozen=True)
class Dealt:
    """A card, how much it weighs in its town (residents, else 1), and the records behind its lines."""

    card: Card
    weight: float
    records: Records


@dataclass(frozen=True)
class Quartered:
    """The cards of a county's quarter. `revision` is None while nobody has sealed it."""

    county: str
    quarter: Quarter
    plan: Plan
    as_of: datetime
    cards: Mapping[str, Dealt]
    revision: int | None = None
    reason: str = ""

    @property
    def held(self) -> IndicatorSet:
        """The indicators that the cards are made of."""
        return self.plan.set_of(self.quarter)

    @property
    def provisional(self) -> bool:
        """Whether it may still change."""
        return self.revision is None


def deal(
    county: str, quarter: Quarter, rows: Rows, told: Told, villages: Sequence[str], plan: Plan, now: datetime
) -> Quartered:
    """The cards of `villages`, of whoever else has a record, and of their towns."""
    found = counted(rows, told, quarter, now, plan)
    codes = sorted({*villages, *(code for code in found.counts if regions.level_of(code) == "village")})
    codes = [code for code in codes if regions.county_of(code) == county]
    towns = sorted({regions.town_of(code) for code in codes})
    held, now_told = plan.set_of(quarter), {code: told.get(code, {}).get(quarter, {}) for code in codes}
    residents = {code: now_told[code].get("residents") for code in codes}
    groups = {code: plan.group_of(None if (n := residents[code]) is None else int(n)) for code in codes}
    known = means({code: found.counts.get(code, {}) for code in codes}, groups, held.indicators, plan)
    of_towns = {town: found.counts.get(town, {}) for town in towns}
    town_means = means(of_towns, dict.fromkeys(towns, plan.unknown_group), held.town_lines, plan)
    dealt: dict[str, Dealt] = {}
    for code in codes:
        card = village_card(
            code, found.counts.get(code, {}), groups[code], held, known, plan,
            bonus=now_told[code].get(BONUS, 0.0),
            vetoes=(name for name in plan.veto.items if now_told[code].get(VETO + name)),
        )  # fmt: skip
        dealt[code] = Dealt(card, residents[code] or 1.0, found.records.get(code, {}))
    for town in towns:
        inside = [(dealt[code].card, dealt[code].weight) for code in codes if regions.town_of(code) == town]
        card = town_card(town, of_towns[town], inside, held, town_means, plan)
        dealt[town] = Dealt(card, 1.0, found.records.get(town, {}))
    return Quartered(county, quarter, plan, now, dealt)


def what_if(dealt: Mapping[str, Dealt], weights: Mapping[str, float], plan: Plan) -> dict[str, Card]:
    """The same cards if lines had other points (of 100 in all); nothing else changes."""
    cards = {code: reweighed(one.card, weights, plan) for code, one in dealt.items() if one.card.level == "village"}
    for code, one in dealt.items():
        if one.card.level == "town":
            inside = [(cards[v], dealt[v].weight) for v in cards if regions.town_of(v) == code]
            cards[code] = town_reweighed(one.card, inside, plan)
    return cards


def ranks(cards: Mapping[str, Card]) -> dict[str, int]:
    """The place of each card among those of its level, the best first; equal scores share a place.

    A card of which too little was measured to call a band has none, and takes nobody else's.
    """
    scores = {code: round(card.score, 6) for code, card in cards.items() if card.score is not None and card.bands}
    return {
        code: 1 + sum(other > score for to, other in scores.items() if cards[to].level == cards[code].level)
        for code, score in scores.items()
    }


def weights_of(held: IndicatorSet) -> dict[str, float]:
    """The points of a set's lines."""
    return {name: one.points for name, one in held.indicators.items()}


def unsound(weights: Mapping[str, float], held: IndicatorSet) -> dict[str, tuple[str, str]]:
    """What is wrong with weights that replace those of some lines, by line; `""` is the sum. Empty when they hold."""
    faults: dict[str, tuple[str, str]] = {}
    for name, value in weights.items():
        if name not in held.indicators:
            faults[name] = ("没有这个指标", "No such indicator")
        elif value != 0 and not _LEAST <= value <= FULL:
            faults[name] = (f"应为 0 或 {_LEAST} 至 100 的数", f"0 or a number from {_LEAST} to 100 is needed")
    total = sum((weights_of(held) | dict(weights)).values())
    if not faults and not abs(total - FULL) < 1e-6:
        faults[""] = (f"各项合计应为 100,现为 {total:g}", f"All weights must sum to 100, not {total:g}")
    return faults
