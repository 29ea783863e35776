"""A case in public is a function of its events: where it stands, what is shown, what stays sealed."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure.cases import Case, take
from services.disclosure.masking import masks
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent, NodeFields
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    NOW,
    award,
    closing,
    completed,
    folded,
    notice,
    offers,
    opened,
    returned,
    withdrawn,
)

ID = "case-1"
ENDS = NOW + timedelta(days=5)


def shown(case: Case) -> str:
    """All that its public columns hold."""
    return f"{case.title} {case.steps}"


def test_a_new_case_waits_at_its_first_step() -> None:
    case = folded(opened(ID))
    assert (case.state, case.node, case.due_at) == ("running", "EN1-01", NOW + timedelta(days=3))
    assert case.opened_at == case.updated_at == NOW + timedelta(hours=1)


def test_it_moves_on_and_is_closed_by_the_last_step() -> None:
    steps = opened(ID), offers(ID), award(ID)
    assert (folded(*steps).state, folded(*steps).node) == ("running", "EN1-05")
    done = folded(*steps, closing(ID, 4))
    assert (done.state, done.node, done.due_at) == ("closed", None, None)


def test_it_is_sent_back_and_withdrawn() -> None:
    back = folded(opened(ID), offers(ID), returned(ID, 3))
    assert (back.state, back.node) == ("running", "EN1-03")
    gone = folded(opened(ID), withdrawn(ID, 2))
    assert (gone.state, gone.node, gone.due_at) == ("withdrawn", None, None)


def test_reasons_and_names_of_people_never_get_in() -> None:
    case = folded(opened(ID), offers(ID), returned(ID, 3), withdrawn(ID, 4))
    assert not [text for text in ("钱多宝", "13800138000", "重新比价", "不办了", "报价-") if text in shown(case)]


def test_offers_are_sealed_until_the_award() -> None:
    before = folded(opened(ID), offers(ID))
    assert LOSER not in shown(before)
    assert LOSER in str(before.sealed)
    after = folded(opened(ID), offers(ID), award(ID))
    assert after.steps[1]["fields"]["bids"][1] == {"name": LOSER, "price_fen": 3_910_000, "valid": True}


@pytest.mark.parametrize("sign", [{"contract_fen": 1}, {"contract_signed_on": "2026-03-05"}, {"award_fen": 1}])
def test_any_sign_of_the_deal_opens_them(sign: dict[str, object]) -> None:
    assert LOSER in shown(folded(opened(ID), offers(ID), completed(ID, 3, "EN1-06", "EN1-07", NodeFields(**sign))))


def test_reserve_prices_are_sealed_too() -> None:
    asset: dict[str, Any] = {"matter": "AS", "flow": "AS1"}
    price = completed(ID, 2, "AS1-05", "AS1-06", NodeFields(reserve_fen=123_456, appraisal_fen=234_567), **asset)
    before = shown(folded(opened(ID, **asset), price))
    assert "123456" not in before
    assert "234567" not in before
    sold = completed(ID, 3, "AS1-08", "AS1-09", NodeFields(award_fen=150_000), **asset)
    assert "123456" in shown(folded(opened(ID, **asset), price, sold))


def test_new_offers_after_sending_back_wait_for_the_next_award() -> None:
    first = opened(ID), offers(ID), award(ID), returned(ID, 4)
    assert "bids" in folded(*first).steps[1]["fields"], "what was open stays open"
    again = folded(*first, offers(ID, 5))
    assert "bids" not in again.steps[4].get("fields", {})
    assert "bids" in folded(*first, offers(ID, 5), award(ID, 6)).steps[4]["fields"]


def test_a_notice_runs_until_its_end_or_until_the_case_is_sent_back() -> None:
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS)).notices == {"EN1-05": ENDS}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), returned(ID, 3)).notices == {}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), withdrawn(ID, 3)).notices == {}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), closing(ID, 3)).notices == {"EN1-05": ENDS}


def test_a_person_named_later_is_struck_out_of_what_was_said_before() -> None:
    labour = {"matter": "LA", "flow": "LA2"}
    early = opened(ID, NodeFields(item="聘孙慕雪为保洁员", reason="孙慕雪"), **labour)
    assert "孙慕雪" in shown(folded(early)), "nobody can know yet that it is a name"
    hired = completed(ID, 2, "LA2-05", "LA2-06", NodeFields(hire_name="孙慕雪"), **labour)
    case = folded(early, hired)
    assert "孙慕雪" not in shown(case)
    assert case.steps[0]["fields"]["item"] == "聘孙*雪为保洁员"


def test_a_person_named_before_is_struck_out_of_what_is_said_later() -> None:
    labour = {"matter": "LA", "flow": "LA2"}
    hired = opened(ID, NodeFields(hire_name="孙慕雪"), **labour)
    later = completed(ID, 2, "LA2-05", "LA2-06", NodeFields(position="孙慕雪的岗位"), **labour)
    assert "孙慕雪" not in shown(folded(hired, later))


def test_a_title_keeps_every_mask() -> None:
    works = NodeFields(inspectors=("周镇海",))
    case = folded(
        opened(ID, title="周镇海家门口路灯"), completed(ID, 2, "EN1-07", "EN1-08", works, title="周镇海家门口路灯")
    )
    assert case.title == "周*海家门口路灯"


HISTORY: tuple[CaseEvent, ...] = (
    opened(ID),
    offers(ID),
    award(ID),
    returned(ID, 4),
    offers(ID, 5),
    completed(ID, 6, "EN1-07", "EN1-08", NodeFields(inspectors=("周镇海",), item="周镇海验收")),
    notice(ID, 7, ends_at=ENDS),
    award(ID, 8),
)


@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=4))
def test_order_and_repetition_change_nothing(order: list[CaseEvent], again: list[CaseEvent]) -> None:
    assert folded(*order, *again) == folded(*HISTORY)


@given(st.integers(1, len(HISTORY)))
def test_a_repeated_event_gives_back_the_very_same_case(sequence: int) -> None:
    case = folded(*HISTORY)
    assert take(case, HISTORY[sequence - 1], masks(), vocabulary()) is case


def test_the_supplier_is_shown_in_full() -> None:
    assert FIRM in shown(folded(*HISTORY))
