"""From counts to a card: values drawn towards their group, points between floor and target, the interval. Pure.

A share or a rate of few items says little. So it is weighed together with its group's mean, which counts as `prior`
items: (met + prior x mean) / (due + prior), the posterior mean of a beta-binomial (a share) or gamma-Poisson (a rate);
the interval is the credible one of the same posterior. Points of lines that can't be measured go to the others.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.disclosure.evaluation.indicators import (
    FULL,
    Bounds,
    Indicator,
    IndicatorSet,
    Level,
    Plan,
    dimension_of,
)
from services.disclosure.evaluation.intervals import beta_quantile, gamma_quantile

LeftOut = Literal["not_supplied", "too_few", "scored_elsewhere"]
MeanFrom = Literal["group", "county", "bounds"]
_HALF = 0.5


@dataclass(frozen=True)
class Count:
    """What was counted for a line: `met` of `due`; `squares` sums the squares of the items' dues.

    Items of unequal weight (money) say less than their number: they count as due² / squares.
    """

    met: float
    due: float
    squares: float

    @classmethod
    def of(cls, weights: Iterable[tuple[float, float]]) -> "Count":
        """Of items, each with what is met and what is due. The same in whatever order."""
        items = list(weights)
        return cls(
            *(math.fsum(some) for some in ([m for m, _ in items], [d for _, d in items], [d * d for _, d in items]))
        )

    @classmethod
    def whole(cls, met: float, due: float) -> "Count":
        """Of a total whose items each weigh 1."""
        return cls(met, due, due)

    def size(self, indicator: Indicator) -> float:
        """How many items it is worth."""
        if indicator.measure == "share":
            return self.due * self.due / self.squares if self.squares else 0.0
        return self.due


Counts = Mapping[str, Count]


@dataclass(frozen=True)
class Mean:
    """What villages of a group come to on a line (met of one due), and what that was taken from."""

    value: float
    taken_from: MeanFrom


Means = Mapping[str, Mapping[str, Mean]]


@dataclass(frozen=True)
class Line:
    """One indicator of a card. `value` is as counted, `estimate` drawn towards the mean; `low` and `high` bound it.

    `full` are its points by the set, `weight` those with what came from lines left out, `points` what it got.
    """

    indicator: str
    full: float
    weight: float = 0.0
    met: float | None = None
    due: float | None = None
    size: float = 0.0
    value: float | None = None
    mean: float | None = None
    mean_from: MeanFrom | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    position: float = 0.0
    position_low: float = 0.0
    position_high: float = 0.0
    left_out: LeftOut | None = None

    @property
    def points(self) -> float:
        """What it got."""
        return self.weight * self.position

    @property
    def lost(self) -> float:
        """What it lost."""
        return self.weight - self.points


@dataclass(frozen=True)
class Card:
    """The score of a village or town for a quarter. `score` is None where nothing could be measured.

    `measured` are the points of the set that lines could be measured for. `bands` are those that the interval touches,
    none when too little was measured. Of a town, `villages_mean` is its villages' part.
    """

    region: str
    level: Level
    group: str
    lines: tuple[Line, ...]
    measured: float
    raw: float | None
    score: float | None
    low: float | None
    high: float | None
    bands: tuple[str, ...]
    bonus: float = 0.0
    vetoes: tuple[str, ...] = ()
    villages_mean: float | None = None

    @property
    def sure(self) -> bool:
        """Whether the interval lies within one band."""
        return len(self.bands) == 1

    def line(self, indicator: str) -> Line:
        """One of its lines; raises `KeyError`."""
        return {line.indicator: line for line in self.lines}[indicator]


def means(
    counted: Mapping[str, Counts], groups: Mapping[str, str], lines: Mapping[str, Indicator], plan: Plan
) -> dict[str, dict[str, Mean]]:
    """Of each line, what each group comes to: of its own villages, else the county's, else halfway of the bounds."""
    found: dict[str, dict[str, Mean]] = {}
    for name, indicator in lines.items():
        held = {region: counts[name] for region, counts in counted.items() if name in counts}
        some = {region: one for region, one in held.items() if one.size(indicator) >= indicator.minimum}
        county = _pooled(some.values(), indicator) if len(some) >= plan.enough_villages else None
        found[name] = {}
        for group in plan.groups:
            own = [one for region, one in some.items() if groups[region] == group]
            if len(own) >= plan.enough_villages:
                found[name][group] = Mean(_pooled(own, indicator), "group")
            elif county is not None:
                found[name][group] = Mean(county, "county")
            else:
                found[name][group] = Mean(indicator.bounds_of(group).middle / indicator.per, "bounds")
    return found


def _pooled(counts: Iterable[Count], indicator: Indicator) -> float:
    """All of them together, each by what it is worth; half an item more keeps it off 0 and 1."""
    some = list(counts)
    worth = math.fsum(one.size(indicator) for one in some)
    if indicator.measure == "share":
        return (math.fsum(one.met / one.due * one.size(indicator) for one in some) + _HALF) / (worth + 2 * _HALF)
    return (math.fsum(one.met for one in some) + _HALF) / (worth + _HALF)


def village_card(
    region: str, counts: Counts, group: str, held: IndicatorSet, known: Means, plan: Plan,
    *, bonus: float = 0.0, vetoes: Iterable[str] = (),
) -> Card:  # fmt: skip
    """A village's card: its lines, its score with interval, its bands."""
    measured = [_measured(name, one, counts.get(name), group, known, plan) for name, one in held.indicators.items()]
    lines = _weighed(measured, by_dimension=True)
    return _called(region, "village", group, lines, plan, min(max(bonus, 0.0), plan.bonus.most), tuple(sorted(vetoes)))


def town_card(
    region: str, counts: Counts, villages: Iterable[tuple[Card, float]], held: IndicatorSet, known: Means, plan: Plan
) -> Card:
    """A town's card: its villages' mean, each weighed by its residents, and the town's own handling.

    Where one of the two is missing, the other is all of it.
    """
    group = plan.unknown_group
    measured = [_measured(name, one, counts.get(name), group, known, plan) for name, one in held.town_lines.items()]
    return _joined(
        _called(region, "town", group, _weighed(measured, by_dimension=False), plan, 0.0, ()), villages, plan
    )


def reweighed(card: Card, points: Mapping[str, float], plan: Plan) -> Card:
    """A village's card if its lines had other points; what was counted stays as it is."""
    lines = [_replaced(line, full=points.get(line.indicator, line.full), weight=0.0) for line in card.lines]
    weighed = _weighed(lines, by_dimension=True)
    return _called(card.region, card.level, card.group, weighed, plan, card.bonus, card.vetoes)


def town_reweighed(card: Card, villages: Iterable[tuple[Card, float]], plan: Plan) -> Card:
    """A town's card with other cards of its villages."""
    return _joined(_called(card.region, "town", card.group, card.lines, plan, 0.0, ()), villages, plan)


def _joined(own: Card, villages: Iterable[tuple[Card, float]], plan: Plan) -> Card:
    """A town's own handling and its villages in one card."""
    scored = [(card, weight) for card, weight in villages if card.score is not None and weight > 0]
    parts: list[tuple[float, float, float, float]] = []
    mean = None
    if scored:
        total = math.fsum(weight for _, weight in scored)
        shares = [(card, weight / total) for card, weight in scored]
        mean = math.fsum((card.score or 0) * share for card, share in shares)
        down = _together(((card.score or 0) - (card.low or 0)) * share for card, share in shares)
        up = _together(((card.high or 0) - (card.score or 0)) * share for card, share in shares)
        parts.append((plan.town.villages, mean, down, up))
    if own.score is not None:
        parts.append((plan.town.own, own.score, own.score - (own.low or 0), (own.high or 0) - own.score))
    if not parts:
        return own
    whole = sum(part[0] for part in parts)
    score = math.fsum(share * value for share, value, _, _ in parts) / whole
    low = max(0.0, score - _together(share * down for share, _, down, _ in parts) / whole)
    high = min(FULL, score + _together(share * up for share, _, _, up in parts) / whole)
    enough = any(card.bands for card, _ in scored) or not scored
    return Card(
        region=own.region,
        level="town",
        group=own.group,
        lines=own.lines,
        measured=own.measured,
        raw=score,
        score=score,
        low=low,
        high=high,
        bands=plan.bands_of(low, high) if enough else (),
        villages_mean=mean,
    )


def _measured(name: str, indicator: Indicator, count: Count | None, group: str, known: Means, plan: Plan) -> Line:
    """The line with its value, estimate and interval; left out where it can't be measured."""
    if count is None or count.due <= 0:
        why: LeftOut = "too_few" if indicator.source == "records" else "not_supplied"
        return Line(name, indicator.points, left_out=why)
    size, bounds = count.size(indicator), indicator.bounds_of(group)
    value = count.met / count.due * indicator.per
    line = Line(name, indicator.points, met=count.met, due=count.due, size=size, value=value)
    if indicator.measure == "level":
        return _placed(line, bounds, value, value, value, None)
    if size < indicator.minimum:
        return _replaced(line, left_out="too_few")
    mean = known[name][group]
    whole = size + indicator.prior
    rate = (count.met / count.due * size + indicator.prior * mean.value) / whole
    low, high = _interval(indicator, rate, whole, plan.credibility)
    per = indicator.per
    placed = _placed(line, bounds, rate * per, min(low, rate) * per, max(high, rate) * per, mean)
    return placed if indicator.scored else _replaced(placed, left_out="scored_elsewhere")


def _interval(indicator: Indicator, rate: float, whole: float, credibility: float) -> tuple[float, float]:
    """Between which values the rate lies, by the posterior of this mean and this many items."""
    tail = (1 - credibility) / 2
    if indicator.measure == "rate":
        shape = rate * whole
        if shape <= 0:
            return 0.0, 0.0
        return gamma_quantile(tail, shape, whole), gamma_quantile(1 - tail, shape, whole)
    inside = min(1.0, max(0.0, rate))
    a, b = inside * whole, (1 - inside) * whole
    if a <= 0 or b <= 0:
        return inside, inside
    return beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)


def _placed(line: Line, bounds: Bounds, estimate: float, low: float, high: float, mean: Mean | None) -> Line:
    ends = sorted((bounds.position(low), bounds.position(high)))
    return _replaced(
        line,
        mean=mean.value if mean else None,
        mean_from=mean.taken_from if mean else None,
        estimate=estimate,
        low=low,
        high=high,
        position=bounds.position(estimate),
        position_low=ends[0],
        position_high=ends[1],
    )


def _replaced(line: Line, **changed: Any) -> Line:
    return replace(line, **changed)


def _weighed(lines: list[Line], *, by_dimension: bool) -> tuple[Line, ...]:
    """All points on the lines measured: within the dimension first, those of a whole dimension over the others."""
    held: dict[str, float] = {}
    full: dict[str, float] = {}
    for line in lines:
        dimension = dimension_of(line.indicator) if by_dimension else ""
        full[dimension] = full.get(dimension, 0.0) + line.full
        held[dimension] = held.get(dimension, 0.0) + (0.0 if line.left_out else line.full)
    present = math.fsum(points for dimension, points in full.items() if held[dimension] > 0)
    weighed = []
    for line in lines:
        dimension = dimension_of(line.indicator) if by_dimension else ""
        if line.left_out or not held[dimension]:
            weighed.append(line)
        else:
            factor = full[dimension] / held[dimension] * FULL / present
            weighed.append(_replaced(line, weight=line.full * factor))
    return tuple(weighed)


def _called(
    region: str, level: Level, group: str, lines: tuple[Line, ...], plan: Plan, bonus: float, vetoes: tuple[str, ...]
) -> Card:
    """The score of lines with what is added and what caps it, and the bands."""
    measured = math.fsum(line.full for line in lines if not line.left_out)
    if not measured:
        return Card(region, level, group, lines, 0.0, None, None, None, None, (), bonus, vetoes)
    raw = math.fsum(line.points for line in lines)
    down = _together(line.weight * (line.position - line.position_low) for line in lines)
    up = _together(line.weight * (line.position_high - line.position) for line in lines)
    most = plan.veto.cap if vetoes else FULL
    score, low, high = (min(most, max(0.0, one + bonus)) for one in (raw, raw - down, raw + up))
    bands = plan.bands_of(low, high) if measured >= plan.least_measured else ()
    return Card(region, level, group, lines, measured, raw, score, low, high, bands, bonus, vetoes)


def _together(parts: Iterable[float]) -> float:
    """How far independent deviations reach together."""
    return math.sqrt(math.fsum(part * part for part in parts))
