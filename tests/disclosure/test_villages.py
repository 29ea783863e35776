"""A village's page follows its cases, and the bytes are true at the moment of reading."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure import villages
from services.disclosure.case_view import CaseView
from services.disclosure.cases import Case, take
from services.disclosure.errors import BadVillageCode, NoSuchVillage
from services.disclosure.masking import masks
from services.disclosure.rendered import Rendered
from services.disclosure.schemas import AlertCount, VillagePage
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent
from tests.disclosure.samples import NOW, VILLAGE, award, closing, folded, notice, offers, opened, withdrawn

BLANK = villages.blank(VILLAGE, 5)
ENDS = NOW + timedelta(days=5)


def page_of(*cases: Case) -> VillagePage:
    page = BLANK
    for case in cases:
        page = villages.with_case(page, None, case)
    return page


def works(page: VillagePage) -> tuple[int, int, int]:
    found = next(each for each in page.matters if each.matter.code == "EN")
    return found.running, found.closed, found.withdrawn


def test_counts_move_with_the_case() -> None:
    first = folded(opened("a"))
    page = villages.with_case(BLANK, None, first)
    assert works(page) == (1, 0, 0)
    done = folded(opened("a"), closing("a", 2))
    assert works(villages.with_case(page, first, done)) == (0, 1, 0)
    gone = folded(opened("a"), withdrawn("a", 2))
    assert works(villages.with_case(page, first, gone)) == (0, 0, 1)


def test_the_latest_moved_come_first_and_only_so_many() -> None:
    page = page_of(*(folded(opened(f"c{n:02}", occurred_at=NOW + timedelta(days=n))) for n in range(40)))
    ids = [card.case_id for card in page.newest]
    assert ids == [f"c{n:02}" for n in range(39, 39 - villages.NEWEST, -1)]
    assert page.updated_at == NOW + timedelta(days=39)
    assert works(page) == (40, 0, 0)


def test_a_notice_is_on_the_page_until_it_ends() -> None:
    rendered = Rendered.of(page_of(folded(opened("a"), notice("a", 2, ends_at=ENDS))), NOW)
    assert rendered.stale_at == ENDS
    assert rendered.at(ENDS - timedelta(seconds=1)) is rendered
    later = rendered.at(ENDS)
    assert (len(rendered.page.notices), len(later.page.notices), later.stale_at) == (1, 0, None)
    assert later.etag != rendered.etag
    assert later == Rendered.of(rendered.page, ENDS), "every replica comes to the same bytes"


def test_the_case_itself_shows_only_notices_that_run() -> None:
    case = folded(opened("a"), notice("a", 2, ends_at=ENDS))
    assert len(CaseView.at(case, NOW).notices) == 1
    assert CaseView.at(case, ENDS).notices == ()


@pytest.mark.parametrize(
    ("count", "floor", "zh"), [(0, 0, "少于 5 件"), (4, 0, "少于 5 件"), (5, 5, "5 件以上"), (14, 10, "10 件以上")]
)
def test_alerts_are_counted_in_groups(count: int, floor: int, zh: str) -> None:
    found = AlertCount.of(count, 5)
    assert (found.at_least, found.zh) == (floor, zh)


def test_one_more_alert_is_not_to_be_told_from_the_page() -> None:
    assert villages.with_alerts(BLANK, 6, 5) == villages.with_alerts(BLANK, 7, 5)
    assert villages.with_alerts(BLANK, 0, 5) == villages.with_alerts(BLANK, 1, 5) == BLANK


def test_the_bytes_say_chinese_in_chinese() -> None:
    assert "机耕路修补".encode() in Rendered.of(page_of(folded(opened("a"))), NOW).body


def test_codes_are_checked() -> None:
    assert villages.check(VILLAGE) == VILLAGE
    for malformed in ("", "33042110720", "33042110720a", "３３０４２１１０７２０１", "330421107201\n"):
        with pytest.raises(BadVillageCode):
            villages.check(malformed)
    for absent in ("330421107000", "330421000000", "330421107999"):
        with pytest.raises(NoSuchVillage):
            villages.check(absent)


CASES = ("a", "b", "c")
EVENTS: tuple[CaseEvent, ...] = tuple(
    event
    for number, case in enumerate(CASES)
    for event in (
        opened(case),
        offers(case),
        notice(case, 3, ends_at=ENDS + timedelta(days=number)),
        award(case, 4),
        closing(case, 5) if number else withdrawn(case, 5),
    )
)


def walked(events: list[CaseEvent], sizes: list[int]) -> VillagePage:
    """The page after events in batches, each case folded once a batch."""
    held: dict[str, Case] = {}
    page = BLANK
    for size in [*sizes, len(events)]:
        batch, events = events[:size], events[size:]
        before = dict(held)
        for event in batch:
            held[event.case_id] = take(held.get(event.case_id), event, masks(), vocabulary())
        for key in dict.fromkeys(event.case_id for event in batch):
            page = villages.with_case(page, before.get(key), held[key])
    return page


@given(st.permutations(EVENTS), st.lists(st.integers(1, 5), max_size=6))
def test_batches_of_any_size_in_any_order_give_the_same_page(events: list[CaseEvent], sizes: list[int]) -> None:
    assert walked(events, sizes) == page_of(*(folded(*(e for e in EVENTS if e.case_id == case)) for case in CASES))


def test_the_moment_of_rendering_is_the_only_time_in_it() -> None:
    page = page_of(folded(opened("a"), notice("a", 2, ends_at=ENDS)))
    assert Rendered.of(page, NOW) == Rendered.of(page, NOW + timedelta(hours=1))
    assert Rendered.of(page, datetime.max.replace(tzinfo=NOW.tzinfo)).stale_at is None
