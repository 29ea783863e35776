"""Numbers as people read them."""

import pytest

from shared.formats import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567, "1,234,567"),
        (1_234_567.0, "1,234,567"),
        (2.5, "2.5"),
        (0, "0"),
        (0.1 + 0.2, "0.3"),
        (-3, "-3"),
        (100, "100"),
    ],
)
def test_a_number_has_all_its_digits(value: float, text: str) -> None:
    assert number(value) == text
