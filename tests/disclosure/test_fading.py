"""What is public for a time goes by the clock, and what an official takes back goes at once and can come again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from services.disclosure.cases import HIDDEN, WHOLE, Case, take, with_taken
from services.disclosure.fading import TERM, faded, fades_at
from services.disclosure.masking import masks
from services.disclosure.vocabulary import vocabulary
from shared.workdays import SHANGHAI
from tests.disclosure.samples import LOSER, award, bids_in, closing, folded, form, notice, opened, worker

ID = "the-case"
# A notice ends at midnight in Shanghai: its last day is the 9th.
ENDS = datetime(2026, 3, 9, 16, tzinfo=UTC)
RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2"}
FAMILY = form(beneficiary_name="孙慕雪", household_size=3, relief_fen=200_000)
PRIVACY = {"on": "2026-04-02", "why": "privacy"}


def relief() -> Case:
    return folded(opened(ID, FAMILY, **RELIEF), notice(ID, 2, ends_at=ENDS, **RELIEF))


def fields(case: Case) -> set[str]:
    return {name for entry in case.history for name in entry.get("fields", {})}


def everything(case: Case) -> str:
    return f"{case.history} {case.withheld}"


def test_the_relieved_are_named_until_some_days_after_the_end_of_the_notice() -> None:
    case = relief()
    term = masks().term("beneficiary_name", ("RE", "RE2"))
    assert term
    last_day = datetime(2026, 3, 9, tzinfo=SHANGHAI) + timedelta(days=term.days)
    assert fades_at(case, masks()) == last_day + timedelta(days=1)
    assert faded(case, masks(), last_day + timedelta(hours=23, minutes=59)) == case
    gone = faded(case, masks(), last_day + timedelta(days=1))
    assert fields(gone) == {"household_size"}
    assert "孙" not in everything(gone), "not in what is withheld either"
    mark = {"on": last_day.date().isoformat(), "why": TERM}
    assert gone.history[0]["ended"] == {"beneficiary_name": mark, "relief_fen": mark}
    assert fades_at(gone, masks()) is None
    assert faded(gone, masks(), ENDS + timedelta(days=9999)) == gone


def test_what_has_faded_does_not_come_back_with_the_next_event() -> None:
    gone = faded(relief(), masks(), ENDS + timedelta(days=400))
    paid = closing(ID, 3, **RELIEF)
    later = take(gone, paid, masks(), vocabulary())
    assert fields(later) == {"household_size"}
    assert later.history[0]["ended"] == gone.history[0]["ended"]


def test_wages_go_some_time_after_the_case_has_ended_and_never_while_it_runs() -> None:
    labour: dict[str, Any] = {"matter": "LA", "flow": "LA1"}
    sheet = opened(ID, form(workers=(worker("郭小川"),)), **labour)
    assert fades_at(folded(sheet), masks()) is None
    done = folded(sheet, closing(ID, 2, **labour))
    ends = fades_at(done, masks())
    assert ends
    assert done.ended_at
    assert timedelta(days=729) < ends - done.ended_at <= timedelta(days=731)
    assert "郭" not in everything(faded(done, masks(), ends))


def test_what_is_taken_back_is_withheld_and_shown_again_when_it_is_put_back() -> None:
    case = folded(opened(ID), bids_in(ID), award(ID))
    taken = with_taken(case, {"bids": PRIVACY, "supplier_name": PRIVACY}, masks())
    assert LOSER not in str(taken.history)
    assert "supplier_name" not in fields(taken)
    assert taken.history[1]["ended"] == {"bids": PRIVACY}
    again = take(taken, bids_in(ID, 4), masks(), vocabulary())
    assert LOSER not in str(again.history), "what comes later is withheld too"
    assert with_taken(taken, {}, masks()).history == case.history


def test_a_case_that_is_taken_back_as_a_whole_is_not_public() -> None:
    case = folded(opened(ID), bids_in(ID), award(ID))
    taken = with_taken(case, {WHOLE: PRIVACY}, masks())
    assert taken.public_until(masks()) == HIDDEN
    assert with_taken(taken, {}, masks()).public_until(masks()) is None


@given(some.permutations(range(3)), some.integers(0, 2000), some.integers(0, 2000))
def test_fading_twice_is_fading_at_the_later_moment(order: tuple[int, ...], one: int, other: int) -> None:
    events = [opened(ID, FAMILY, **RELIEF), notice(ID, 2, ends_at=ENDS, **RELIEF), closing(ID, 3, **RELIEF)]
    case = folded(*(events[n] for n in order))
    first, second = sorted((ENDS + timedelta(days=one), ENDS + timedelta(days=other)))
    assert faded(faded(case, masks(), first), masks(), second) == faded(case, masks(), second)
