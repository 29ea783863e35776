"""Terms are counted in the working days of the Chinese calendar, in Shanghai."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import workdays


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_term_ends_with_its_last_day_in_shanghai() -> None:
    assert workdays.due_at(at("2026-03-02T09:00:00+08:00"), 1, "working_day") == datetime(2026, 3, 3, 16, tzinfo=UTC)


def test_a_weekend_is_not_counted() -> None:
    assert workdays.due_at(at("2026-03-06T09:00:00+08:00"), 1, "working_day") == datetime(2026, 3, 9, 16, tzinfo=UTC)


def test_calendar_days_count_the_weekend() -> None:
    assert workdays.due_at(at("2026-03-06T09:00:00+08:00"), 1, "calendar_day") == datetime(2026, 3, 7, 16, tzinfo=UTC)


def test_the_national_holiday_is_not_counted() -> None:
    assert not workdays.is_working_day(date(2025, 10, 1))
    due = workdays.due_at(at("2025-09-30T09:00:00+08:00"), 1, "working_day")
    assert due.astimezone(workdays.SHANGHAI) == at("2025-10-10T00:00:00+08:00")


def test_a_year_beyond_the_known_calendar_falls_back_to_weekdays() -> None:
    assert workdays.is_working_day(date(2099, 6, 1))
    assert not workdays.is_working_day(date(2099, 6, 6))


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T09:00:00+08:00", 3, "2026-03-02T12:00:00+08:00"),
        ("2026-03-02T09:00:00+08:00", 4, "2026-03-02T14:30:00+08:00"),
        ("2026-03-02T12:30:00+08:00", 1, "2026-03-02T14:30:00+08:00"),
        ("2026-03-02T20:00:00+08:00", 1, "2026-03-03T09:30:00+08:00"),
        ("2026-03-06T17:00:00+08:00", 2, "2026-03-09T09:30:00+08:00"),
        # Sunday 28 September 2025 is worked for the holiday, which ends with 8 October.
        ("2025-09-28T09:00:00+08:00", 1, "2025-09-28T10:00:00+08:00"),
        ("2025-09-30T17:30:00+08:00", 1, "2025-10-09T09:00:00+08:00"),
    ],
)
def test_working_hours_run_while_offices_are_open(start: str, hours: float, end: str) -> None:
    assert workdays.add_working_hours(at(start), hours) == at(end)


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC))
MINUTES = st.integers(1, 60 * 80).map(lambda minutes: timedelta(minutes=minutes) / timedelta(hours=1))


@given(MOMENTS, MINUTES)
def test_what_is_added_is_what_lies_between(start: datetime, hours: float) -> None:
    end = workdays.add_working_hours(start, hours)
    assert abs(workdays.working_hours_between(start, end) - hours) < 1e-6
    assert workdays.in_office_hours(end - timedelta(seconds=1))
    assert end > start


@given(MOMENTS, MINUTES, MINUTES)
def test_hours_added_one_after_the_other_are_their_sum(start: datetime, first: float, second: float) -> None:
    apart = workdays.add_working_hours(workdays.add_working_hours(start, first), second)
    assert abs(apart - workdays.add_working_hours(start, first + second)) < timedelta(milliseconds=1)


@given(MOMENTS, st.integers(0, 60 * 24 * 7), MINUTES)
def test_who_starts_later_ends_no_earlier(start: datetime, minutes: int, hours: float) -> None:
    later = start + timedelta(minutes=minutes)
    assert workdays.add_working_hours(start, hours) <= workdays.add_working_hours(later, hours)


@given(MOMENTS)
def test_no_hours_take_no_time(start: datetime) -> None:
    assert workdays.add_working_hours(start, 0) == start
