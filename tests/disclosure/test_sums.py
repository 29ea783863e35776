"""What cases decided, paid and received: the last word that stands, and a village's quarter as the sum of its cases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure import village_page
from services.disclosure.cases import Case, take, with_taken
from services.disclosure.masking import masks
from services.disclosure.rendered import Rendered
from services.disclosure.schemas import CaseCard, VillagePage
from services.disclosure.sums import Amount, sums_of
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseAmended, CaseEvent
from tests.disclosure.samples import (
    NOW,
    VILLAGE,
    _about,
    award,
    case_id,
    completed,
    exactly,
    folded,
    form,
    opened,
    returned,
    withdrawn,
)

BLANK = village_page.blank(VILLAGE, vocabulary())
NEXT_QUARTER = datetime.fromisoformat("2026-03-31T16:00:00+00:00")


def contract(case: str, sequence: int, fen: int, **changed: Any) -> CaseEvent:
    return completed(case, sequence, "EN1-06", "EN1-07", form(contract_fen=fen), **changed)


def paid(case: str, sequence: int, fen: int, **changed: Any) -> CaseEvent:
    return completed(case, sequence, "EN1-08", None, form(payment_fen=fen), **changed)


def corrected(case: str, sequence: int, fen: int, **changed: Any) -> CaseEvent:
    """The payment of the event before is put right."""
    about: dict[str, Any] = {"supersedes": sequence - 1, "done_at": NOW, "node": "EN1-08", "changed": ("payment_fen",)}
    fields = form(payment_fen=fen)
    return exactly(CaseAmended, **_about(case, sequence, **changed), **about, fields=fields, reason="笔误")


def sums(*events: CaseEvent) -> dict[str, int]:
    return {name: amount.fen for name, amount in sums_of(folded(*events), masks(), vocabulary()).items()}


def moved(page: VillagePage, before: Case | None, after: Case) -> VillagePage:
    return village_page.with_case(page, before, after, masks(), vocabulary())


def test_the_contract_takes_the_place_of_the_award_from_the_day_of_the_award() -> None:
    case = folded(opened("a"), award("a", 2), contract("a", 3, 3_700_000), paid("a", 4, 3_600_000))
    at = NOW + timedelta(hours=2)
    assert sums_of(case, masks(), vocabulary()) == {
        "decided_fen": Amount(3_700_000, at),
        "paid_fen": Amount(3_600_000, NOW + timedelta(hours=4)),
    }


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ((returned("a", 4, "EN1-03"),), {}),
        ((returned("a", 4, "EN1-06"),), {"decided_fen": 3_800_000}),
        ((returned("a", 4, "EN1-07"),), {"decided_fen": 3_700_000}),
        ((returned("a", 4, "EN1-03"), award("a", 5)), {"decided_fen": 3_800_000}),
        ((withdrawn("a", 4),), {}),
        (
            (paid("a", 4, 5), corrected("a", 5, 7)),
            {"decided_fen": 3_700_000, "paid_fen": 7},
        ),
    ],
)
def test_what_was_sent_back_withdrawn_or_put_right_counts_as_it_stands(
    events: tuple[CaseEvent, ...], left: dict[str, int]
) -> None:
    assert sums(opened("a"), award("a", 2), contract("a", 3, 3_700_000), *events) == left


def test_relief_and_seals_have_no_sums() -> None:
    relief: dict[str, Any] = {"matter": "RE", "flow": "RE2"}
    given_out = completed("a", 2, "RE2-07", None, form(payment_fen=80_000, relief_fen=80_000), **relief)
    case = folded(opened("a", **relief), given_out)
    assert moved(BLANK, None, case).money == ()
    assert moved(BLANK, None, case).newest[0].paid_fen is None


def test_what_an_official_takes_back_leaves_the_sums() -> None:
    case = folded(opened("a"), award("a", 2))
    page = moved(BLANK, None, case)
    assert [each.decided_fen for each in page.money] == [3_800_000]
    for what in ("award_fen", "case"):
        taken = with_taken(case, {what: {"on": "2026-03-03", "why": "error"}}, masks())
        assert moved(page, case, taken).money == ()


def test_a_quarter_is_shown_until_it_ends() -> None:
    rendered = Rendered.of(moved(BLANK, None, folded(opened("a"), award("a", 2))), NOW)
    assert [each.quarter for each in rendered.page.money] == ["2026Q1"]
    assert rendered.stale_at == NEXT_QUARTER
    assert rendered.at(NEXT_QUARTER).page.money == ()


FEN = st.integers(1, 10**9)
FLOWS = ({"matter": "EN", "flow": "EN1"}, {"matter": "AS", "flow": "AS1"})
STEPS = ("award", "contract", "pay", "back", "correct", "stop")


@st.composite
def stories(draw: st.DrawFn) -> list[CaseEvent]:
    """Some cases with awards, contracts and payments, some sent back, put right or withdrawn; in any order."""
    events: list[CaseEvent] = []
    for case in [case_id() for _ in range(draw(st.integers(1, 3)))]:
        flow: dict[str, Any] = draw(st.sampled_from(FLOWS))
        steps: list[CaseEvent] = [opened(case, **flow)]
        for kind in draw(st.lists(st.sampled_from(STEPS), max_size=6)):
            at, fen = len(steps) + 1, draw(FEN)
            about = flow | {"occurred_at": NOW + timedelta(days=draw(st.integers(0, 60)))}
            match kind:
                case "award":
                    steps.append(award(case, at, **about))
                case "contract":
                    steps.append(contract(case, at, fen, **about))
                case "pay":
                    fields = form(payment_fen=fen, received_fen=1)
                    steps.append(completed(case, at, "EN1-08", "EN1-08", fields, **about))
                case "back":
                    steps.append(returned(case, at, draw(st.sampled_from(["EN1-03", "EN1-06", "EN1-08"])), **about))
                case "correct":
                    steps.append(corrected(case, at, fen, **about))
                case _:
                    steps.append(withdrawn(case, at, **about))
        events += steps
    return draw(st.permutations(events))


@given(stories())
def test_a_quarters_sums_are_the_sums_of_its_cases_whatever_the_order(events: list[CaseEvent]) -> None:
    held: dict[str, Case] = {}
    page = BLANK
    for event in events:
        before = held.get(event.case_id)
        held[event.case_id] = take(before, event, masks(), vocabulary())
        page = moved(page, before, held[event.case_id])
    cards = [CaseCard.of(case, masks(), vocabulary()) for case in held.values()]
    for name in ("decided_fen", "paid_fen", "received_fen"):
        for matter in vocabulary().matters:
            told = sum(getattr(each, name) for each in page.money if each.matter.code == matter)
            assert told == sum(getattr(card, name) or 0 for card in cards if card.matter.code == matter)
    assert all(any((each.decided_fen, each.paid_fen, each.received_fen)) for each in page.money)
