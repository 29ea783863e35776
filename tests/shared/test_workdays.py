"""Terms are counted in the working days of the Chinese calendar, in Shanghai."""

from datetime import UTC, date, datetime

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
