"""The events that disclosure's tests need: a small works case from its opening to the award, and alerts."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from services.disclosure.cases import Case, take
from services.disclosure.masking import masks
from services.disclosure.vocabulary import vocabulary
from shared.contracts.alerts import AlertRaised, AlertWithdrawn, Bilingual
from shared.contracts.base import Contract
from shared.contracts.power import (
    Actor,
    Bid,
    CaseEvent,
    CaseOpened,
    CaseWithdrawn,
    DocumentRef,
    NodeCompleted,
    NodeFields,
    NodeReturned,
    Worker,
)

VILLAGE = "330421107201"
OTHER_VILLAGE = "330421105201"
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
CLERK = Actor(person_key="k1", name="钱多宝", role="handler")
FIRM, LOSER = "嘉善云河建设有限公司", "嘉善南塘建设有限公司"
C = TypeVar("C", bound=Contract)


def exactly(model: type[C], **values: Any) -> C:
    """A model of these fields. Contracts pass over what they don't know; a test that does so tests nothing."""
    unknown = set(values) - set(model.model_fields)
    assert not unknown, f"{model.__name__} has no {', '.join(sorted(unknown))}"
    return model(**values)


def form(**values: Any) -> NodeFields:
    """A filled form."""
    return exactly(NodeFields, **values)


def bid(**values: Any) -> Bid:
    """One bidder's offer."""
    return exactly(Bid, **{"company_id": "91330421MA2JOURN03", "company_name": LOSER, "price_fen": 1} | values)


def worker(name: str, **values: Any) -> Worker:
    """One line of a wage sheet."""
    return exactly(Worker, **{"person_key": "w", "name": name, "days": 1, "wage_fen": 100} | values)


BIDS = (
    bid(company_id="91330421MA2JOURN01", company_name=FIRM, price_fen=3_800_000, contact_phone_tail="007"),
    bid(company_id="91330421MA2JOURN02", company_name=LOSER, price_fen=3_910_000, manager_name="卞长生"),
)
PAPER = exactly(DocumentRef, kind="quotes", sha256="a" * 64, name="报价-钱多宝.pdf", size=9)


def case_id() -> str:
    """A new case's id."""
    return str(uuid.uuid4())


def _about(case: str, sequence: int, **changed: Any) -> dict[str, Any]:
    village = changed.get("village_code", VILLAGE)
    usual: dict[str, Any] = {
        "case_id": case,
        "case_no": f"{village}-EN1-2026-{case[:4]}",
        "title": "机耕路修补",
        "matter": "EN",
        "flow": "EN1",
        "village_code": village,
        "town_code": village[:9] + "000",
        "sequence": sequence,
        "occurred_at": NOW + timedelta(hours=sequence),
        "actor": CLERK,
    }
    return usual | changed


def opened(case: str, fields: NodeFields | None = None, **changed: Any) -> CaseOpened:
    """The first event."""
    usual = _about(case, 1, next_node="EN1-01", next_due_at=NOW + timedelta(days=3)) | changed
    return exactly(CaseOpened, **usual, fields=fields or form(item="机耕路修补", estimate_fen=3_900_000))


def completed(
    case: str, sequence: int, node: str, next_node: str | None, fields: NodeFields | None = None, **changed: Any
) -> NodeCompleted:
    """One node done."""
    about = _about(case, sequence, **changed)
    return exactly(NodeCompleted, **about, node=node, next_node=next_node, fields=fields or form())


def bids_in(case: str, sequence: int = 2, **changed: Any) -> NodeCompleted:
    """Bids are in; nobody is chosen yet."""
    return completed(case, sequence, "EN1-03", "EN1-04", form(bids=BIDS), documents=(PAPER,), **changed)


def award(case: str, sequence: int = 3, **changed: Any) -> NodeCompleted:
    """The firm is chosen."""
    chosen = form(supplier_name=FIRM, supplier_id="91330421MA2JOURN01", award_fen=3_800_000)
    return completed(case, sequence, "EN1-04", "EN1-05", chosen, **changed)


def notice(case: str, sequence: int = 4, *, ends_at: datetime, **changed: Any) -> NodeCompleted:
    """The result is put up."""
    return completed(case, sequence, "EN1-05", "EN1-06", notice_ends_at=ends_at, **changed)


def closing(case: str, sequence: int = 5, **changed: Any) -> NodeCompleted:
    """The last node."""
    return completed(case, sequence, "EN1-08", None, **changed)


def returned(case: str, sequence: int, to_node: str = "EN1-03", **changed: Any) -> NodeReturned:
    """Sent back to before the bids."""
    why = "重新比价,钱多宝手机13800138000"
    return exactly(NodeReturned, **_about(case, sequence, **changed), node="EN1-05", to_node=to_node, reason=why)


def withdrawn(case: str, sequence: int, **changed: Any) -> CaseWithdrawn:
    """Taken back."""
    return exactly(CaseWithdrawn, **_about(case, sequence, **changed), node="EN1-03", reason="不办了")


def folded(*events: CaseEvent) -> Case:
    """The case after these events."""
    case: Case | None = None
    for event in events:
        case = take(case, event, masks(), vocabulary())
    assert case
    return case


def raised(alert_id: str | None = None, **changed: Any) -> AlertRaised:
    """A red alert in the village."""
    usual: dict[str, Any] = {
        "alert_id": alert_id or str(uuid.uuid4()),
        "rule_id": "split-purchase",
        "rule_version": "1",
        "title": Bilingual(zh="疑似化整为零", en="Split purchase"),
        "grade": "red",
        "matter": "PR",
        "village_code": VILLAGE,
        "town_code": VILLAGE[:9] + "000",
        "case_ids": ("the-case",),
        "dedupe_key": "key",
        "explanation": Bilingual(zh="同一供应商", en="One supplier"),
        "occurred_at": NOW,
    }
    return exactly(AlertRaised, **usual | changed)


def taken_back(alert: AlertRaised, occurred_at: datetime = NOW) -> AlertWithdrawn:
    """The alert is withdrawn."""
    return AlertWithdrawn(
        alert_id=alert.alert_id,
        revision=alert.revision + 1,
        rule_id=alert.rule_id,
        village_code=alert.village_code,
        town_code=alert.town_code,
        reason=Bilingual(zh="登记更正", en="Corrected"),
        occurred_at=occurred_at,
    )
