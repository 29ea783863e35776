"""The markers of pages, and searching for what people type."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.approval import case_list
from services.approval.errors import CursorInvalid


def test_a_marker_leads_back_to_its_place() -> None:
    place = (datetime(2026, 3, 2, 1, 2, 3, 456, tzinfo=UTC), uuid4())
    assert case_list._read_cursor(case_list._write_cursor("term", *place), "term") == place


@pytest.mark.parametrize("marker", ["x", "5L2g", "MjAyNi0wMy0wMiAx", "====", "é"])
def test_an_altered_marker_is_refused(marker: str) -> None:
    with pytest.raises(CursorInvalid):
        case_list._read_cursor(marker, "newest")


def test_signs_of_patterns_are_meant_as_typed() -> None:
    assert case_list.containing(r"100%_\ ") == r"%100\%\_\\ %"
