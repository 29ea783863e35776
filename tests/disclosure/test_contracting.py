"""A case's masked history as a deal: what is told when, what is done anew, what changes a contract."""

from datetime import UTC, date, datetime

from services.disclosure.cases import Case
from services.disclosure.masking import masks
from services.disclosure.opendata import contracting
from services.disclosure.opendata.contracting import Process, Step
from shared.contracts.power import CaseEvent
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    NOW,
    award,
    bid,
    bids_in,
    completed,
    folded,
    form,
    opened,
    returned,
    withdrawn,
)

SIGNED = form(contract_no="HT-1", contract_fen=3_800_000, contract_signed_on=date(2026, 3, 9), supplier_name=FIRM)
PAID = form(payment_fen=3_790_000, settlement_fen=3_790_000, payee_name=FIRM)
CHANGE = {"flow": "EN5"}


def steps(*events: CaseEvent, changes: tuple[Case, ...] = ()) -> list[Step]:
    resolved = [change for case in changes if (change := contracting.change_of(case, masks()))]
    return list(contracting.steps(folded(*events), resolved, masks()))


def last(*events: CaseEvent, changes: tuple[Case, ...] = ()) -> Process:
    return steps(*events, changes=changes)[-1].process


def changing(*, approved: bool = True, fen: int = 100_000, sequence: int = 3, day: int = 20) -> Case:
    at = datetime(2026, 3, day, tzinfo=UTC)
    return folded(
        opened("change", form(item="改", related_case_no="1"), **CHANGE),
        completed("change", 2, "EN5-01", "EN5-03", form(change_fen=1, reason="地基加深"), **CHANGE),
        completed(
            "change", sequence, "EN5-06", None, form(change_fen=fen, approved=approved), occurred_at=at, **CHANGE
        ),
    )


def test_a_deal_from_its_plan_to_its_payment() -> None:
    deal = last(
        opened("c"),
        bids_in("c"),
        award("c"),
        completed("c", 4, "EN1-06", "EN1-07", SIGNED),
        completed("c", 5, "EN1-08", None, PAID),
    )
    assert (deal.item, deal.estimate_fen) == ("机耕路修补", 3_900_000)
    assert [(each.bidder.name, each.standing) for each in deal.bids] == [(FIRM, "valid"), (LOSER, "valid")]
    assert [(each.supplier.name, each.amount_fen) for each in deal.awards if each.supplier] == [(FIRM, 3_800_000)]
    contract = deal.contract
    assert contract
    assert (contract.no, contract.amount_fen, contract.settlement_fen) == ("HT-1", 3_800_000, 3_790_000)
    assert (contract.award, contract.standing, contract.signed_on) == (1, "ended", date(2026, 3, 9))
    assert [(each.amount_fen, each.received) for each in deal.payments] == [(3_790_000, False)]


def test_bids_are_told_with_the_award_and_what_was_told_before_stays() -> None:
    before = steps(opened("c"), bids_in("c"))
    after = steps(opened("c"), bids_in("c"), award("c"))
    assert [step.process.bids for step in before] == [(), ()]
    assert after[:2] == before, "the award changes nothing of what was published before it"
    assert len(after[2].process.bids) == 2


def test_what_is_sent_back_behind_its_award_is_awarded_anew() -> None:
    deal = last(opened("c"), bids_in("c"), award("c"), returned("c", 4), award("c", 5))
    assert [(each.number, each.standing) for each in deal.awards] == [(1, "cancelled"), (2, "active")]


def test_sent_back_to_a_later_node_the_award_stands() -> None:
    deal = last(opened("c"), bids_in("c"), award("c"), returned("c", 4, to_node="EN1-05"))
    assert [each.standing for each in deal.awards] == ["active"]


def test_a_bidder_who_is_no_longer_among_the_bids_has_withdrawn() -> None:
    fewer = form(bids=(bid(company_name=FIRM, price_fen=3),), award_fen=3, supplier_name=FIRM)
    deal = last(opened("c"), bids_in("c"), award("c"), returned("c", 4), completed("c", 5, "EN1-04", "EN1-05", fewer))
    assert [(each.bidder.name, each.standing) for each in deal.bids] == [(FIRM, "valid"), (LOSER, "withdrawn")]


def test_what_is_withdrawn_or_refused_is_cancelled() -> None:
    assert last(opened("c"), bids_in("c"), award("c"), withdrawn("c", 4)).awards[0].standing == "cancelled"
    refused = last(opened("c"), completed("c", 2, "EN1-02", None, form(approved=False)))
    assert refused.cancelled


def test_a_payment_without_a_contract_shows_a_deal_without_paper() -> None:
    deal = last(opened("c"), award("c", 2), completed("c", 3, "EN1-08", None, PAID))
    assert deal.contract
    assert (deal.contract.written, deal.contract.amount_fen) == (False, 3_800_000)


def test_a_resolved_change_is_added_to_the_contract_when_it_was_resolved() -> None:
    events = (
        opened("c"),
        award("c", 2),
        completed("c", 3, "EN1-06", "EN1-07", SIGNED),
        completed("c", 4, "EN1-08", None, PAID, occurred_at=datetime(2026, 4, 1, tzinfo=UTC)),
    )
    told = steps(*events, changes=(changing(),))
    assert [step.id for step in told] == ["c-1", "c-2", "c-3", "change-3", "c-4"]
    contract = told[-1].process.contract
    assert contract
    assert (contract.first_fen, contract.changes_fen, contract.amount_fen) == (3_800_000, 100_000, 3_900_000)
    assert contract.changes[0].reason == "地基加深"


def test_a_change_that_was_refused_or_still_runs_changes_nothing() -> None:
    assert contracting.change_of(changing(approved=False), masks()) is None
    running = folded(opened("change", form(related_case_no="1"), **CHANGE))
    assert contracting.change_of(running, masks()) is None
    assert contracting.changed_case(running, masks()) == "1"


def test_persons_are_told_from_firms_also_behind_the_mask() -> None:
    deal = last(
        opened("c"), award("c", 2), completed("c", 3, "EN1-06", "EN1-07", form(contract_fen=1, supplier_name="孙慕雪"))
    )
    assert deal.contract
    assert deal.contract.supplier
    assert (deal.contract.supplier.name, deal.contract.supplier.is_person) == ("孙**", True)
    assert not contracting.Party(FIRM).is_person


def test_the_steps_come_in_the_order_of_time() -> None:
    told = steps(opened("c"), award("c", 2), completed("c", 3, "EN1-06", "EN1-07", SIGNED), changes=(changing(),))
    moments = [step.at for step in told]
    assert moments == sorted(moments)
    assert moments[0] > NOW
