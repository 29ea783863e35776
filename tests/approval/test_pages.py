"""Forms of the pages: typed text becomes fields, fields become words."""

from datetime import UTC, datetime

from services.approval.flows import FormUse
from services.approval.forms import read_fields, show_fields
from services.approval.pages import _last_day

SECRET = "identity-secret-of-the-tests"


def uses(*names: str) -> list[FormUse]:
    return [FormUse(name, required=True) for name in names]


def test_typed_text_becomes_fields() -> None:
    typed = {"fields.estimate_fen": "1.2万", "fields.approved": "是", "fields.item": " 纸 ", "fields.copies": "9"}
    fields, errors = read_fields(uses("estimate_fen", "approved", "item", "reason"), typed, SECRET)
    assert (fields.estimate_fen, fields.approved, fields.item, fields.reason) == (1_200_000, True, "纸", None)
    assert fields.copies is None, "only what the form asks for is taken"
    assert errors == []


def test_every_unreadable_input_is_named() -> None:
    typed = {"fields.estimate_fen": "很多", "fields.meeting_on": "2026-02-30"}
    _, errors = read_fields(uses("estimate_fen", "meeting_on"), typed, SECRET)
    assert [error.field for error in errors] == ["fields.estimate_fen", "fields.meeting_on"]


def test_bids_are_typed_a_line_each_and_shown_so() -> None:
    typed = {"fields.bids": "甲公司|91330421MA2ABCDE1X|100\n乙公司|91330421MA2ABCDE2X|99.5"}
    fields, errors = read_fields(uses("bids"), typed, SECRET)
    assert not errors
    (shown,) = show_fields(fields.model_dump(mode="json", exclude_defaults=True))
    assert shown.lines[1] == "乙公司(91330421MA2ABCDE2X)99.50 元"


def test_numbers_of_persons_are_never_shown() -> None:
    fields, errors = read_fields(uses("beneficiary_key"), {"fields.beneficiary_key": "11010519491231002X"}, SECRET)
    assert not errors
    (shown,) = show_fields(fields.model_dump(mode="json", exclude_defaults=True))
    assert "11010519491231002X" not in str(shown)
    assert str(fields.beneficiary_key) not in str(shown.lines)


def test_a_term_that_ends_at_midnight_is_shown_by_its_last_day() -> None:
    assert _last_day(datetime(2026, 11, 26, 16, tzinfo=UTC)) == "2026-11-26"
