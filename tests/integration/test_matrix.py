"""Who may do what: each end point of approval, detector and disclosure, asked by all, answers as its page of data says.

The notifier's page goes deeper, down to single alerts and tables: `test_access.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from deploy.docs import apps
from services.approval import app as approval
from services.detector import app as detector
from services.disclosure import app as disclosure
from services.disclosure.appeals import deeds, intake
from services.disclosure.read_models import PUBLIC
from services.notifier import app as notifier
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.db import SCHEMAS, Database, Scope
from shared.settings import Settings
from tests.access import Matrix, end_points, lines, page
from tests.conftest import Token
from tests.detector.rulebook import RULEBOOK
from tests.disclosure.samples import case_id, opened

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
VILLAGE, TOWN, COUNTY = "330421107201", "330421107000", "330421000000"
AUDIT = {"/audit": "1", "/v1/audit": "1"}
SERVICES = ("approval", "detector", "disclosure")


@pytest.mark.parametrize("service", SERVICES)
def test_every_end_point_has_its_line(service: str) -> None:
    there, told = set(end_points(apps.build(service))), {*lines(service), *page(service).get("lines", {})}
    where = f"tests/{service}/access.yaml, under end_points"
    missing = "\n".join(f"  {one}: {{who: ...}}" for one in sorted(there - told))
    assert not there - told, f"add to {where} who may reach these (its head says how):\n{missing}"


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://x.test") as one,
    ):
        yield one


async def test_approval_answers_everybody_as_the_page_says(settings: Settings, token: Token, database: Open) -> None:
    app = approval.build(settings.model_copy(update={"rate_limits": False}))
    async with running(app) as caller:
        matrix = Matrix("approval", app, caller, token, await _a_case(caller, token))
        assert not (faults := await matrix.faults()), "\n".join(faults)
        assert await shown_to_nobody(await database("approval"), settings) == {}


async def _a_case(caller: httpx.AsyncClient, token: Token) -> dict[str, str]:
    """A case of the village, an import of its records, a paper that the handler brought."""
    asked = {"authorization": f"Bearer {token(f'handler@{VILLAGE}', f'machine@{VILLAGE}', subject='owner')}"}
    fields = {"item": "纸", "reason": "办公", "estimate_fen": 1000}
    wanted = {"flow": "PR1", "village_code": VILLAGE, "title": "购买办公用纸", "fields": fields}
    case = await caller.post("/v1/cases", json=wanted, headers=asked)
    file = {"file": ("a.csv", "标题\n纸".encode(), "text/csv")}
    job = await caller.post("/v1/imports/jobs", data={"region_code": VILLAGE}, files=file, headers=asked)
    headers = {"content-type": "application/pdf"} | asked
    paper = await caller.post("/v1/documents", params={"name": "a.pdf"}, content=b"%PDF-1.7 y", headers=headers)
    done: dict[str, Any] = {
        "node": "PR1-01",
        "fields": {"budget_fen": 1000},
        "documents": [{"kind": "purchase_request"}],
    }
    done["documents"][0]["sha256"] = paper.json()["sha256"]
    other = await caller.post("/v1/cases", json=wanted, headers=asked)
    filed = await caller.post(f"/v1/cases/{other.json()['case_id']}/complete", json=done, headers=asked)
    assert filed.status_code == 200, filed.text
    known = {"code": "PR1", "flow": "PR1", "id": "1", "name": "nothing", "sha256": paper.json()["sha256"]}
    return known | {"case_id": case.json()["case_id"], "job_id": job.json()["job_id"]}


async def test_the_detector_answers_everybody_as_the_page_says(
    settings: Settings, token: Token, database: Open
) -> None:
    db = await database("detector")
    async with db.begin(Scope.system()) as conn:
        record = {"id": "d1", "name": "王五", "died_on": "2026-02-11"}
        sql = "INSERT INTO reference_records (dataset, id, region_code, data) VALUES ('deaths', $1, $2, $3)"
        await conn.execute(sql, "d1", VILLAGE, record)
    app = detector.build(settings, RULEBOOK)
    async with running(app) as caller:
        draft = await caller.post(
            "/v1/rulesets/drafts",
            json={"rule_id": "A032", "region_code": COUNTY, "grade": "red", "reason": "试行从严"},
            headers={"authorization": f"Bearer {token(f'rule_keeper@{COUNTY}', subject='he', person_key='he')}"},
        )
        assert draft.status_code == 201, draft.text
        named = {"dataset": "deaths", "kind": "csv", "id": "d1"}
        matrix = Matrix(
            "detector", app, caller, token, named, {"step": _a_step()}, {"/v1/rulesets/": draft.json()["id"], **AUDIT}
        )
        assert not (faults := await matrix.faults()), "\n".join(faults)
        assert await shown_to_nobody(db, settings) == {}


def _a_step() -> dict[str, Any]:
    """An intended step of a case of the village."""
    step = power.NodeCompleted(
        **{"case_id": "c1", "case_no": "PR-1", "title": "办公用品", "matter": "PR", "flow": "PR1", "sequence": 2},
        village_code=VILLAGE,
        town_code=TOWN,
        occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
        actor=power.Actor(person_key="c1" * 16, name="李", role="handler"),
        node="PR1-01",
    )
    return step.model_dump(mode="json")


async def test_disclosure_answers_everybody_as_the_page_says(settings: Settings, token: Token, database: Open) -> None:
    db, about = await database("disclosure"), case_id()
    async with db.begin(Scope.system()) as conn:
        found = opened(about)
        made = [Envelope.of(found, source="/t", topic=power.TOPIC, key=VILLAGE, time=found.occurred_at)]
        await PUBLIC.handle(settings)(conn, made)
    wanted = intake.Wanted("complaint", "village", "路灯三个月没亮了", "王五", "13812345678")
    await deeds.file(db, settings, VILLAGE, None, wanted, [], "1" * 20)
    async with db.begin(Scope.system()) as conn:
        appeal = await conn.fetchval("SELECT appeal_id FROM appeals")
    names = {"key": about, "case_id": about, "code": VILLAGE, "appeal_id": str(appeal), "deed": "reply"}
    names |= {"sequence": "1", "name": "a.pdf", "index": "0", "size": "1", "sha256": "a" * 64, "ocid": "none"}
    names |= {"shape": "csv", "line": "G12", "what": "figures"}
    app = disclosure.build(settings)
    async with running(app) as caller:
        matrix = Matrix("disclosure", app, caller, token, names, ids_under=AUDIT)
        assert not (faults := await matrix.faults()), "\n".join(faults)
        assert await shown_to_nobody(db, settings) == {}


async def test_the_notifier_takes_a_client_where_its_scope_is_asked_for_and_nowhere_else(
    settings: Settings, token: Token
) -> None:
    told, wrong = page("notifier"), []
    app = notifier.build(settings)
    async with running(app) as caller:
        for end_point in sorted(
            set(end_points(app)) - {one for one, line in told["lines"].items() if line["who"] == "anyone"}
        ):
            needed = next((scope for scope, let in told["clients"].items() if end_point in let), None)
            for scope in {"approval:read", needed or "alerts:read"}:
                method, path = end_point.replace("{", "").replace("}", "").split(" ")
                client = token(f"town_secretary@{TOWN}", subject="a-client", client_id="a-client", scope=scope)
                query = told["lines"][end_point].get("query")
                answer = await caller.request(method, path, params=query, headers={"authorization": f"Bearer {client}"})
                if (answer.status_code != 403) != (scope == needed):
                    wrong.append(f"{end_point} as a client of {scope}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS secured FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""
_POWERS = """
SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS powers,
       (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS memberships
FROM pg_roles r WHERE rolname = current_user
"""


@pytest.mark.parametrize("service", SCHEMAS)
async def test_each_services_role_is_bound_and_keeps_to_its_own_schema(service: str, database: Open) -> None:
    db = await database(service)
    async with db.begin(Scope("", "", "")) as conn:
        bound = await conn.fetchrow(_POWERS)
        assert bound
        assert (bound["powers"], bound["memberships"]) == (False, 0)
        tables = await conn.fetch(_TABLES)
        assert [one["name"] for one in tables if not one["secured"]] == page(service)["open_tables"]
    for other in set(SCHEMAS) - {service}:
        async with db.begin(Scope.system()) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch(f"SELECT 1 FROM {other}.outbox")


async def shown_to_nobody(db: Database, settings: Settings) -> dict[str, int]:
    """Rows of secured tables, filled as they are, that show in a transaction opened for nobody."""
    owner, shown, filled = await asyncpg.connect(settings.database_url), dict[str, int](), 0
    async with db.begin(Scope("", "", "")) as conn:
        for one in await conn.fetch(_TABLES):
            if one["name"] in page(db.schema).get("for_all", ()):
                continue
            if one["secured"] and await owner.fetchval(f"SELECT EXISTS (SELECT FROM {db.schema}.{one['name']})"):
                filled += 1
                if count := await conn.fetchval(f"SELECT count(*) FROM {one['name']}"):
                    shown[one["name"]] = count
    await owner.close()
    assert filled >= 3
    return shown
