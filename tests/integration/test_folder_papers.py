"""Papers of inquiries, and replies to proposals: filed by who handles them, given to who may read, all on record."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from openpyxl import Workbook

from services.notifier import app as notifier
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.served import served
from tests.integration.test_inquiries import DRAFT, ME, SECRETARY, on_desk, opened
from tests.integration.test_notifier import World
from tests.notifier.samples import COUNTY, OTHER_TOWN, VILLAGE, about

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
async def world(settings: Settings, database: Open, token: Token) -> AsyncIterator[World]:
    db = await database("notifier")
    async with served(notifier.build(settings)) as url:
        yield World(settings, db, url, token)


def workbook() -> bytes:
    kept = io.BytesIO()
    Workbook().save(kept)
    return kept.getvalue()


async def test_papers_are_filed_given_in_scope_and_on_record(world: World) -> None:
    found = await on_desk(world, 2, about=(about("village", VILLAGE, "zhang-key"),))
    async with world.caller(SECRETARY, **ME) as secretary:
        inquiry = await opened(secretary, found[:1])
        body = DRAFT | {"source": {"alert_id": found[1].alert_id}}
        proposal = (await secretary.post("/v1/proposals", json=body)).json()
        for path in (f"/v1/inquiries/{inquiry['inquiry_id']}", f"/v1/proposals/{proposal['proposal_id']}"):
            filed = await secretary.post(f"{path}/papers", params={"name": "回复.png"}, content=PNG)
            assert (filed.status_code, filed.json()["name"]) == (201, "回复.png"), filed.text
            again = await secretary.post(f"{path}/papers", params={"name": "又.png"}, content=PNG)
            assert again.json()["paper_id"] == filed.json()["paper_id"]
            assert (await secretary.post(f"{path}/papers", content=b"MZ")).status_code == 415
            where = f"{path}/papers/{filed.json()['paper_id']}"
            taken = await secretary.get(where)
            assert (taken.content, taken.headers["cache-control"]) == (PNG, "private, no-store")
            assert (await secretary.get(f"{path}/papers")).json()["items"][0]["readings"] == 1
            kinds = [entry["kind"]["code"] for entry in (await secretary.get(path)).json()["history"]]
            assert kinds.count("filed") == 1
            for grant, person, reads, files in [
                (f"auditor@{COUNTY}", "audit-key", 200, 403),
                (SECRETARY, "zhang-key", 404, 404),
                (SECRETARY, None, 403, 403),
                (f"town_secretary@{OTHER_TOWN}", "chen-key", 404, 404),
            ]:
                claims = {"person_key": person} if person else {}
                async with world.caller(grant, subject=f"s-{person}", **claims) as caller:
                    assert (await caller.get(where)).status_code == reads, (grant, person)
                    assert (await caller.post(f"{path}/papers", content=PNG)).status_code == files, (grant, person)
    assert not await secretary_sees_another(world, inquiry["inquiry_id"], proposal["proposal_id"])
    async with world.db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT action, detail FROM audit_log WHERE action LIKE 'paper.%' ORDER BY id")
    assert [row["action"] for row in rows].count("paper.filed") == 2
    assert [row["action"] for row in rows].count("paper.taken") == 4
    assert {name for row in rows for name in row["detail"]} == {"inquiry", "proposal"}
    async with world.browser(SECRETARY) as browser:
        page = f"/inquiries/{inquiry['inquiry_id']}"
        book = {"files": ("账册.xlsx", workbook())}
        assert (await browser.post(f"{page}/papers", files=book, headers={"origin": world.url})).status_code == 403
        assert "回复.png" in (await browser.get(page)).text
        assert "回复.png" in (await browser.get(f"/proposals/{proposal['proposal_id']}")).text


async def secretary_sees_another(world: World, inquiry_id: str, proposal_id: str) -> bool:
    """Whether the paper of one folder can be had by the address of the other."""
    async with world.caller(SECRETARY, **ME) as secretary:
        [paper] = (await secretary.get(f"/v1/inquiries/{inquiry_id}/papers")).json()["items"]
        crossed = await secretary.get(f"/v1/proposals/{proposal_id}/papers/{paper['paper_id']}")
    return crossed.status_code != 404
