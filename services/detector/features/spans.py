"""Things that lie close together in time. What is found doesn't depend on which of them became known last."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from shared.workdays import SHANGHAI

T = TypeVar("T")


def dense(
    items: Sequence[T],
    *,
    at: Callable[[T], datetime],
    window: timedelta,
    enough: Callable[[int, int], bool],
    weight: Callable[[T], int] = lambda item: 0,
) -> list[list[T]]:
    """Of items in the order of their time, those in windows that hold enough (by count and summed weight), in runs.

    Runs of one year are one: a further item joins what it belongs to instead of making it something else.
    """
    total, end, marked = 0, 0, 0
    kept: list[T] = []
    for start, first in enumerate(items):
        while end < len(items) and at(items[end]) - at(first) <= window:
            total += weight(items[end])
            end += 1
        if enough(end - start, total):
            kept += items[max(start, marked) : end]
            marked = end
        total -= weight(first)
    return runs(kept, at=at, window=window)


def runs(items: Sequence[T], *, at: Callable[[T], datetime], window: timedelta) -> list[list[T]]:
    """Items split where two neighbours lie further apart than the window; runs that begin in one year are one."""
    found: list[list[T]] = []
    for item in items:
        if found and at(item) - at(found[-1][-1]) <= window:
            found[-1].append(item)
        else:
            found.append([item])
    years: dict[int, list[T]] = defaultdict(list)
    for run in found:
        years[year_of(at(run[0]))].extend(run)
    return list(years.values())


def year_of(moment: datetime) -> int:
    """The year in Shanghai."""
    return moment.astimezone(SHANGHAI).year
