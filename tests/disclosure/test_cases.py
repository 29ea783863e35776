"""A case in public is a function of its events: where it stands, what is shown, what is withheld."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure.cases import HIDDEN, Case, take
from services.disclosure.masking import masks
from services.disclosure.people import NOBODY
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    NOW,
    award,
    bids_in,
    closing,
    completed,
    folded,
    form,
    notice,
    opened,
    returned,
    withdrawn,
    worker,
)

ID = "case-1"
ENDS = NOW + timedelta(days=5)


def shown(case: Case) -> str:
    """All that its public columns hold."""
    return f"{case.case_no} {case.title} {case.history}"


def test_a_new_case_waits_at_its_first_node() -> None:
    case = folded(opened(ID))
    assert (case.state, case.node, case.due_at) == ("running", "EN1-01", NOW + timedelta(days=3))
    assert case.opened_at == case.updated_at == NOW + timedelta(hours=1)


def test_it_moves_on_and_is_closed_by_the_last_node() -> None:
    events = opened(ID), bids_in(ID), award(ID)
    assert (folded(*events).state, folded(*events).node) == ("running", "EN1-05")
    done = folded(*events, closing(ID, 4))
    assert (done.state, done.node, done.due_at) == ("closed", None, None)


def test_it_is_sent_back_and_withdrawn() -> None:
    back = folded(opened(ID), bids_in(ID), returned(ID, 3))
    assert (back.state, back.node) == ("running", "EN1-03")
    gone = folded(opened(ID), withdrawn(ID, 2))
    assert (gone.state, gone.node, gone.due_at) == ("withdrawn", None, None)


def test_why_works_were_sent_back_is_told_without_persons_and_numbers() -> None:
    case = folded(opened(ID), bids_in(ID), returned(ID, 3), withdrawn(ID, 4))
    assert not [text for text in ("钱多宝", "13800138000", "报价-") if text in shown(case)]
    assert [entry.get("reason", "")[:4] for entry in case.history] == ["", "", "重新比价", "不办了"]
    relief = folded(opened(ID, **RELIEF), returned(ID, 2, "RE2-01", **RELIEF), withdrawn(ID, 3, **RELIEF))
    assert not [text for text in ("重新比价", "不办了") if text in shown(relief)]


def test_bids_are_withheld_until_the_award() -> None:
    before = folded(opened(ID), bids_in(ID))
    assert LOSER not in shown(before)
    assert LOSER in str(before.withheld)
    after = folded(opened(ID), bids_in(ID), award(ID))
    assert after.history[1]["fields"]["bids"][1] == {"name": LOSER, "price_fen": 3_910_000, "valid": True}


@pytest.mark.parametrize("sign", [{"contract_fen": 1}, {"contract_signed_on": "2026-03-05"}, {"award_fen": 1}])
def test_any_sign_of_the_deal_opens_them(sign: dict[str, object]) -> None:
    assert LOSER in shown(folded(opened(ID), bids_in(ID), completed(ID, 3, "EN1-06", "EN1-07", form(**sign))))


def test_reserve_prices_are_withheld_too() -> None:
    asset: dict[str, Any] = {"matter": "AS", "flow": "AS1"}
    price = completed(ID, 2, "AS1-05", "AS1-06", form(reserve_fen=123_456, appraisal_fen=234_567), **asset)
    before = shown(folded(opened(ID, **asset), price))
    assert "123456" not in before
    assert "234567" not in before
    sold = completed(ID, 3, "AS1-08", "AS1-09", form(award_fen=150_000), **asset)
    assert "123456" in shown(folded(opened(ID, **asset), price, sold))


def test_new_bids_after_sending_back_wait_for_the_next_award() -> None:
    first = opened(ID), bids_in(ID), award(ID), returned(ID, 4)
    assert "bids" in folded(*first).history[1]["fields"], "what was open stays open"
    again = folded(*first, bids_in(ID, 5))
    assert "bids" not in again.history[4].get("fields", {})
    assert "bids" in folded(*first, bids_in(ID, 5), award(ID, 6)).history[4]["fields"]


def test_a_notice_runs_until_its_end_or_until_the_case_is_sent_back() -> None:
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS)).notices == {"EN1-05": ENDS}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), returned(ID, 3)).notices == {}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), withdrawn(ID, 3)).notices == {}
    assert folded(opened(ID), notice(ID, 2, ends_at=ENDS), closing(ID, 3)).notices == {"EN1-05": ENDS}


def test_a_person_named_later_is_struck_out_of_what_was_said_before() -> None:
    labour = {"matter": "LA", "flow": "LA2"}
    early = opened(ID, form(item="聘孙慕雪为保洁员", reason="孙慕雪"), **labour)
    assert "孙慕雪" in shown(folded(early)), "nobody can know yet that it is a name"
    hired = completed(ID, 2, "LA2-05", "LA2-06", form(hire_name="孙慕雪"), **labour)
    case = folded(early, hired)
    assert "孙慕雪" not in shown(case)
    assert case.history[0]["fields"]["item"] == "聘孙**为保洁员"


def test_a_person_named_before_is_struck_out_of_what_is_said_later() -> None:
    labour = {"matter": "LA", "flow": "LA2"}
    hired = opened(ID, form(hire_name="孙慕雪"), **labour)
    later = completed(ID, 2, "LA2-05", "LA2-06", form(position="孙慕雪的岗位"), **labour)
    assert "孙慕雪" not in shown(folded(hired, later))


def test_the_title_is_that_of_the_latest_event_without_anybody_whom_any_event_names() -> None:
    works = form(payee_name="周镇海")
    late = completed(ID, 2, "EN1-07", "EN1-08", works, title="周镇海屋后路灯")
    case = folded(opened(ID, title="周镇海屋前路灯"), late)
    assert case.title == "周**屋后路灯", "a corrected title of the same length is another title"
    assert folded(late, opened(ID, title="周镇海屋前路灯")).title == case.title


def test_the_number_too_is_without_whoever_is_named_later() -> None:
    labour: dict[str, Any] = {"matter": "LA", "flow": "LA2", "case_no": "聘孙慕雪-1"}
    assert folded(opened(ID, **labour)).case_no == "聘孙慕雪-1", "nobody can know yet that it is a name"
    assert folded(opened(ID, **labour), hire(2, **labour)).case_no == "聘孙**-1"


def hire(sequence: int, **changed: Any) -> CaseEvent:
    return completed(ID, sequence, "LA2-05", "LA2-06", form(hire_name="孙慕雪"), **changed)


LABOUR: dict[str, Any] = {"matter": "LA", "flow": "LA2"}
RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2"}


def test_people_are_remembered_only_where_texts_are_public_and_while_more_can_come() -> None:
    applied = opened(ID, form(beneficiary_name="孙慕雪"), **RELIEF)
    assert folded(applied).people == NOBODY, "nothing that is written freely is public of relief"
    hired = opened(ID, form(hire_name="孙慕雪"), **LABOUR)
    assert "孙慕雪" in (folded(hired).people or NOBODY).private
    over = folded(hired, completed(ID, 2, "LA2-08", None, **LABOUR))
    assert over.people is None
    gone = folded(opened(ID), bids_in(ID), withdrawn(ID, 3))
    assert (gone.people, gone.withheld) == (None, {})
    assert folded(hired, completed(ID, 3, "LA2-08", None, **LABOUR)).people, "the second event may still come"


def test_what_comes_when_people_are_forgotten_is_shown_without_texts() -> None:
    over = opened(ID, form(hire_name="孙慕雪"), **LABOUR), completed(ID, 2, "LA2-08", None, **LABOUR)
    more = completed(ID, 3, "LA2-05", None, form(position="孙慕雪的岗位", headcount=2), **LABOUR)
    assert folded(*over, more).history[2]["fields"] == {"headcount": 2}


def test_many_workers_are_struck_out_of_what_was_said_before() -> None:
    named = opened(ID, form(item="卞长生等人清沟"), **LABOUR)
    paid = completed(ID, 2, "LA2-05", "LA2-06", form(workers=[worker("卞长生")] * 3), **LABOUR)
    assert "卞长生" not in shown(folded(named, paid))


def test_relief_is_withheld_until_it_is_put_on_notice() -> None:
    applied = opened(ID, form(beneficiary_name="孙慕雪", household_size=3), **RELIEF)
    assert "fields" not in folded(applied).history[0]
    noticed = notice(ID, 2, ends_at=ENDS, **RELIEF)
    assert folded(applied, noticed).history[0]["fields"] == {"beneficiary_name": "孙**", "household_size": 3}


def test_relief_sent_back_refused_or_withdrawn_is_not_public() -> None:
    applied = opened(ID, form(beneficiary_name="孙慕雪"), **RELIEF)
    refused = completed(ID, 2, "RE2-04", "RE2-05", form(approved=False), **RELIEF)
    for last in (returned(ID, 2, "RE2-01", **RELIEF), withdrawn(ID, 2, **RELIEF), refused):
        assert folded(applied, last).public_until(masks()) == HIDDEN
    granted = completed(ID, 3, "RE2-06", "RE2-07", form(approved=True), **RELIEF)
    assert folded(applied, refused, granted).public_until(masks()) is None
    assert folded(opened(ID), withdrawn(ID, 2)).public_until(masks()) is None, "other matters stay public"


def test_relief_that_was_granted_stands_for_its_term() -> None:
    granted = completed(ID, 2, "RE2-07", None, form(approved=True), **RELIEF)
    case = folded(opened(ID, **RELIEF), granted)
    assert case.public_until(masks()) == case.updated_at + masks().standing["RE2"]


def test_a_case_keeps_the_version_of_its_flow() -> None:
    assert folded(opened(ID, flow_version=2)).flow_version == 2


HISTORY: tuple[CaseEvent, ...] = (
    opened(ID),
    bids_in(ID),
    award(ID),
    returned(ID, 4),
    bids_in(ID, 5),
    completed(ID, 6, "EN1-07", "EN1-08", form(payee_name="周镇海", item="周镇海验收")),
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
