"""A place in a list, through a URL and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import cursor


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|")), min_size=1))
def test_what_was_written_reads_back(keys: list[str]) -> None:
    text = cursor.write(*keys)
    assert cursor.read(text) == keys
    assert set("+/= &?") & set(text) == set()


@pytest.mark.parametrize("text", ["!!!!", "é", "_w", "a b c", "abcde"])
def test_what_was_never_written_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        cursor.read(text)
