"""Deadlines in working days of the Chinese calendar and in calendar days, counted in Asia/Shanghai."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")


@lru_cache(maxsize=4096)
def is_working_day(day: date) -> bool:
    """Whether `day` is worked: the State Council's calendar where it is known, Monday to Friday beyond it."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def add_working_days(start: datetime, days: int) -> datetime:
    """The end (24:00 Shanghai, as UTC) of the `days`-th working day after the day of `start`."""
    return _end_of_day(_working_day_after(start.astimezone(SHANGHAI).date(), days))


def add_calendar_days(start: datetime, days: int) -> datetime:
    """The end (24:00 Shanghai, as UTC) of the `days`-th day after the day of `start`."""
    return _end_of_day(start.astimezone(SHANGHAI).date() + timedelta(days=days))


def due_at(start: datetime, days: int, unit: str) -> datetime:
    """When a term of `days` (`working_day` or `calendar_day`) that begins at `start` has run out, in UTC."""
    return add_working_days(start, days) if unit == "working_day" else add_calendar_days(start, days)


@lru_cache(maxsize=65536)
def _working_day_after(day: date, days: int) -> date:
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return day


def _end_of_day(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)
