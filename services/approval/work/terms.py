"""How near the term of a case is, in working days. Pure."""

from datetime import datetime, timedelta
from typing import Literal

from shared.workdays import SHANGHAI, add_working_days, is_working_day

Nearness = Literal["overdue", "soon", "later", "none"]
_FAR = 400


def working_days_left(due: datetime, now: datetime) -> int:
    """The working days after today up to the term's last day: 0 when that is today or no working day lies between.

    Negative when it has passed, by the working days since, at least -1. A term more than a year away counts 400.
    """
    last, today = (due - timedelta(microseconds=1)).astimezone(SHANGHAI).date(), now.astimezone(SHANGHAI).date()
    if due <= now:
        days = range(1, min((today - last).days, _FAR) + 1)
        return -max(1, sum(is_working_day(last + timedelta(days=day)) for day in days))
    if (last - today).days > _FAR:
        return _FAR
    return sum(is_working_day(today + timedelta(days=day)) for day in range(1, (last - today).days + 1))


def soon_until(now: datetime, days_before: int) -> datetime:
    """The latest end of a term that has no more than so many working days left."""
    return add_working_days(now, days_before + 1) - timedelta(days=1)


def nearness(due: datetime | None, now: datetime, days_before: int) -> Nearness:
    """What a term is at a moment."""
    if due is None:
        return "none"
    if due <= now:
        return "overdue"
    return "soon" if due <= soon_until(now, days_before) else "later"
