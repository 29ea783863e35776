"""Scores, values and bands as people read them. Pure."""

from collections.abc import Mapping

from services.disclosure.evaluation.indicators import Indicator, Plan
from services.disclosure.evaluation.schemas import CardBrief, LineShown, SealedCard
from shared.formats import number

# What is said of a line left out: in short, in English, and why.
LEFT_OUT: Mapping[str, tuple[str, str, str]] = {
    "not_supplied": ("未上报", "not handed in", "本季没有上报这项数据,不计分,分值分摊给其余项目。"),
    "too_few": ("样本过少", "too few", "本季应计的件数过少,不足以判断,不计分,分值分摊给其余项目。"),
    "scored_elsewhere": ("由镇计分", "scored at the town", "这一项由镇的评价卡计分,这里只列出。"),
}
MEAN_FROM: Mapping[str, tuple[str, str]] = {
    "group": ("同组村", "villages of its size"),
    "county": ("全县", "the county"),
    "bounds": ("底线与目标之中点", "halfway of floor and target"),
}


def score(value: float | None) -> str:
    """71.26 -> `71.3`."""
    return "—" if value is None else f"{value:.1f}"


def signed(value: float | None) -> str:
    """A change with its sign."""
    if value is None:
        return "—"
    return "0.0" if abs(value) < 0.05 else f"{'+' if value > 0 else '−'}{abs(value):.1f}"


def interval(low: float | None, high: float | None) -> str:
    """`62.0 – 80.4`."""
    return "—" if low is None or high is None else f"{low:.1f} – {high:.1f}"


def bands(one: CardBrief | SealedCard, plan: Plan) -> str:
    """`规范`; `提升 至 规范` where the interval doesn't decide; else that nothing is called."""
    if not one.bands:
        return "数据不足 too little"
    names = [plan.bands[code].zh for code in reversed(one.bands)]
    return names[0] if len(names) == 1 else f"{names[0]} 至 {names[-1]}"


def amount(value: float | None, indicator: Indicator) -> str:
    """A value in its measure: a share in per cent, a rate as it is."""
    if value is None:
        return "—"
    return f"{value * 100:.1f}%" if indicator.measure != "rate" else f"{value:.2f}"


def counted(line: LineShown) -> str:
    """`36 / 40`, as it was counted."""
    if line.met is None or line.due is None:
        return "—"
    return f"{number(round(line.met, 2))} / {number(round(line.due, 2))}"


def plain(value: float) -> str:
    """A count as it is: `1`, `36,199.92`."""
    return number(round(value, 2))


def bar(low: float | None, high: float | None, score: float | None) -> dict[str, float]:
    """Where the interval and the score stand on a bar of 100, for a style; empty without a score."""
    if low is None or high is None or score is None:
        return {}
    return {"left": round(low, 1), "width": round(max(high - low, 0.5), 1), "at": round(score, 1)}
