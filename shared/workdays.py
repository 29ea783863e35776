"""Deadlines in working days of the Chinese calendar and in calendar days, counted in Asia/Shanghai."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
# Office hours of a working day in Shanghai: eight, so eight working hours are one working day.
OFFICE_HOURS = ((time(8, 30), time(12)), (time(13, 30), time(18)))


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


def in_office_hours(moment: datetime) -> bool:
    """Whether offices are open at a moment; they no longer are at the minute at which they close."""
    local = moment.astimezone(SHANGHAI)
    return is_working_day(local.date()) and any(opens <= local.time() < closes for opens, closes in OFFICE_HOURS)


def add_working_hours(start: datetime, hours: float) -> datetime:
    """When offices have been open for `hours` (not negative) since `start`, in UTC; for 0 hours `start` itself."""
    left, day = timedelta(hours=hours), start.astimezone(SHANGHAI).date()
    if not left:
        return start.astimezone(UTC)
    while True:
        for opens, closes in _office_hours(day):
            begins = max(opens, start)
            if begins < closes and left <= closes - begins:
                return (begins + left).astimezone(UTC)
            left -= max(closes - begins, timedelta())
        day += timedelta(days=1)


def working_hours_between(start: datetime, end: datetime) -> float:
    """For how many hours offices were open from `start` to `end`; 0 when `end` isn't later."""
    day, last = start.astimezone(SHANGHAI).date(), end.astimezone(SHANGHAI).date()
    open_for = timedelta()
    while day <= last:
        for opens, closes in _office_hours(day):
            open_for += max(min(closes, end) - max(opens, start), timedelta())
        day += timedelta(days=1)
    return open_for / timedelta(hours=1)


def due_at(start: datetime, days: int, unit: str) -> datetime:
    """When a term of `days` (`working_day` or `calendar_day`) that begins at `start` has run out, in UTC."""
    return add_working_days(start, days) if unit == "working_day" else add_calendar_days(start, days)


@lru_cache(maxsize=65536)
def _working_day_after(day: date, days: int) -> date:
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return day


def _office_hours(day: date) -> tuple[tuple[datetime, datetime], ...]:
    """When offices open and close on a day, in UTC."""
    if not is_working_day(day):
        return ()
    return tuple((_moment(day, opens), _moment(day, closes)) for opens, closes in OFFICE_HOURS)


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, SHANGHAI).astimezone(UTC)


def _end_of_day(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)
