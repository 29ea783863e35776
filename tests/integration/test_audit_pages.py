"""An auditor reads, filters, exports and verifies the log over REST and pages; whom an entry is about sees nothing."""

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.notifier import app as notifier
from services.notifier.consumer import handle_batch
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.notifier.samples import COUNTY, NOW, OTHER_TOWN, TOWN, VILLAGE, about, alert, raised

Open = Callable[[str], Awaitable[Database]]
Ask = Callable[..., Awaitable[httpx.Response]]
SECRETARY, AUDITOR = f"town_secretary@{TOWN}", f"auditor@{COUNTY}"


@pytest.fixture
async def ask(settings: Settings, token: Token) -> AsyncIterator[Ask]:
    app = notifier.build(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://notifier.test") as caller,
    ):

        async def asked(who: str, method: str, path: str, *, person: str = "a-stranger", **more: Any) -> httpx.Response:
            claim = token(who, subject=who.partition("@")[0], name="王书记", person_key=person)
            return await caller.request(method, path, headers={"authorization": f"Bearer {claim}"}, **more)

        yield asked


async def test_an_auditor_sees_who_saw_and_changed_what(ask: Ask, database: Open) -> None:
    db = await database("notifier")
    mine, concerning = alert(), alert(about=(about("village", VILLAGE, "whom-it-is-about"),))
    async with db.begin(Scope.system()) as conn:
        for one in (mine, concerning):
            told = Envelope.of(raised(one), source="/detector", topic=RAISED_TOPIC, key=one.alert_id, time=NOW)
            await handle_batch(conn, [told])
    for _ in range(2):
        assert (await ask(SECRETARY, "GET", f"/v1/alerts/{mine.alert_id}")).status_code == 200
    assert (await ask(SECRETARY, "POST", f"/v1/alerts/{mine.alert_id}/acknowledge")).status_code == 200
    assert (await ask(SECRETARY, "GET", f"/v1/alerts/{concerning.alert_id}")).status_code == 200

    async def sealed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await ask(AUDITOR, "GET", "/v1/audit")).json()["items"]
        return items if all(item["number"] for item in items) else []

    items = await eventually(sealed)
    about_mine = [item for item in items if item["object"] == f"alert:{mine.alert_id}"]
    assert [item["action"]["code"] for item in about_mine] == ["alert.moved", "alert.viewed"]
    moved = about_mine[0]
    assert (moved["actor"], moved["grants"], moved["region"]["code"]) == ("town_secretary", [SECRETARY], VILLAGE)
    assert (moved["detail"]["from"], moved["detail"]["to"]) == ("pushed", "acknowledged")
    assert [item["action"]["code"] for item in items].count("audit.viewed") == 1

    await filters(ask, mine.alert_id)
    await exports(ask)
    await pages(ask, moved["id"])
    await scopes(ask, concerning.alert_id)


async def filters(ask: Ask, alert_id: str) -> None:
    for query, count in [
        ({"object": f"alert:{alert_id}"}, 2),
        ({"object": "alert"}, 3),
        ({"object": "ale_t"}, 0),
        ({"action": "alert.moved"}, 1),
        ({"actor": "town_secretary", "object": "alert"}, 3),
        ({"actor": "王书记", "action": "alert.viewed"}, 2),
        ({"actor": "nobody"}, 0),
        ({"object": "alert", "to": "2026-01-01T00:00:00Z"}, 0),
    ]:
        assert len((await ask(AUDITOR, "GET", "/v1/audit", params=query)).json()["items"]) == count, query
    first = (await ask(AUDITOR, "GET", "/v1/audit", params={"object": "alert", "limit": 2})).json()
    rest = (await ask(AUDITOR, "GET", "/v1/audit", params={"object": "alert", "after": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    for query, problem in [({"after": "nonsense"}, "bad-audit-cursor"), ({"from": "yesterday"}, "invalid-input")]:
        refused = await ask(AUDITOR, "GET", "/v1/audit", params=query)
        assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{problem}")


async def exports(ask: Ask) -> None:
    given = await ask(AUDITOR, "GET", "/v1/audit/export", params={"format": "csv", "object": "alert"})
    rows = list(csv.DictReader(io.StringIO(given.content.decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == ["alert.viewed", "alert.moved", "alert.viewed"]
    lines = (await ask(AUDITOR, "GET", "/v1/audit/export", params={"format": "ndjson"})).text.splitlines()
    exported = [json.loads(line) for line in lines if "audit.exported" in line]
    assert [one["detail"] for one in exported] == [
        {"filters": ["object"], "format": "csv"},
        {"filters": [], "format": "ndjson"},
    ]
    refused = await ask(AUDITOR, "GET", "/v1/audit/export", params={"format": "csv", "actor": "a\0b"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.actor")


async def pages(ask: Ask, entry: int) -> None:
    assert (await ask(AUDITOR, "GET", "/v1/audit/verification")).json() is None
    verdict = (await ask(AUDITOR, "POST", "/v1/audit/verification")).json()
    assert (verdict["sound"], verdict["broken"], verdict["entries"] > 3) == (True, None, True)
    shown = (await ask(AUDITOR, "GET", "/audit", params={"object": "alert", "since": "2026-01-01"})).text
    assert "核对无误" in shown
    assert shown.count("办理预警") == 2  # in the filter and in the list
    assert "alert.moved" in shown
    single = (await ask(AUDITOR, "GET", f"/audit/{entry}")).text
    assert "SHA-256" in single
    assert SECRETARY in single
    assert (await ask(AUDITOR, "POST", "/audit/verification")).status_code == 303


async def scopes(ask: Ask, concerning: str) -> None:
    query = {"object": f"alert:{concerning}"}
    for who, person, count in [
        (AUDITOR, "another", 1),
        (AUDITOR, "whom-it-is-about", 0),
        (f"county_secretary@{COUNTY}", "another", 1),
        (f"auditor@{OTHER_TOWN}", "another", 0),
    ]:
        found = (await ask(who, "GET", "/v1/audit", params=query, person=person)).json()["items"]
        assert len(found) == count, (who, person)
    for path in ("/v1/audit", "/v1/audit/export", "/v1/audit/verification", "/audit"):
        assert (await ask(SECRETARY, "GET", path)).status_code == 403, path
