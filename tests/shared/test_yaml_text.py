"""Whatever text is sent as YAML, it is read within bounds or refused with a place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.yaml_text import MOST_VALUES, Unreadable, read

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "control character": ("a: 1\nb: \x7f\x01", (2, 1), "character"),
    "half a character": ("a: 1\nb: \ud800", (2, 1), "character"),
    "open bracket": ("a: [1", (2, 1), "YAML"),
    "two documents": ("a: 1\n---\nb: 2", (2, 1), "YAML"),
    "no such day": ("a: 1\nb: 2026-13-45", (2, 4), "timestamp"),
    "no number": ("a: !!int x", (1, 4), "int"),
    "an object": ("a: !!python/object/apply:os.system [ls]", (1, 4), "YAML"),
    "a list as a key": ("? [a]\n: b", (1, 3), "YAML"),
    "depth": ("a: " + "[" * 5000, (1, 43), "deeper"),
    "itself": ("a: &a [*a]", (1, 8), "itself"),
    "nobody": ("a: *b", (1, 4), "YAML"),
    "bomb": (BOMB, (5, 20), str(MOST_VALUES)),
}


@pytest.mark.parametrize(("text", "place", "told"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_where_it_is_wrong(text: str, place: tuple[int, int], told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(text)
    assert (refused.value.line, refused.value.column) == place, refused.value
    assert told in refused.value.en


def test_an_alias_repeats_its_value() -> None:
    assert read("a: &a {x: 1}\nb: *a\nc: &c 2\nd: *c")[1] == {"a": {"x": 1}, "b": {"x": 1}, "c": 2, "d": 2}


def test_nothing_is_read_as_nothing() -> None:
    assert read("") == (None, None)
    assert read("# only a word") == (None, None)


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%@?, \n\t\0\x85\ud800字1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        root, value = read(text)
    except Unreadable as refused:
        place = refused.line, refused.column
    else:
        place = (root.start_mark.line + 1, root.start_mark.column + 1) if root else (1, 1)
        assert root or value is None
    assert (1, 1) <= place <= (len(text) + 2, len(text) + 2)
