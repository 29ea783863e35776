"""What the inbox's URL says, and back."""

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.notifier.workbench.inbox_choice import SHOWN, InboxChoice
from tests.notifier.samples import TOWN, VILLAGE

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "show": st.sampled_from([*SHOWN, "verifying"]),
        "grade": st.sampled_from(["red", "yellow", "prompt"]),
        "place": st.sampled_from([TOWN, VILLAGE]),
        "rule": st.just("A001"),
        "assigned": st.sampled_from(["me", "nobody"]),
        "since": st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        "text": WORDS,
        "group": st.just("party:company:91330421MA2B0C0D1E"),
        "sort": st.sampled_from(["graver", "due", "newest"]),
    },
)


@given(CHOICES)
def test_a_url_brings_the_same_choice_back(values: dict[str, Any]) -> None:
    choice = InboxChoice.model_validate(values)
    again = InboxChoice.model_validate(dict(parse_qsl(choice.query(), keep_blank_values=True)))
    assert again == choice
    assert again.filter() == choice.filter()


def test_an_empty_form_is_the_plain_inbox() -> None:
    empty = InboxChoice.model_validate({"text": "", "grade": "", "since": "", "after": ""})
    assert (empty, empty.query(), empty.chosen) == (InboxChoice(), "", {})
    assert empty.filter().state == "open"


def test_days_are_those_of_shanghai_and_the_last_counts_whole() -> None:
    wanted = InboxChoice(since=date(2026, 3, 2), until=date(2026, 3, 2)).filter()
    assert wanted.since == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert wanted.until == datetime(2026, 3, 2, 16, tzinfo=UTC)


def test_another_choice_begins_with_its_first_page() -> None:
    choice = InboxChoice(text="补贴", after="somewhere")
    assert choice.query(grade="red") == "text=%E8%A1%A5%E8%B4%B4&grade=red"
    assert "after=next" in choice.query(after="next")


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(ValidationError, match="没有“lost”这一状态"):
        InboxChoice(show="lost")
