"""A village's page follows its cases, and the bytes are true at the moment of reading."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure import village_page
from services.disclosure.case_view import CaseView
from services.disclosure.cases import Case, take
from services.disclosure.errors import BadVillageCode, NoSuchVillage
from services.disclosure.masking import masks
from services.disclosure.rendered import Rendered
from services.disclosure.schemas import AlertCount, VillagePage
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent
from shared.words import Flow, Name
from tests.disclosure.samples import NOW, VILLAGE, award, bids_in, closing, folded, notice, opened, withdrawn

BLANK = village_page.blank(VILLAGE, vocabulary())
RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2"}
ENDS = NOW + timedelta(days=5)


def page_of(*cases: Case) -> VillagePage:
    page = BLANK
    for case in cases:
        page = moved(page, None, case)
    return page


def moved(page: VillagePage, before: Case | None, after: Case) -> VillagePage:
    return village_page.with_case(page, before, after, masks(), vocabulary())


def works(page: VillagePage) -> tuple[int, int, int]:
    found = next(each for each in page.matters if each.matter.code == "EN")
    return found.running, found.closed, found.withdrawn


def test_counts_move_with_the_case() -> None:
    first = folded(opened("a"))
    page = moved(BLANK, None, first)
    assert works(page) == (1, 0, 0)
    done = folded(opened("a"), closing("a", 2))
    assert works(moved(page, first, done)) == (0, 1, 0)
    gone = folded(opened("a"), withdrawn("a", 2))
    assert works(moved(page, first, gone)) == (0, 0, 1)


def test_the_latest_moved_come_first_and_only_so_many() -> None:
    page = page_of(*(folded(opened(f"c{n:02}", occurred_at=NOW + timedelta(days=n))) for n in range(40)))
    ids = [card.case_id for card in village_page.shown(page).newest]
    assert ids == [f"c{n:02}" for n in range(39, 39 - village_page.SHOWN, -1)]
    assert page.updated_at == NOW + timedelta(days=39)
    assert works(page) == (40, 0, 0)


def test_a_notice_is_on_the_page_until_it_ends() -> None:
    rendered = Rendered.of(page_of(folded(opened("a"), notice("a", 2, ends_at=ENDS))), NOW)
    assert rendered.stale_at == ENDS
    assert rendered.at(ENDS - timedelta(seconds=1)) is rendered
    later = rendered.at(ENDS)
    assert (len(rendered.page.notices), len(later.page.notices), later.stale_at) == (1, 0, None)
    assert later.body.plain_etag != rendered.body.plain_etag
    assert later == Rendered.of(rendered.whole, ENDS), "every replica comes to the same bytes"


def test_the_case_itself_shows_only_notices_that_run() -> None:
    case = folded(opened("a"), notice("a", 2, ends_at=ENDS))
    assert len(CaseView.at(case, NOW, masks(), vocabulary()).notices) == 1
    assert CaseView.at(case, ENDS, masks(), vocabulary()).notices == ()


@pytest.mark.parametrize(
    ("count", "floor", "zh"), [(0, 0, "少于 5 件"), (4, 0, "少于 5 件"), (5, 5, "5 件以上"), (14, 10, "10 件以上")]
)
def test_alerts_are_counted_in_groups(count: int, floor: int, zh: str) -> None:
    found = AlertCount.of(2025, count, 5)
    assert (found.at_least, found.zh) == (floor, zh)


def test_one_more_alert_is_not_to_be_told_from_the_page() -> None:
    assert village_page.with_alerts(BLANK, 2025, 6, 5) == village_page.with_alerts(BLANK, 2025, 7, 5)


@pytest.mark.parametrize(
    ("last", "today", "closed"),
    [("2026-03-02", "2026-03-02", 2025), ("2026-12-31T16:00", "2027-01-01", 2026), ("2031-01-01", "2026-03-02", 2025)],
)
def test_the_closed_year_is_told_by_events_and_never_ahead_of_the_clock(last: str, today: str, closed: int) -> None:
    page = page_of(folded(opened("a", occurred_at=f"{last}{'' if 'T' in last else 'T00:00'}+00:00")))
    assert village_page.closed_year(page, datetime.fromisoformat(f"{today}T00:00:00+00:00")) == closed
    assert village_page.closed_year(BLANK, NOW) is None


def test_many_notices_are_counted_and_only_the_next_to_end_are_shown() -> None:
    page = page_of(*(folded(opened(f"c{n}"), notice(f"c{n}", 2, ends_at=ENDS + timedelta(hours=n))) for n in range(50)))
    shown = village_page.shown(page)
    assert (len(shown.notices), shown.notice_count) == (village_page.SHOWN, 50)
    assert [each.ends_at for each in shown.notices] == [ENDS + timedelta(hours=n) for n in range(village_page.SHOWN)]
    later = Rendered.of(page, NOW).at(ENDS)
    assert (len(later.page.notices), later.page.notice_count) == (village_page.SHOWN, 49), "the next one moves up"


def test_the_largest_page_is_light() -> None:
    title = "关于村级道路硬化及配套排水沟渠改造提升工程的事项" * 10
    page = page_of(
        *(folded(opened(f"c{n}", title=title), notice(f"c{n}", 2, ends_at=ENDS, title=title)) for n in range(300))
    )
    assert len(Rendered.of(page, NOW).body.plain) < 60_000


def test_a_hidden_case_is_neither_listed_nor_counted() -> None:
    applied = folded(opened("a", **RELIEF), notice("a", 2, ends_at=ENDS, **RELIEF))
    page = moved(BLANK, None, applied)
    assert (len(page.newest), len(page.notices)) == (1, 1)
    refused = folded(opened("a", **RELIEF), notice("a", 2, ends_at=ENDS, **RELIEF), withdrawn("a", 3, **RELIEF))
    after = moved(page, applied, refused)
    assert (after.newest, after.notices, after.matters) == ((), (), BLANK.matters)
    assert moved(BLANK, None, refused).matters == BLANK.matters
    assert moved(after, refused, applied).matters == page.matters


def test_what_stood_its_term_leaves_the_page() -> None:
    case = folded(opened("a", **RELIEF), closing("a", 2, **RELIEF))
    until = case.public_until(masks())
    assert until
    rendered = Rendered.of(page_of(case), NOW)
    assert (len(rendered.page.newest), rendered.stale_at) == (1, until)
    assert rendered.at(until).page.newest == ()


def test_soonest_notices_come_first() -> None:
    page = page_of(
        folded(opened("a"), notice("a", 2, ends_at=ENDS + timedelta(days=1))),
        folded(opened("b"), notice("b", 2, ends_at=ENDS)),
    )
    assert [each.case_id for each in page.notices] == ["b", "a"]


def test_a_new_version_of_a_flow_changes_nothing_of_older_cases() -> None:
    words = vocabulary()
    second = Flow("新流程", "New flow", {"EN1-01": Name("改了名的节点", "Renamed")})
    changed = replace(words, flows={**words.flows, "EN1": {**words.flows["EN1"], 2: second}})
    old, new = folded(opened("a")), folded(opened("b", flow_version=2))
    assert CaseView.at(old, NOW, masks(), changed) == CaseView.at(old, NOW, masks(), words)
    view = CaseView.at(new, NOW, masks(), changed)
    assert (view.node_count, view.node and view.node.zh, view.flow.zh) == (1, "改了名的节点", "新流程")


def test_the_bytes_say_chinese_in_chinese() -> None:
    assert "机耕路修补".encode() in Rendered.of(page_of(folded(opened("a"))), NOW).body.plain


def test_codes_are_checked() -> None:
    assert village_page.check(VILLAGE) == VILLAGE
    for malformed in ("", "33042110720", "33042110720a", "３３０４２１１０７２０１", "330421107201\n"):
        with pytest.raises(BadVillageCode):
            village_page.check(malformed)
    for absent in ("330421107000", "330421000000", "330421107999"):
        with pytest.raises(NoSuchVillage):
            village_page.check(absent)


CASES = ("a", "b", "c")
EVENTS: tuple[CaseEvent, ...] = tuple(
    event
    for number, case in enumerate(CASES)
    for event in (
        opened(case),
        bids_in(case),
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
            page = moved(page, before.get(key), held[key])
    return page


@given(st.permutations(EVENTS), st.lists(st.integers(1, 5), max_size=6))
def test_batches_of_any_size_in_any_order_give_the_same_page(events: list[CaseEvent], sizes: list[int]) -> None:
    assert walked(events, sizes) == page_of(*(folded(*(e for e in EVENTS if e.case_id == case)) for case in CASES))


def test_the_moment_of_rendering_is_the_only_time_in_it() -> None:
    page = page_of(folded(opened("a"), notice("a", 2, ends_at=ENDS)))
    assert Rendered.of(page, NOW) == Rendered.of(page, NOW + timedelta(hours=1))
    assert Rendered.of(page, datetime.max.replace(tzinfo=NOW.tzinfo)).stale_at is None
