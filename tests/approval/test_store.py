"""The markers of pages, and searching for what people type."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.approval import store
from services.approval.errors import CursorInvalid


def test_a_marker_leads_back_to_its_place() -> None:
    place = (datetime(2026, 3, 2, 1, 2, 3, 456, tzinfo=UTC), uuid4())
    assert store._read_cursor(store._write_cursor(*place)) == place


@pytest.mark.parametrize("marker", ["x", "5L2g", "MjAyNi0wMy0wMiAx", "====", "é"])
def test_an_altered_marker_is_refused(marker: str) -> None:
    with pytest.raises(CursorInvalid):
        store._read_cursor(marker)


def test_signs_of_patterns_are_meant_as_typed() -> None:
    assert store._containing(r"100%_\ ") == r"%100\%\_\\ %"
