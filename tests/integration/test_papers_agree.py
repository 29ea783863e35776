"""Papers held against papers where the database is asked: a settlement against changes that are cases of their own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.approval import flows, store
from services.approval.app import build
from services.approval.cases import Case, RoleHolder
from services.approval.changes import CaseChange, waits_for
from shared.contracts.power import NodeFields
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token

VILLAGE = "330421103202"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"
CLERK = RoleHolder("p:clerk", "李明", frozenset({"handler"}))
CONTRACT, CHANGE = 30_000_00, 2_000_00
pytestmark = pytest.mark.without_broker


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    pool = Database(settings, "approval")
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def clerk(settings: Settings, token: Token) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings.model_copy(update={"rate_limits": False}))
    headers = {"authorization": f"Bearer {token(f'reporting_clerk@{VILLAGE}', f'handler@{VILLAGE}')}"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.test", headers=headers) as client:
            yield client


async def on_record(db: Database, code: str, number: str, *nodes: tuple[str, NodeFields], **opening: Any) -> Case:
    """A case taken over as it happened, up to its last node named."""
    flow, now = flows.load().flow(code), datetime.now(UTC)
    case, event = Case.record_opening(
        flow,
        case_id=str(uuid4()),
        case_no=number,
        title="铺设步道",
        village_code=VILLAGE,
        by=CLERK,
        fields=NodeFields(**opening),
        occurred_at=now - timedelta(days=30),
        now=now,
    )
    events: list[Any] = [event]
    for node, fields in nodes:
        case, done = case.record(
            flow, node=node, by=CLERK, fields=fields, documents=(), occurred_at=now - timedelta(days=9), now=now
        )
        events.append(done)
    async with db.begin(Scope.system()) as conn:
        await store.save(conn, [CaseChange(case, events, waits_for(flow, case), imported=True)])
    return case


async def test_a_settlement_may_reach_contract_and_approved_changes_and_beyond_says_why(
    db: Database, clerk: httpx.AsyncClient
) -> None:
    number = f"旧-{uuid4().hex[:8]}"
    works = await on_record(
        db,
        "EN1",
        number,
        ("EN1-04", NodeFields(award_fen=CONTRACT)),
        ("EN1-06", NodeFields(contract_fen=CONTRACT)),
        ("EN1-07", NodeFields(accepted=True)),
    )
    for named, node in ((number, "EN5-06"), (number, "EN5-04"), ("别的工程", "EN5-06")):
        approved = (("EN5-03", NodeFields(change_fen=9)), (node, NodeFields(change_fen=CHANGE, approved=True)))
        await on_record(db, "EN5", f"变更-{uuid4().hex[:8]}", *approved, related_case_no=named)
    paper = (await clerk.post("/v1/documents", content=PDF, headers={"content-type": "application/pdf"})).json()

    async def settled(fen: int, **more: Any) -> httpx.Response:
        told = {"settlement_fen": fen, "payment_fen": fen, "invoice_fen": fen, "invoice_no": "1"}
        fields = told | {"payee_name": "甲公司", "payee_account_key": "a" * 32} | more
        needs = flows.load().flow("EN1").node("EN1-08").required_documents
        papers = [{"kind": kind, "sha256": paper["sha256"]} for kind in needs]
        body = {"node": "EN1-08", "fields": fields, "documents": papers}
        return await clerk.post(f"/v1/cases/{works.case_id}/complete", json=body)

    over = await settled(CONTRACT + CHANGE + 1)
    assert (over.status_code, over.json()["type"]) == (422, "/problems/papers-differ")
    assert [each["field"] for each in over.json()["errors"]] == ["fields.settlement_fen", "fields.excess_reason"]
    said = await settled(CONTRACT + CHANGE + 1, excess_reason=" ")
    assert said.status_code == 422
    exact = await settled(CONTRACT + CHANGE)
    assert exact.status_code == 200, exact.text
    # What is put right is held against the same; a reason goes with it.
    right = {"node": "EN1-08", "fields": {"settlement_fen": CONTRACT + CHANGE + 5}, "reason": "漏录一项"}
    slip = await clerk.post(f"/v1/cases/{works.case_id}/amend", json=right)
    assert (slip.status_code, slip.json()["type"]) == (422, "/problems/papers-differ")
    right["fields"] = {"settlement_fen": CONTRACT + CHANGE + 5, "excess_reason": "会议同意的零星增加"}
    done = await clerk.post(f"/v1/cases/{works.case_id}/amend", json=right)
    assert done.status_code == 200, done.text
    log = (await clerk.get(f"/v1/cases/{works.case_id}")).json()["history"]
    assert log[-1]["data"]["fields"]["excess_reason"] == "会议同意的零星增加"
