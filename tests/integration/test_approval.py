"""Approval over HTTP, with its database and its relay: a case's course, its papers, its pages, imports."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from itsdangerous import TimestampSigner

from services.approval import store, versions
from services.approval.app import build
from services.approval.archive import seal
from services.approval.cases import Case, RoleHolder
from services.approval.changes import CaseChange
from services.approval.flows import load
from shared.contracts.power import NodeFields, PowerEvent
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually

VILLAGE, NEIGHBOUR = "330421103201", "330421104201"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"
Client = Callable[..., httpx.AsyncClient]
OPENING = {"item": "办公用纸", "reason": "日常办公", "estimate_fen": 120000}


@pytest.fixture
async def client(settings: Settings, token: Callable[..., str]) -> AsyncIterator[Client]:
    """Clients of a running approval: `client("handler@330421103201", name="李明")`."""
    app = build(settings)
    made: list[httpx.AsyncClient] = []

    def sign_in(*grants: str, **who: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(*grants, **who)}"} if grants else {}
        transport = httpx.ASGITransport(app)
        made.append(httpx.AsyncClient(transport=transport, base_url="http://approval.test", headers=headers))
        return made[-1]

    async with app.router.lifespan_context(app):
        yield sign_in
        for each in made:
            await each.aclose()


@pytest.fixture
def clerk(client: Client) -> httpx.AsyncClient:
    return client(f"handler@{VILLAGE}")


@pytest.fixture
async def db(client: Client, settings: Settings) -> AsyncIterator[Database]:
    pool = Database(settings, "approval")
    await pool.open()
    yield pool
    await pool.close()


async def open_case(clerk: httpx.AsyncClient, **changed: Any) -> dict[str, Any]:
    body = {"flow": "PR1", "village_code": VILLAGE, "title": "购买办公用纸", "fields": OPENING} | changed
    answer = await clerk.post("/v1/cases", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def upload(someone: httpx.AsyncClient, content: bytes = PDF, name: str = "申请表.pdf") -> str:
    headers = {"content-type": "application/pdf"}
    answer = await someone.post("/v1/documents", params={"name": name}, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sha256"])


def request_done(sha256: str) -> dict[str, Any]:
    papers = [{"kind": "purchase_request", "sha256": sha256}]
    return {"node": "PR1-01", "fields": {"budget_fen": 120000}, "documents": papers}


async def test_a_case_walks_from_its_opening_to_the_next_desk(client: Client, clerk: httpx.AsyncClient) -> None:
    case = await open_case(clerk)
    assert case["case_no"].startswith(f"{VILLAGE}-PR1-")
    assert case["case_no"].endswith("-0001")
    head = client(f"village_head@{VILLAGE}", subject="wang", name="王书记")
    assert (await head.get("/v1/cases?waiting=true")).json()["cases"] == []
    answer = await clerk.post(f"/v1/cases/{case['case_id']}/complete", json=request_done(await upload(clerk)))
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == versions.case_tag(case["case_id"], 2)
    waiting = (await head.get("/v1/cases?waiting=true")).json()["cases"]
    assert [(c["case_no"], c["node"]) for c in waiting] == [(case["case_no"], "PR1-02")]
    seen = (await head.get(f"/v1/cases/{case['case_id']}")).json()
    assert [entry["type"] for entry in seen["history"]] == ["case.opened.v1", "case.node_completed.v1"]
    assert seen["actions"]["complete"]
    back = {"to_node": "PR1-01", "reason": "数量不清"}
    assert (await head.post(f"/v1/cases/{case['case_id']}/return", json=back)).json()["node"] == "PR1-01"
    ended = await clerk.post(f"/v1/cases/{case['case_id']}/withdraw", json={"reason": "不再需要"})
    assert ended.json()["status"] == "withdrawn"


async def test_a_case_rests_goes_on_and_is_archived_only_when_it_is_closed(
    client: Client, clerk: httpx.AsyncClient
) -> None:
    case = await open_case(clerk)
    url = f"/v1/cases/{case['case_id']}"
    no_clerk = client(f"seal_keeper@{VILLAGE}", subject="seal", name="章会计")
    rest = {"reason": "等待预算", "until": "2099-01-31"}
    refused = await no_clerk.post(f"{url}/suspend", json=rest)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-missing")
    assert (await clerk.post(f"{url}/resume", json={})).json()["type"] == "/problems/case-not-suspended"
    suspended = await clerk.post(f"{url}/suspend", json=rest, headers={"if-match": '"1"', "idempotency-key": "rest-1"})
    assert (suspended.status_code, suspended.json()["due_at"]) == (200, None), suspended.text
    again = await clerk.post(f"{url}/suspend", json=rest, headers={"if-match": '"1"', "idempotency-key": "rest-1"})
    assert (again.json(), again.headers["idempotency-replayed"]) == (suspended.json(), "true")
    assert (await clerk.get("/v1/cases?waiting=true")).json()["cases"] == []
    held = await clerk.post(f"{url}/complete", json=request_done(await upload(clerk)))
    assert (held.status_code, held.json()["type"]) == (409, "/problems/case-suspended")
    page = (await clerk.get(f"/cases/{case['case_id']}")).text
    assert "已中止:等待预算" in page
    assert "办理完成" not in page
    resumed = await clerk.post(f"/cases/{case['case_id']}/resume", data={"sequence": "2"})
    assert resumed.status_code == 303
    seen = (await clerk.get(url)).json()
    assert [entry["type"] for entry in seen["history"]][1:] == ["case.suspended.v1", "case.resumed.v1"]
    assert (seen["suspended_at"], seen["due_at"]) == (None, case["due_at"])
    early = await clerk.post(f"{url}/archive", json={})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/case-not-closed")
    assert "恢复 Resumed" in (await clerk.get(f"/cases/{case['case_id']}")).text


async def test_what_was_filed_is_put_right_with_a_reason_and_decided_anew(
    client: Client, clerk: httpx.AsyncClient, db: Database
) -> None:
    dear = OPENING | {"estimate_fen": 600_000}
    elsewhere = {"flow": "PR1", "village_code": VILLAGE, "title": "办公桌", "fields": dear}
    refused = await clerk.post("/v1/cases", json=elsewhere)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/another-flow")
    assert "PR2" in refused.json()["detail"]
    case = await open_case(clerk)
    url, page = f"/v1/cases/{case['case_id']}", f"/cases/{case['case_id']}"
    upwards = {"fields": {"estimate_fen": 600_000}, "reason": "写错"}
    assert (await clerk.post(f"{url}/amend", json=upwards)).json()["type"] == "/problems/another-flow"
    await clerk.post(f"{url}/complete", json=request_done(await upload(clerk)))
    head = client(f"village_head@{VILLAGE}", subject="wang", name="王书记")
    decided = {
        "node": "PR1-02",
        "fields": {"approved": True},
        "documents": request_done(await upload(clerk))["documents"],
    }
    assert (await head.post(f"{url}/complete", json=decided)).json()["node"] == "PR1-03"
    right = {"node": "PR1-01", "fields": {"budget_fen": 380000}, "reason": "漏计运费"}
    assert (await head.post(f"{url}/amend", json=right)).status_code == 403
    said = {"if-match": '"3"', "idempotency-key": "amend-1"}
    amended = await clerk.post(f"{url}/amend", json=right, headers=said)
    assert (amended.status_code, amended.json()["node"]) == (200, "PR1-02"), amended.text
    again = await clerk.post(f"{url}/amend", json=right, headers=said)
    assert (again.json(), again.headers["idempotency-replayed"]) == (amended.json(), "true")
    assert (await clerk.post(f"{url}/amend", json=right, headers={"if-match": '"3"'})).status_code == 412
    form = (await clerk.get(f"{page}/amend?node=PR1-01")).text
    assert "3,800.00" in form
    nothing = await clerk.post(f"{page}/amend", data={"node": "PR1-01", "sequence": "4", "reason": "再看"})
    assert (nothing.status_code, "请填写要更正的内容" in nothing.text) == (422, True)
    opening = {"sequence": "4", "reason": "写错", "fields.item": "复印纸"}
    assert (await clerk.post(f"{page}/amend", data=opening)).status_code == 303
    seen = (await clerk.get(url)).json()
    told = seen["history"][3]["data"]
    assert (told["before"], told["fields"]["budget_fen"]) == ({"budget_fen": 120000}, 380000)
    assert (seen["node"], seen["sequence"], seen["actions"]["amend"]) == ("PR1-02", 5, ["PR1-01"])
    shown = (await clerk.get(page)).text
    assert shown.count("已更正 Amended") == 2
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT amount_fen FROM cases") == 380000


async def test_an_archived_case_is_sealed_with_its_papers_and_takes_nothing_more(
    clerk: httpx.AsyncClient, db: Database
) -> None:
    case_id = str(uuid4())
    at = datetime.now(UTC) - timedelta(days=60)
    of, li = load().flow("PR1"), RoleHolder("p:li", "李明", frozenset({"handler"}))
    case, first = Case.record_opening(
        of,
        case_id=case_id,
        case_no="旧-17",
        title="办公桌椅",
        village_code=VILLAGE,
        by=li,
        fields=NodeFields(),
        occurred_at=at,
        now=at,
    )
    events: list[PowerEvent] = [first]
    for node in of.nodes:
        case, done = case.record(of, node=node.code, by=li, fields=NodeFields(), documents=(), occurred_at=at, now=at)
        events.append(done)
    async with db.begin(Scope.system()) as conn:
        await store.save(conn, [CaseChange(case, events, ())])
    url = f"/v1/cases/{case_id}"
    assert (await clerk.get(url)).json()["actions"]["archive"]
    archived = await clerk.post(
        f"/cases/{case_id}/archive", data={"sequence": str(case.sequence), "archive_no": "DA-17"}
    )
    assert archived.status_code == 303, archived.text
    seen = (await clerk.get(url)).json()
    kept = seen["history"][-1]
    assert (seen["archive_no"], kept["type"], seen["status"]) == ("DA-17", "case.archived.v1", "closed")
    assert (kept["data"]["documents"], kept["data"]["digest"]) == seal([each["data"] for each in seen["history"][:-1]])
    again = await clerk.post(f"{url}/archive", json={})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-archived")
    assert "DA-17" in (await clerk.get(f"/cases/{case_id}")).text


async def test_the_change_and_its_event_commit_together(clerk: httpx.AsyncClient, db: Database) -> None:
    case = await open_case(clerk)
    refused = await clerk.post(f"/v1/cases/{case['case_id']}/complete", json=request_done("0" * 64))
    assert refused.status_code == 404
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM case_events") == 1

    async def published() -> bool:
        async with db.begin(Scope.system()) as conn:
            return bool(await conn.fetchval("SELECT count(*) = 0 FROM outbox"))

    await eventually(published)


async def test_two_clicks_at_once_give_one_effect_and_one_conflict(clerk: httpx.AsyncClient) -> None:
    case = await open_case(clerk)
    done = request_done(await upload(clerk))
    url = f"/v1/cases/{case['case_id']}/complete"
    answers = await asyncio.gather(*(clerk.post(url, json=done, headers={"if-match": '"1"'}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    conflict = next(answer for answer in answers if answer.status_code == 412).json()
    assert conflict["type"] == "/problems/changed-meanwhile"
    assert "李明 办理节点 PR1-01" in conflict["detail"]
    assert [(each["sequence"], each["type"]) for each in conflict["changes"]] == [(2, "case.node_completed.v1")]


async def test_an_if_match_that_names_no_sequence_is_told_apart_from_a_conflict(clerk: httpx.AsyncClient) -> None:
    url = f"/v1/cases/{(await open_case(clerk))['case_id']}/withdraw"
    answer = await clerk.post(url, json={"reason": "不再需要"}, headers={"if-match": '"first"'})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/if-match-unreadable")
    answer = await clerk.post(url, json={"reason": "不再需要"}, headers={"if-match": 'W/"1"'})
    assert (answer.status_code, answer.json()["sequence"], answer.headers["etag"]) == (
        200,
        2,
        versions.case_tag(answer.json()["case_id"], 2),
    )


async def test_a_case_too_large_for_the_bus_is_refused(clerk: httpx.AsyncClient) -> None:
    worker = {"person_key": "a" * 32, "name": "陈" * 100, "days": 1, "wage_fen": 16000}
    body = {"flow": "PR1", "village_code": VILLAGE, "title": "x", "fields": OPENING | {"workers": [worker] * 1000}}
    answer = await clerk.post("/v1/cases", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/fields-unsound")
    assert [error["field"] for error in answer.json()["errors"]] == ["fields.workers"]
    assert (await clerk.get("/v1/cases")).json()["cases"] == []


async def test_a_step_is_never_dated_before_the_one_before(clerk: httpx.AsyncClient, db: Database) -> None:
    case = await open_case(clerk)
    async with db.begin(Scope.system()) as conn:  # another replica's clock ran ahead
        ahead = "(state || jsonb_build_object('last_at', to_jsonb(now() + interval '1 hour')))"
        await conn.execute(f"UPDATE cases SET state = {ahead} WHERE case_id = $1", case["case_id"])
    done = request_done(await upload(clerk))
    assert (await clerk.post(f"/v1/cases/{case['case_id']}/complete", json=done)).status_code == 200
    history = (await clerk.get(f"/v1/cases/{case['case_id']}")).json()["history"]
    assert history[1]["occurred_at"] > history[1]["recorded_at"] > history[0]["occurred_at"]


async def test_a_repeated_request_has_one_effect(clerk: httpx.AsyncClient) -> None:
    body = {"flow": "PR1", "village_code": VILLAGE, "title": "购买办公用纸", "fields": OPENING}
    headers = {"idempotency-key": "k-1"}
    answers = await asyncio.gather(*(clerk.post("/v1/cases", json=body, headers=headers) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["case_id"] for answer in answers}) == 1
    other = await clerk.post("/v1/cases", json=body | {"title": "另一件"}, headers=headers)
    assert other.json()["type"] == "/problems/idempotency-key-reused"


async def test_what_lies_elsewhere_is_not_there(client: Client, clerk: httpx.AsyncClient) -> None:
    case = await open_case(clerk)
    sha256 = await upload(clerk)
    await clerk.post(f"/v1/cases/{case['case_id']}/complete", json=request_done(sha256))
    neighbour = client(f"handler@{NEIGHBOUR}", subject="zhao")
    inspector = client("town_inspector@330421103000", subject="sun")
    assert (await neighbour.get(f"/v1/cases/{case['case_id']}")).status_code == 404
    assert (await neighbour.get("/v1/cases")).json()["cases"] == []
    assert (await neighbour.get(f"/v1/documents/{sha256}")).status_code == 404
    assert (await neighbour.post(f"/v1/cases/{case['case_id']}/withdraw", json={"reason": "x"})).status_code == 404
    stolen = {"flow": "PR1", "village_code": VILLAGE, "title": "别村的", "fields": OPENING}
    assert (await neighbour.post("/v1/cases", json=stolen)).status_code == 403
    assert (await inspector.get(f"/v1/cases/{case['case_id']}")).status_code == 200
    paper = await inspector.get(f"/v1/documents/{sha256}")
    assert paper.content == PDF
    assert "attachment" in paper.headers["content-disposition"]


async def test_lists_go_on_where_the_page_ended(clerk: httpx.AsyncClient) -> None:
    for n in range(5):
        await open_case(clerk, title=f"第{n}件 100%")
    for query in ({}, {"waiting": "true"}):
        seen, after = [], ""
        while True:
            page = (
                await clerk.get("/v1/cases", params={"limit": 2, **query, **({"after": after} if after else {})})
            ).json()
            seen += [case["title"] for case in page["cases"]]
            after = page["next"]
            if not after:
                break
        assert sorted(seen) == [f"第{n}件 100%" for n in range(5)]
    found = (await clerk.get("/v1/cases", params={"q": "3件 100%"})).json()["cases"]
    assert [case["title"] for case in found] == ["第3件 100%"]
    assert (await clerk.get("/v1/cases?after=nonsense")).status_code == 422


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"", "application/pdf", 422),
        (b"MZ this is a program", "application/octet-stream", 415),
        (PDF, "image/png", 415),
    ],
)
async def test_unfit_papers_are_refused(clerk: httpx.AsyncClient, content: bytes, media_type: str, status: int) -> None:
    answer = await clerk.post("/v1/documents", content=content, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_misspelt_fields_and_bad_numbers_are_named(clerk: httpx.AsyncClient) -> None:
    body = {"flow": "PR1", "village_code": VILLAGE, "title": "x", "fields": {"itme": "纸"}}
    answer = await clerk.post("/v1/cases", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("fields.itme")
    answer = await clerk.post("/v1/cases", json=body | {"fields": {"beneficiary_key": "330421199001011234"}})
    assert [error["field"] for error in answer.json()["errors"]] == ["fields.beneficiary_key"]


async def test_pages_lead_through_a_case_without_javascript(clerk: httpx.AsyncClient) -> None:
    clerk.headers["accept"] = "text/html"
    assert "没有待您办理的案件" in (await clerk.get("/")).text
    assert "小额零星采购" in (await clerk.get("/cases/new")).text
    form = await clerk.get("/cases/new/PR1")
    assert "必填" not in form.text
    typed = {"request_id": "r1", "village_code": VILLAGE, "title": "购买<b>纸</b>", "fields.item": "纸"}
    wrong = await clerk.post("/cases/new/PR1", data=typed | {"fields.estimate_fen": "很多"})
    assert wrong.status_code == 422
    assert "金额应为数字" in wrong.text
    assert "购买&lt;b&gt;纸&lt;/b&gt;" in wrong.text
    right = typed | {"fields.reason": "日常", "fields.estimate_fen": "1,200"}
    opened = [await clerk.post("/cases/new/PR1", data=right) for _ in range(2)]
    assert {answer.status_code for answer in opened} == {303}
    assert len({answer.headers["location"] for answer in opened}) == 1
    case_url = opened[0].headers["location"]
    assert "采购申请" in (await clerk.get(case_url)).text
    step = {"node": "PR1-01", "sequence": "1"}
    files = {"documents.purchase_request": ("申请.pdf", PDF, "application/pdf")}
    missing = await clerk.post(f"{case_url}/complete", data=step, files=files)
    assert missing.status_code == 422
    assert 'id="error-fields.budget_fen"' in missing.text
    assert 'name="filed.purchase_request"' in missing.text
    kept = missing.text.split('name="filed.purchase_request" value="')[1].split('"')[0]
    again = step | {"fields.budget_fen": "1200", "filed.purchase_request": kept}
    answer = await clerk.post(f"{case_url}/complete", data=again)
    assert answer.status_code == 303, answer.text
    page = (await clerk.get(case_url)).text
    assert "申请.pdf" in page
    assert "这一步不由您办理" in page
    late = await clerk.post(f"{case_url}/withdraw", data={"sequence": "1", "reason": "晚了"})
    assert late.status_code == 412
    assert "刷新" in late.text
    assert "购买" in (await clerk.get("/?view=all")).text


async def test_a_foreign_site_cannot_send_a_form(client: Client, settings: Settings) -> None:
    browser = client()
    claims = {"sub": "li", "name": "李明", "groups": [f"handler@{VILLAGE}"], "exp": int(time.time()) + 60}
    session = base64.b64encode(json.dumps({"claims": claims}).encode())
    browser.cookies.set("yunjing_approval", TimestampSigner(settings.session_secret).sign(session).decode())
    form = {"village_code": VILLAGE, "title": "纸"}
    for origin in ({}, {"origin": "http://evil.test"}, {"origin": "null"}):
        assert (await browser.post("/cases/new/PR1", data=form, headers=origin)).status_code == 403
    own = await browser.post("/cases/new/PR1", data=form, headers={"origin": "http://approval.test"})
    assert own.status_code == 422


async def test_pages_ask_strangers_to_sign_in(client: Client) -> None:
    answer = await client().get("/cases/new", headers={"accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=/cases/new"


HEADER = "案件编号,流程,节点,办理时间,标题,办理人,事项,事由,预计金额,预算金额\n"
ROWS = (
    "XT-1,PR1,PR1-01,2025-03-03 09:00,购纸,李明,纸,办公,1200,1200\n"
    "XT-1,小额零星采购,3,2025-03-04,购纸,李明,,,,\n"
    "XT-2,PR1,,2025-03-05,购笔,,笔,办公,300,\n"
)


async def send(machine: httpx.AsyncClient, text: str, **form: str) -> httpx.Response:
    files = {"file": ("台账.csv", text.encode("gb18030"), "text/csv")}
    return await machine.post("/v1/imports", data={"village_code": VILLAGE, **form}, files=files)


async def test_existing_records_are_taken_over_once(client: Client, clerk: httpx.AsyncClient, db: Database) -> None:
    machine = client("machine@330421000000", subject="importer")
    tried = (await send(machine, HEADER + ROWS, dry_run="true")).json()
    assert (tried["applied"], tried["cases_opened"], tried["nodes_recorded"]) == (False, 2, 2)
    assert (await clerk.get("/v1/cases")).json()["cases"] == []
    taken = await send(machine, HEADER + ROWS)
    assert taken.status_code == 200, taken.text
    assert taken.json()["applied"]
    repeated = (await send(machine, HEADER + ROWS)).json()
    assert (repeated["rows_repeated"], repeated["nodes_recorded"]) == (3, 0)
    cases = (await clerk.get("/v1/cases")).json()["cases"]
    assert [(case["case_no"], case["node"]) for case in cases] == [("XT-2", "PR1-01"), ("XT-1", "PR1-04")]
    seen = (await clerk.get(f"/v1/cases/{cases[1]['case_id']}")).json()
    assert [entry["data"].get("expected_node") for entry in seen["history"]] == [None, None, "PR1-02"]
    assert seen["history"][1]["data"]["backfilled"]
    assert (await clerk.post("/v1/imports", data={"village_code": VILLAGE}, files={"file": b"x"})).status_code == 403


async def test_bad_rows_are_all_named_and_nothing_is_half_done(client: Client, clerk: httpx.AsyncClient) -> None:
    machine = client("machine@330421000000", subject="importer")
    bad = HEADER + ROWS + "XT-3,PR9,,昨天,,=1+1,纸,办公,12.345,\nXT-4,PR1,,2125-01-01,未来,,纸,办公,1,\n"
    refused = await send(machine, bad)
    assert refused.status_code == 422
    places = [error["field"] for error in refused.json()["errors"]]
    assert places[:3] == ["台账.csv 第 5 行 F 办理人", "台账.csv 第 5 行 B 流程", "台账.csv 第 5 行 D 办理时间"]
    assert any(place.startswith("台账.csv 第 6 行") for place in places)
    assert (await clerk.get("/v1/cases")).json()["cases"] == []
    taken = (await send(machine, bad, accept_good_rows="true")).json()
    assert taken["applied"]
    assert taken["cases_opened"] == 2


async def test_the_api_describes_itself(client: Client) -> None:
    document = (await client().get("/openapi.json")).json()
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    posts = {
        path: post for path, post in posts.items() if not path.startswith(("/v1/audit", "/v1/uploads", "/v1/webhooks"))
    }
    assert set(posts) == {
        "/v1/absences",
        "/v1/absences/{absence_id}/decision",
        "/v1/absences/{absence_id}/end",
        "/v1/bulk",
        "/v1/cases",
        "/v1/cases/{case_id}/amend",
        "/v1/cases/{case_id}/archive",
        "/v1/cases/{case_id}/comments",
        "/v1/cases/{case_id}/ballots",
        "/v1/cases/{case_id}/complete",
        "/v1/cases/{case_id}/resume",
        "/v1/cases/{case_id}/return",
        "/v1/cases/{case_id}/suspend",
        "/v1/cases/{case_id}/withdraw",
        "/v1/comments/{comment_id}/strike",
        "/v1/documents",
        "/v1/imports",
        "/v1/imports/jobs",
        "/v1/imports/jobs/{job_id}/cancel",
        "/v1/imports/jobs/{job_id}/map",
        "/v1/imports/jobs/{job_id}/take",
        "/v1/imports/mappings",
        "/v1/papers/{sha256}/reading/answers",
        "/v1/tasks/batch",
    }
    # Said again, an answer to a finding is the same answer.
    del posts["/v1/papers/{sha256}/reading/answers"]
    for path, post in posts.items():
        assert "Idempotency-Key" in {parameter["name"] for parameter in post["parameters"]}, path
