"""Medians, shares and concentrations. Pure."""

import math
from collections.abc import Iterable, Sequence


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value below which `share` of them lie, between two neighbours in proportion; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def share(part: float, whole: float) -> float | None:
    """A part of a whole, 0 to 1; None of nothing."""
    return part / whole if whole else None


def hhi(amounts: Sequence[float]) -> float | None:
    """The Herfindahl-Hirschman index of these amounts, up to 10,000; None when there is nothing."""
    whole = sum(amounts)
    return sum((100 * amount / whole) ** 2 for amount in amounts) if whole else None
