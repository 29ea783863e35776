"""The day's work over a real database: the inbox, deputies, batches, drafts, comments, reminders, the case's file."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.approval.app import build
from services.approval.documents import FiledPaper
from services.approval.prompts import Prompt
from services.approval.work import clock, drafts
from services.approval.work.drafts import Place
from shared.contracts.power import NodeCompleted
from shared.db import Database, Scope
from shared.principals import Principal
from shared.settings import Settings
from shared.workdays import SHANGHAI
from tests.conftest import Token

VILLAGE, NEIGHBOUR, TOWN = "330421103201", "330421103202", "330421103000"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"
pytestmark = pytest.mark.without_broker
Clients = Callable[..., httpx.AsyncClient]


class Detector:
    """Stands where the detector stands: red for whose title says so, away when switched off."""

    def __init__(self) -> None:
        self.away = False

    async def ask(self, step: NodeCompleted, token: str) -> list[Prompt] | None:
        assert token
        if self.away:
            return None
        grade = "red" if "红" in step.title else "yellow" if "黄" in step.title else None
        told = {"zh": "拆分采购", "en": "Split purchases"}
        return [Prompt(rule_id="A001", grade=grade, title=told, explanation=told)] if grade else []

    async def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = build(settings)
    async with made.router.lifespan_context(made):
        made.state.prompter = Detector()
        yield made


@pytest.fixture
async def client(app: FastAPI, token: Token) -> AsyncIterator[Clients]:
    made: list[httpx.AsyncClient] = []

    def sign_in(subject: str, *grants: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(*grants, subject=subject, name=f'{subject}先生')}"}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test", headers=headers))
        return made[-1]

    yield sign_in
    for each in made:
        await each.aclose()


async def paper(someone: httpx.AsyncClient, content: bytes = PDF) -> str:
    answer = await someone.post(
        "/v1/documents?name=a.pdf", content=content, headers={"content-type": "application/pdf"}
    )
    return str(answer.json()["sha256"])


async def at_the_head(clerk: httpx.AsyncClient, *titles: str) -> list[dict[str, Any]]:
    """Small purchases that wait for the village head, each with its own request filed."""
    made = []
    for title in titles:
        fields = {"item": "纸", "reason": "日常办公", "estimate_fen": 120000}
        body = {"flow": "PR1", "village_code": VILLAGE, "title": title, "fields": fields}
        case = (await clerk.post("/v1/cases", json=body)).json()
        sha256 = await paper(clerk, PDF + title.encode())
        done = {
            "node": "PR1-01",
            "fields": {"budget_fen": 120000, "quantity": 1, "unit": "箱", "funding_source": "村集体"},
            "documents": [{"kind": kind, "sha256": sha256} for kind in ("purchase_request", "budget", "coi_statement")],
        }
        answer = await clerk.post(f"/v1/cases/{case['case_id']}/complete", json=done)
        assert answer.status_code == 200, answer.text
        assert answer.json()["node"] == "PR1-02"
        made.append(answer.json())
    return made


def code(problem: dict[str, Any]) -> str:
    return str(problem["type"]).rpartition("/")[2]


async def told(someone: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> Any:
    answer = await someone.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_what_waits_is_found_counted_and_paged_by_its_term(client: Clients, app: FastAPI) -> None:
    clerk, head = client("li", f"handler@{VILLAGE}"), client("wang", f"village_head@{VILLAGE}")
    made = await at_the_head(clerk, "甲纸", "乙纸", "丙纸")
    async with app.state.db.begin(Scope.system()) as conn:
        late = datetime.now(UTC) - timedelta(days=9)
        await conn.execute("UPDATE cases SET due_at = $2 WHERE case_id = $1::uuid", made[1]["case_id"], late)
        await conn.execute("UPDATE cases SET due_at = NULL WHERE case_id = $1::uuid", made[2]["case_id"])
    page = (await head.get("/v1/tasks?limit=2")).json()
    assert [task["title"] for task in page["tasks"]] == ["乙纸", "甲纸"]
    assert page["tasks"][0]["roles"] == ["village_head"]
    rest = (await head.get(f"/v1/tasks?limit=2&after={page['next']}")).json()
    assert ([task["title"] for task in rest["tasks"]], rest["next"]) == (["丙纸"], None)
    assert sum(rest["counts"].values()) == 3
    assert rest["counts"]["overdue"] == 1
    found = (await head.get("/v1/tasks?due=overdue")).json()["tasks"]
    assert [task["title"] for task in found] == ["乙纸"]
    for narrowed in ("q=丙", "sort=newest", "matter=PR&flow=PR1", f"village={TOWN}"):
        assert (await head.get(f"/v1/tasks?{narrowed}")).json()["tasks"][0]["title"] in ("丙纸", "乙纸")
    assert (await clerk.get("/v1/tasks")).json()["tasks"] == []
    assert (await client("xu", f"village_head@{NEIGHBOUR}").get("/v1/tasks")).json()["tasks"] == []
    assert (await head.get("/v1/tasks?after=nonsense")).status_code == 422
    assert await clock.look(app.state.db, datetime.now(UTC)) is False
    for _ in range(2):
        await clock.look(app.state.db, datetime.now(UTC))
    line = (await head.get("/v1/reminders")).json()
    assert ("乙纸", "overdue") in [(each["title"], each["kind"]) for each in line["reminders"]]
    assert (await head.get(f"/v1/reminders?after={line['next']}")).json() == {"reminders": [], "next": line["next"]}


async def test_a_deputy_acts_in_his_own_name_for_another_with_four_eyes_kept(client: Clients, app: FastAPI) -> None:
    clerk, head = client("li", f"handler@{VILLAGE}"), client("wang", f"village_head@{VILLAGE}")
    deputy, leader = client("zhao", f"two_committees@{VILLAGE}"), client("zhou", f"town_leader@{TOWN}")
    both = client("qian", f"handler@{VILLAGE}", f"two_committees@{VILLAGE}")
    for each in (deputy, clerk, both):
        assert (await each.get("/")).status_code == 200, "who works here is known from then on"
    (one,) = await at_the_head(clerk, "代办")
    (other,) = await at_the_head(both, "自己经办")
    today = datetime.now(SHANGHAI).date().isoformat()
    away = {"role": "village_head", "region": VILLAGE, "starts_on": today, "ends_on": today, "reason": "住院"}
    offered = (await head.get(f"/v1/absences/deputies?role=village_head&region={VILLAGE}")).json()
    assert {each["subject"] for each in offered} == {"zhao", "qian"}
    assert (await told(head, "/v1/absences", away | {"deputy": "li"}, 422))["errors"][0]["field"] == "deputy"
    assert code(await told(deputy, "/v1/absences", away, 403)) == "role-missing"
    asked = [await told(head, "/v1/absences", away | {"deputy": name}, 201) for name in ("zhao", "qian")]
    papers = [{"kind": "purchase_request", "sha256": await paper(deputy)}]
    body = {"node": "PR1-02", "fields": {"approved": True}, "documents": papers}
    url = f"/v1/cases/{one['case_id']}/complete"
    assert code(await told(deputy, url, body, 403)) == "role-missing", "nobody stands in before it is approved"
    decision = f"/v1/absences/{asked[0]['absence_id']}/decision"
    for unfit in (head, clerk):
        assert code(await told(unfit, decision, {"approve": True}, 403)) == "not-yours-to-decide"
    for each in asked:
        approved = await told(leader, f"/v1/absences/{each['absence_id']}/decision", {"approve": True})
        assert (approved["standing"], approved["decider_name"]) == ("on", "zhou先生")
    seen = [(await each.get("/v1/absences")).json() for each in (head, deputy, leader, clerk)]
    reasons = [
        next(each["reason"] for each in listed if each["absence_id"] == asked[0]["absence_id"]) for listed in seen
    ]
    assert reasons == ["住院", "住院", "住院", ""], "why somebody is away is not everybody's to read"
    (task, *_) = (await deputy.get("/v1/tasks?q=代办")).json()["tasks"]
    assert (task["on_behalf_of"], task["roles"]) == ("wang先生", ["village_head"])
    await told(deputy, url, body)
    events = (await head.get(f"/v1/cases/{one['case_id']}")).json()["history"]
    assert events[-1]["data"]["actor"]["name"] == "zhao先生"
    assert events[-1]["data"]["on_behalf_of"]["name"] == "wang先生"
    refused = await told(both, f"/v1/cases/{other['case_id']}/complete", body, 403)
    assert code(refused) == "four-eyes", "who filed the request can't approve it in the head's place"
    await told(head, f"/v1/absences/{asked[0]['absence_id']}/end", {})
    assert (await deputy.get("/v1/tasks")).json()["tasks"] == []
    assert code(await told(deputy, f"/v1/cases/{other['case_id']}/complete", body, 403)) == "role-missing"


async def test_all_roles_of_a_place_are_handed_over_together_or_none(client: Clients) -> None:
    grants = (f"village_head@{VILLAGE}", f"supervisory_committee@{VILLAGE}", f"village_head@{NEIGHBOUR}")
    head, deputy = client("wang", *grants), client("zhao", f"party_branch@{VILLAGE}")
    await deputy.get("/")
    today = datetime.now(SHANGHAI).date().isoformat()
    form = {"grant": f"village_head@{VILLAGE}", "starts_on": today, "ends_on": today, "all": "1"}
    refused = await head.post("/absences", data=form | {"deputy": "zhao"})
    assert (refused.status_code, "村务监督委员会的代理人" in refused.text) == (422, True)
    assert (await head.get("/v1/absences")).json() == []
    assert (await head.post("/absences", data=form)).status_code == 303
    told = {(each["role"], each["region"], each["standing"]) for each in (await head.get("/v1/absences")).json()}
    assert told == {("village_head", VILLAGE, "on"), ("supervisory_committee", VILLAGE, "on")}


async def test_a_batch_stops_for_what_would_be_red_and_for_a_detector_that_is_away(
    client: Clients, app: FastAPI
) -> None:
    clerk, head = client("li", f"handler@{VILLAGE}"), client("wang", f"village_head@{VILLAGE}")
    cases = await at_the_head(clerk, "普通", "红的", "黄的", "变了")
    ticked = [{"case_id": case["case_id"], "seen": case["sequence"]} for case in cases]
    ticked[3]["seen"] = 1
    body = {"node": "PR1-02", "fields": {"approved": True}, "cases": ticked}
    app.state.prompter.away = True
    away = await told(head, "/v1/tasks/batch", body)
    assert {code(result["problem"]) for result in away["results"]} == {"detector-away"}
    app.state.prompter.away = False
    answer = await head.post("/v1/tasks/batch", json=body, headers={"idempotency-key": "b1"})
    done = answer.json()
    assert (done["done"], done["refused"]) == (1, 3), answer.text
    codes = [result["problem"] and code(result["problem"]) for result in done["results"]]
    assert codes == [None, "stopped-by-prompt", "prompts-unread", "changed-meanwhile"]
    assert done["results"][2]["prompts"][0]["rule_id"] == "A001"
    ticked[2]["prompts_read"] = done["results"][2]["prompts_read"]
    again = (await head.post("/v1/tasks/batch", json=body, headers={"idempotency-key": "b1"})).json()
    assert [result["replayed"] for result in again["results"]] == [True, False, False, False]
    assert [result["status"] for result in again["results"]] == [200, 409, 200, 412]
    own = (await head.get(f"/v1/cases/{cases[0]['case_id']}")).json()["history"][-1]["data"]["documents"]
    assert [each["kind"] for each in own] == ["purchase_request"], "the case's own paper, filed before"
    assert code(await told(head, "/v1/tasks/batch", body | {"node": "RE1-08"}, 422)) == "not-in-batches"


async def test_comments_reach_whom_they_mention_and_are_struck_not_deleted(client: Clients, app: FastAPI) -> None:
    clerk, head = client("li", f"handler@{VILLAGE}"), client("wang", f"village_head@{VILLAGE}")
    (case,) = await at_the_head(clerk, "留言")
    url = f"/v1/cases/{case['case_id']}/comments"
    wrong = await told(clerk, url, {"text": "他的号码是 13800138000"}, 422)
    assert wrong["errors"][0]["field"] == "text"
    made = await told(clerk, url, {"text": "请先看报价", "mentions": ["village_head"]}, 201)
    assert "提到您" in (await head.get("/")).text
    assert "请先看报价" in (await head.get(f"/cases/{case['case_id']}")).text
    assert "提到您" not in (await head.get("/")).text
    strike = f"/v1/comments/{made['comment_id']}/strike"
    assert code(await told(head, strike, {"reason": "写错"}, 404)) == "no-such-comment"
    await told(clerk, strike, {"reason": "写错"})
    (struck,) = (await head.get(url)).json()
    assert (struck["text"], struck["strike_reason"]) == ("请先看报价", "写错")
    assert (await client("he", f"auditor@{TOWN}").post(url, json={"text": "看看"})).status_code == 403
    async with app.state.db.begin(Scope.system()) as conn:
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM case_comments")
    printed = await head.get(f"/v1/cases/{case['case_id']}/file?with_comments=true")
    assert (printed.status_code, printed.content[:5]) == (200, b"%PDF-")
    async with app.state.db.begin(Scope.system(), readonly=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit_log WHERE action = 'case.exported'") == 1


async def test_a_form_saved_without_a_script_comes_back_with_its_papers_and_goes_when_filed(client: Clients) -> None:
    clerk, neighbour = client("li", f"handler@{VILLAGE}"), client("zhang", f"handler@{VILLAGE}")
    fields = {"item": "纸", "reason": "日常办公", "estimate_fen": 120000}
    body = {"flow": "PR1", "village_code": VILLAGE, "title": "草稿", "fields": fields}
    url = f"/cases/{(await told(clerk, '/v1/cases', body, 201))['case_id']}"
    typed = {"node": "PR1-01", "sequence": "1", "fields.budget_fen": "1234.5", "fields.unit": "箱"}
    kinds = ("purchase_request", "budget", "coi_statement")
    files = [(f"documents.{kind}", (f"{kind}.pdf", PDF + kind.encode(), "application/pdf")) for kind in kinds]
    kept = await clerk.post(f"{url}/draft", data=typed, files=files)
    assert (kept.status_code, kept.headers["location"]) == (303, url)
    page = (await clerk.get(url)).text
    assert "draft-notice" in page
    assert 'value="1234.5"' in page
    assert "✓ purchase_request.pdf" in page
    assert "draft-notice" not in (await neighbour.get(url)).text
    assert (await clerk.get("/v1/tasks")).json()["tasks"][0]["drafted_at"]
    filed = re.findall(r'name="(filed\.\w+)" value="([^"]+)"', page)
    more = {"fields.quantity": "1", "fields.funding_source": "村集体"}
    done = await clerk.post(f"{url}/complete", data=typed | more | dict(filed))
    assert done.status_code == 303, done.text
    assert (await clerk.post(f"{url}/draft", data=typed, headers={"accept": "application/json"})).json() == {
        "saved_at": None
    }, "what a script keeps a moment late is no draft any more"
    assert "draft-notice" not in (await clerk.get(url)).text


async def test_a_draft_is_its_writers_alone_sealed_and_gone_in_time(settings: Settings, app: FastAPI) -> None:
    db: Database = app.state.db
    li, wang = (Principal(name, name, name, frozenset()) for name in ("li", "wang"))
    place, now = Place("RE1"), datetime.now(UTC)
    typed = {"fields.beneficiary_key": "11010519491231002X", "title": "救助", "sequence": "3"}
    papers = [FiledPaper("minutes", "ab" * 32, "会议.pdf")]
    secret = settings.identity_secret
    async with db.begin(Scope.of(li)) as conn:
        await drafts.keep(conn, li, place, typed, papers, secret=secret, now=now)
        assert "11010519491231002X" not in await conn.fetchval("SELECT sealed FROM drafts")
        kept = await drafts.find(conn, li, place, secret, now)
        assert kept is not None
        assert kept.typed == {"fields.beneficiary_key": "11010519491231002X", "title": "救助"}
        assert list(kept.papers) == papers
        assert await drafts.find(conn, li, place, secret, now + timedelta(days=31)) is None
        assert await drafts.find(conn, li, Place("RE1", uuid4(), "RE1-02"), secret, now) is None
    async with db.begin(Scope.of(wang)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM drafts") == 0
    await clock.look(db, now + timedelta(days=31))
    async with db.begin(Scope.of(li)) as conn:
        assert not await drafts.drop(conn, li, place)
