"""What was read on papers: a fact of the case that moves none of its steps, and of each invoice it shows."""

from datetime import UTC, datetime
from typing import Any

from services.detector.detection import Finding
from services.detector.distil import Fact, facts_of
from services.detector.examples import judge_all
from services.detector.rules import Rulebook, load
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.contracts.base import Contract
from shared.contracts.papers import PaperRead

NUMBER = "25332000000012345678"
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
ACTOR = power.Actor(person_key="p:li", name="李明", role="handler")


def case(id: str, **more: Any) -> dict[str, Any]:
    told = {"case_id": id, "case_no": id.upper(), "title": "办公用品", "matter": "PR", "flow": "PR1"}
    return told | {"village_code": "330421107201", "town_code": "330421107000", "occurred_at": NOON} | more


def paid(id: str, **fields: Any) -> power.NodeCompleted:
    told = power.NodeFields.model_validate(fields)
    return power.NodeCompleted(**case(id), sequence=5, actor=ACTOR, node="PR1-05", fields=told)


def read(id: str, **more: Any) -> PaperRead:
    place = {"node": "PR1-05", "filed_sequence": 5, "filed_at": NOON, "kind": "invoice", "sha256": "0" * 64}
    return PaperRead(**case(id), **place, **more)


def facts(*events: Contract) -> list[Fact]:
    return [
        fact
        for number, event in enumerate(events)
        for fact in facts_of(Envelope.of(event, source="/t", topic="t", key="k", time=NOON, id=f"e{number}"))
    ]


def found(*events: Contract) -> list[Finding]:
    return judge_all(load(), facts(*events), [], NOON)


def test_an_invoice_whose_number_the_form_hides_is_claimed_twice_all_the_same() -> None:
    one, other = paid("c1", invoice_no=NUMBER, invoice_fen=300_000), paid("c2", invoice_no="12345678")
    assert "A081" not in {finding.rule_id for finding in found(one, other)}
    [alert] = [f for f in found(one, other, read("c2", invoice_nos=[NUMBER])) if f.rule_id == "A081"]
    assert (alert.dedupe_key, alert.case_ids) == (NUMBER, ("c1", "c2"))
    assert [line.label.zh for line in alert.evidence[1:]] == ["入账", "票面识别(待核对)"]


def test_a_short_number_needs_the_same_amount() -> None:
    one, short = paid("c1", invoice_no="03321001", invoice_fen=300_000), {"invoice_nos": ["03321001"]}
    rules = {f.rule_id for f in found(one, read("c2", **short, totals_fen=[300_000]))}
    assert "A081" in rules
    assert "A081" not in {f.rule_id for f in found(one, read("c2", **short, totals_fen=[900_000]))}


def test_the_paper_of_the_same_case_is_no_second_claim() -> None:
    assert "A081" not in {f.rule_id for f in found(paid("c1", invoice_no=NUMBER), read("c1", invoice_nos=[NUMBER]))}


def test_reading_a_paper_moves_no_step_of_its_case() -> None:
    filed = paid("c1", payment_fen=300_000, invoice_fen=300_000, payee_name="甲商店")
    assert found(filed) == found(filed, read("c1", differs=["payment_fen"], totals_fen=[1]))
    [fact] = facts(read("c1", differs=["payment_fen"]))
    assert (fact.key, fact.kind, fact.data["differs"]) == ("case:c1", "paper_read", ["payment_fen"])


def test_the_rulebook_alone_may_judge_a_case_of_which_only_a_paper_is_known() -> None:
    assert judge_all(Rulebook(load().rules), facts(read("c9", invoice_nos=[NUMBER])), [], NOON) == []
