"""Kin are found from either side, to two steps and no farther, on the days on which the ties hold."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval.kin import STEPS, Colleague, Instead, Tie, instead, near
from services.approval.work.plan import plan

DAY = date(2026, 3, 2)
PERSONS = st.sampled_from("abcdefgh")
DAYS = st.integers(-2, 2).map(lambda days: DAY + timedelta(days=days))
TIES = st.lists(st.builds(Tie, PERSONS, PERSONS, DAYS, st.none() | DAYS), max_size=14)


def chain(*persons: str) -> list[Tie]:
    return [Tie(one, other, DAY) for one, other in pairwise(persons)]


@given(TIES, PERSONS, PERSONS)
def test_it_is_mutual_whichever_side_was_recorded(ties: list[Tie], one: str, other: str) -> None:
    turned = [Tie(tie.relative_key, tie.person_key, tie.valid_from, tie.valid_to) for tie in ties]
    assert (other in near(one, ties, DAY)) == (one in near(other, ties, DAY)) == (other in near(one, turned, DAY))


@given(TIES, PERSONS)
def test_it_reaches_whom_two_ties_of_the_day_join_and_nobody_else(ties: list[Tie], one: str) -> None:
    joined = {(tie.person_key, tie.relative_key) for tie in ties if tie.holds(DAY)}
    joined |= {(other, one) for one, other in joined}
    first = {one} | {other for at, other in joined if at == one}
    assert near(one, ties, DAY) == first | {other for at, other in joined if at in first}


@given(TIES, PERSONS, PERSONS)
def test_the_ties_at_the_two_ends_are_enough(ties: list[Tie], one: str, other: str) -> None:
    ends = [tie for tie in ties if {tie.person_key, tie.relative_key} & {one, other}]
    assert (other in near(one, ends, DAY)) == (other in near(one, ties, DAY))


@given(PERSONS)
def test_everybody_is_near_himself(one: str) -> None:
    assert near(one, [], DAY) == {one}


def test_two_steps_and_no_farther() -> None:
    assert STEPS == 2
    assert near("head", chain("head", "wife", "her brother", "his son"), DAY) == {"head", "wife", "her brother"}


def test_a_tie_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    tie = Tie("a", "b", DAY, DAY + timedelta(days=2))
    assert [tie.holds(DAY + timedelta(days=days)) for days in (-1, 0, 1, 2)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([{"village_head"}, {"handler"}], "colleague"),
        ([{"handler"}, {"two_committees"}], "deputy"),
        ([{"handler"}, {"supervisory_committee"}], "above"),
        ([], "above"),
    ],
)
def test_who_decides_instead(held: list[set[str]], expected: Instead) -> None:
    others = [Colleague(str(number), frozenset(roles)) for number, roles in enumerate(held)]
    assert instead("village_head", {"village_head"}, others, plan()) == expected
