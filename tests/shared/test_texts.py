"""However a text is written, its reader and its comparer see the same."""

import pytest

from shared.texts import fold, hidden, seen


@pytest.mark.parametrize(
    "char", ["\u200b", "\u202e", "\u2066", "\u00ad", "\ufeff", "\u3164", "\u180e", "\x00", "\U000e0020"]
)
def test_what_has_no_shape_is_found_and_taken_out(char: str) -> None:
    assert hidden(f"路{char}灯") == char
    assert seen(f"路{char}灯") == "路灯"


def test_an_honest_text_hides_nothing_and_stays_as_it_is() -> None:
    text = "修路(2公里),100m²\n\t造价１２万元 café"
    assert hidden(text) is None
    assert seen(text) == text


def test_marks_upon_characters_are_taken_out() -> None:
    assert seen("1\ufe0f\u20e33\ufe0f\u20e3") == "13"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("①❸⑧", "138"),
        ("１３８", "138"),
        ("張偉", "张伟"),
        ("Wang", "wang"),
        ("⑫号", "12号"),
        ("⼩", "小"),
        ("100m²", "100m^"),
        ("100㎡", "100㎡"),
        ("¹³⁸", "138"),
        ("", ""),
    ],
)
def test_writing_it_otherwise_is_folded_away(text: str, folded: str) -> None:
    assert fold(text).text == folded


def test_a_stretch_is_found_again_in_the_original() -> None:
    text = "在⑫号張偉家"
    found = fold(text)
    start = found.text.index("张伟")
    assert found.text == "在12号张伟家"
    assert text[slice(*found.original(start, start + 2))] == "張偉"
    start = found.text.index("12")
    assert text[slice(*found.original(start, start + 2))] == "⑫"
