"""Routes and roster over a real database: a county's own tree, who stands in, who must not know, when it goes up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.notifier import app as notifier
from services.notifier import clock
from services.notifier.consumer import handle_batch
from services.notifier.routing import route_tree
from services.notifier.routing.plans import Plans
from services.notifier.stream import Hub, Reader
from shared.contracts.alerts import AlertUpdated
from shared.contracts.base import Contract
from shared.db import Database, Scope
from shared.settings import Settings
from shared.workdays import add_working_days
from tests.conftest import Token
from tests.disclosure.served import served
from tests.integration.test_notifier import World, envelope, world
from tests.notifier.samples import COUNTY, OTHER_TOWN, TOWN, VILLAGE, about, alert, raised

pytestmark = pytest.mark.without_broker
__all__ = ["world"]
SECRETARY = f"town_secretary@{TOWN}"
COUNTY_DESK = f"county_secretary@{COUNTY}"
KEEPER = f"route_keeper@{COUNTY}"
LONG_AGO = "2020-01-01T00:00:00+08:00"
Call = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def db(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("notifier")


@pytest.fixture
async def call(settings: Settings, db: Database, token: Token) -> AsyncIterator[Call]:
    """People who call the service: `call(SECRETARY, subject="xu")`."""
    async with served(notifier.build(settings)) as url:

        def caller(*grants: str, subject: str, **claims: Any) -> httpx.AsyncClient:
            headers = {"authorization": f"Bearer {token(*grants, subject=subject, **claims)}"}
            return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=40)

        yield caller


async def deliver(db: Database, *events: Contract) -> None:
    """As the consumer does, without the broker."""
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(event) for event in events])


async def as_system(db: Database, query: str, *values: Any) -> list[Any]:
    """What the system sees."""
    async with db.begin(Scope.system()) as conn:
        return [tuple(row) for row in await conn.fetch(query, *values)]


def holder(person: str, **changed: Any) -> dict[str, Any]:
    """An entry of the roster."""
    return {"person_key": person, "name": person, "since": LONG_AGO} | changed


async def write(caller: httpx.AsyncClient, desk: str, *entries: dict[str, Any], revision: int = 0) -> int:
    """Write a post; returns its revision."""
    body = {"entries": list(entries), "revision": revision, "reason": "任免文件"}
    answer = await caller.put(f"/v1/roster/{desk}", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["revision"])


async def test_a_countys_own_tree_holds_once_another_person_has_approved_it(db: Database, call: Call) -> None:
    tree = route_tree.text_of().replace(
        "{role: town_inspector, at: town}\n  escalation:", "{role: town_secretary, at: town}\n  escalation:"
    )
    async with call(COUNTY_DESK, subject="zheng") as drafter, call(KEEPER, subject="he") as other:
        bad = await drafter.post(
            "/v1/routes/drafts", json={"tree": tree.replace("grades: [red]", "grades: [blue]"), "reason": "试" * 3}
        )
        assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-routes")
        assert bad.json()["errors"][0]["field"].startswith("tree:")
        made = await drafter.post("/v1/routes/drafts", json={"tree": tree, "reason": "黄色也送书记"})
        assert made.status_code == 201, made.text
        number = made.json()["version"]
        yellow = {"sample": {"grade": "yellow", "village_code": VILLAGE}}
        tried = (await drafter.post("/v1/routes/explain", json=yellow | {"version": number})).json()
        now = (await drafter.post("/v1/routes/explain", json=yellow)).json()
        assert ([d["desk"] for d in tried["to"]], tried["version"]) == ([SECRETARY], number)
        assert ([d["desk"] for d in now["to"]], now["version"]) == ([f"town_inspector@{TOWN}"], 0)
        own = await drafter.post(f"/v1/routes/{number}/approve", json={"reason": "同意"})
        assert (own.status_code, own.json()["type"]) == (403, "/problems/own-routes")
        await deliver(db, raised(before := alert(grade="yellow")))
        done = await other.post(f"/v1/routes/{number}/approve", json={"reason": "同意"})
        assert (done.status_code, done.json()["in_force"]) == (200, True), done.text
        again = await other.post(f"/v1/routes/{number}/reject", json={"reason": "反悔"})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/routes-decided")
        later = (await drafter.post("/v1/routes/drafts", json={"tree": route_tree.text_of(), "reason": "改回"})).json()
        start = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        kept = await other.post(
            f"/v1/routes/{later['version']}/approve", json={"reason": "同意", "effective_from": start}
        )
        assert kept.json()["in_force"] is False
        listed = (await other.get("/v1/routes")).json()
        assert (listed["in_force"], [one["version"] for one in listed["items"]]) == (
            number,
            [later["version"], number, 0],
        )
    await deliver(db, raised(after := alert(grade="yellow")))
    rows = await as_system(db, "SELECT alert_id::text, desks, coalesce((route ->> 'version')::int, 0) FROM alerts")
    assert {row[0]: row[1:] for row in rows} == {
        before.alert_id: ([f"town_inspector@{TOWN}"], 0),
        after.alert_id: ([SECRETARY], number),
    }


async def test_only_keepers_write_and_only_readers_read(call: Call) -> None:
    body = {"entries": [holder("xu")], "revision": 0, "reason": "任免文件"}
    async with call(SECRETARY, subject="xu") as secretary, call(f"auditor@{COUNTY}", subject="he") as auditor:
        for path in ("/v1/routes", "/v1/roster", f"/v1/roster/{SECRETARY}", "/v1/routes/0"):
            assert (await secretary.get(path)).status_code == 403, path
        assert (await auditor.get("/v1/routes")).json()["in_force"] == 0
        for caller in (secretary, auditor):
            assert (await caller.put(f"/v1/roster/{SECRETARY}", json=body)).status_code == 403
            drafted = await caller.post("/v1/routes/drafts", json={"tree": route_tree.text_of(), "reason": "试试"})
            assert drafted.status_code == 403
        assert (await auditor.get(f"/v1/roster/{SECRETARY}")).status_code == 404
    async with call(KEEPER, subject="he2") as keeper:
        await write(keeper, SECRETARY, holder("xu"))
        stale = await keeper.put(f"/v1/roster/{SECRETARY}", json=body)
        assert (stale.status_code, stale.json()["type"]) == (409, "/problems/roster-changed")
        bad = await keeper.put(f"/v1/roster/king@{TOWN}", json=body | {"entries": [holder("", name="无")]})
        assert [one["field"] for one in bad.json()["errors"]] == ["desk", "entries.0.person_key"]


async def test_the_database_itself_shows_neither_routes_nor_roster_to_others(db: Database, call: Call) -> None:
    async with call(COUNTY_DESK, subject="zheng") as keeper:
        await write(keeper, SECRETARY, holder("xu"))
        await keeper.post("/v1/routes/drafts", json={"tree": route_tree.text_of(), "reason": "试试"})
    for scope in (Scope("%", SECRETARY, "xu"), Scope("%", f"route_keeper@{OTHER_TOWN}", "li"), Scope.public()):
        async with db.begin(scope) as conn:
            for table in ("rosters", "route_versions", "desks_seen"):
                assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    async with db.begin(Scope("%", COUNTY_DESK, "zheng")) as conn:
        assert await conn.fetchval("SELECT count(*) FROM rosters") == 1
        assert await conn.execute("UPDATE route_versions SET state = 'approved'") == "UPDATE 0"


async def test_a_deputy_sits_at_the_desk_by_the_roster(db: Database, call: Call) -> None:
    await deliver(db, raised(found := alert()))
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        call(KEEPER, subject="he") as keeper,
        call("handler@" + VILLAGE, subject="zhao", person_key="key-zhao") as zhao,
    ):
        assert (await zhao.get(path)).status_code == 404
        revision = await write(keeper, SECRETARY, holder("xu"), holder("key-zhao", kind="deputy"))
        await asyncio.sleep(1.1)  # the roster is read anew at most once a second
        assert (await zhao.post(path + "/acknowledge")).json()["state"]["code"] == "acknowledged"
        await write(keeper, SECRETARY, holder("xu"), revision=revision)
        await asyncio.sleep(1.1)
        assert (await zhao.get(path)).status_code == 404


async def test_a_desk_that_falls_empty_hands_its_open_alerts_to_the_one_above(db: Database, call: Call) -> None:
    await deliver(db, raised(found := alert()))
    plans, now = Plans(), datetime.now(UTC)
    async with call(KEEPER, subject="he") as keeper:
        leave = {"since": (now + timedelta(days=2)).isoformat(), "until": (now + timedelta(days=4)).isoformat()}
        await write(keeper, SECRETARY, holder("xu", absences=[leave]))
    looks = [(now, True), (now, False), (now + timedelta(days=3), True), (now + timedelta(days=3), False), (now, True)]
    assert [await clock.stand_in(db, at, plans) for at, _ in looks] == [seen for _, seen in looks]
    rows = await as_system(db, "SELECT desks FROM alerts WHERE alert_id = $1", found.alert_id)
    assert rows == [([COUNTY_DESK, SECRETARY],)]
    kinds = await as_system(db, "SELECT kind FROM history WHERE alert_id = $1 ORDER BY id", found.alert_id)
    assert kinds == [("raised",), ("stood_in",)]
    whys = await as_system(db, "SELECT desk, why FROM inbox WHERE alert_id = $1 ORDER BY desk", found.alert_id)
    assert whys == [(COUNTY_DESK, "stood_in"), (SECRETARY, "routed")]
    async with db.begin(Scope("%", COUNTY_DESK, "zheng")) as conn:
        assert [row["kind"] for row in await conn.fetch("SELECT kind FROM stream_events")] == ["raised"]


async def test_for_whom_it_is_about_and_his_kin_it_does_not_exist(db: Database, call: Call) -> None:
    person = about("village", "330421107202", "cadre").model_copy(update={"kin": ("key-xu",)})
    await deliver(db, raised(found := alert(about=(person,))))
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        call(SECRETARY, subject="xu", person_key="key-xu") as kin,
        call(SECRETARY, subject="zhao", person_key="z") as other,
    ):
        assert (await kin.get(path)).status_code == 404
        assert (await kin.get("/v1/alerts")).json()["items"] == []
        assert (await kin.post(path + "/acknowledge")).status_code == 404
        assert (await other.get(path)).status_code == 200
        assert [one["alert_id"] for one in (await other.get("/v1/alerts")).json()["items"]] == [found.alert_id]
    for key, seen in (("key-xu", 0), ("cadre", 0), ("z", 1), ("", 1)):
        async with db.begin(Scope("%", SECRETARY, "someone", key)) as conn:
            for table in ("alerts", "history", "inbox", "stream_events"):
                assert (await conn.fetchval(f"SELECT count(*) FROM {table}") > 0) is bool(seen), (key, table)
            moved = await conn.execute("UPDATE alerts SET updated_at = now()")
            assert moved == f"UPDATE {seen}"


async def test_an_open_stream_tells_nobody_what_is_about_him(db: Database) -> None:
    hub = Hub(db)
    running = asyncio.create_task(hub.run())

    async def always() -> bool:
        return True

    mine = hub.events(Reader(Scope("", SECRETARY, "xu", "key-xu")), None, allowed=always)
    theirs = hub.events(Reader(Scope("", SECRETARY, "zhao", "key-zhao")), None, allowed=always)
    for opened in (mine, theirs):
        await anext(opened)
    waiting = [asyncio.ensure_future(anext(opened)) for opened in (mine, theirs)]
    await asyncio.sleep(0.2)
    about_xu = alert(about=(about("village", VILLAGE, "cadre").model_copy(update={"kin": ("key-xu",)}),))
    await deliver(db, raised(about_xu), raised(other := alert()))
    first, second = [(await asyncio.wait_for(one, 10)).chunk.decode() for one in waiting]
    assert other.alert_id in first
    assert about_xu.alert_id in second
    for opened in (mine, theirs):
        await opened.aclose()
    running.cancel()


async def test_steps_come_one_by_one_each_once_however_the_clock_moves(db: Database) -> None:
    above, route = route_tree.text_of().split("\nroute:")
    text = f"{above}\nroute:{route.replace('{role: city_secretary, at: city}', '{role: town_inspector, at: town}')}"
    async with db.begin(Scope("%", COUNTY_DESK, "zheng")) as conn:
        await conn.execute(
            "INSERT INTO route_versions (region_code, tree, reason, drafted_at, drafted_by, drafted_person,"
            " drafted_name) VALUES ($1, $2, '试', now(), 'zheng', '', '郑')",
            *(COUNTY, text),
        )
    async with db.begin(Scope("%", COUNTY_DESK, "he")) as conn:
        await conn.execute(
            "UPDATE route_versions SET state = 'approved', effective_from = now() - interval '1 day',"
            " decided_at = now(), decided_by = 'he', decided_name = '何'"
        )
    await deliver(db, raised(found := alert()))
    ((due,),) = await as_system(db, "SELECT due_by FROM alerts")
    second = add_working_days(due, 2)
    instant = timedelta(microseconds=1)
    moments = [
        due - instant,
        due,
        due,
        due - timedelta(days=9),
        second - instant,
        second,
        due,
        second + timedelta(days=99),
    ]
    assert [await clock.escalate_lapsed(db, moment) for moment in moments] == [0, 1, 0, 0, 0, 1, 0, 0]
    kinds = await as_system(db, "SELECT kind FROM history WHERE alert_id = $1 ORDER BY id", found.alert_id)
    assert kinds == [("raised",), ("escalated",), ("escalated",)]
    ((desks,),) = await as_system(db, "SELECT desks FROM alerts")
    assert desks == [COUNTY_DESK, f"town_inspector@{TOWN}", SECRETARY]


async def test_the_term_of_a_later_state_goes_up_too(db: Database, call: Call) -> None:
    await deliver(db, raised(found := alert()))
    async with call(SECRETARY, subject="xu") as secretary:
        assert (await secretary.post(f"/v1/alerts/{found.alert_id}/acknowledge")).status_code == 200
    ((due, escalate_at, state),) = await as_system(db, "SELECT due_by, escalate_at, state FROM alerts")
    assert (state, due) == ("acknowledged", escalate_at)
    assert await clock.escalate_lapsed(db, due) == 1
    assert await clock.escalate_lapsed(db, due + timedelta(days=30)) == 0
    ((desks,),) = await as_system(db, "SELECT desks FROM alerts")
    assert desks == [COUNTY_DESK, SECRETARY]


async def test_more_evidence_keeps_the_steps_taken(db: Database) -> None:
    await deliver(db, raised(found := alert()))
    ((due,),) = await as_system(db, "SELECT due_by FROM alerts")
    assert await clock.escalate_lapsed(db, due) == 1
    await deliver(db, AlertUpdated(**found.model_dump() | {"revision": 2}))
    assert await as_system(db, "SELECT desks, steps_taken FROM alerts") == [([COUNTY_DESK, SECRETARY], 1)]
    assert await clock.escalate_lapsed(db, due + timedelta(days=30)) == 0


async def test_routes_and_roster_are_kept_on_pages(world: World) -> None:
    own = {"origin": world.url}
    async with world.browser(COUNTY_DESK) as keeper, world.browser(SECRETARY) as secretary:
        assert [(await secretary.get(path)).status_code for path in ("/routes", "/routes/try", "/roster")] == [403] * 3
        bad = {"tree": route_tree.text_of().replace("grades: [red]", "grades: [blue]", 1), "reason": "试一试"}
        refused = await keeper.post("/routes", data=bad, headers=own)
        assert refused.status_code == 422
        assert "列,route.routes.0.match.grades.0:不在可选范围内" in refused.text
        made = await keeper.post("/routes", data={"tree": route_tree.text_of(), "reason": "试一试"}, headers=own)
        assert (made.status_code, made.headers["location"]) == (303, "/routes/1")
        decision = {"then": "approve", "reason": "同意"}
        assert (await keeper.post("/routes/1/decision", data=decision, headers=own)).status_code == 403
        line = dict.fromkeys(("subject", "until", "away_since", "away_until"), "")
        line |= {"kind": "holder", "name": "徐正平", "person_key": "xu", "duty": "working 08:30-18:00; sat,sun 9-12"}
        post = line | {"since": "2026-01-01T08:00", "revision": "0", "reason": "任免文件"}
        wrong = await keeper.post(f"/roster/{SECRETARY}", data=post, headers=own)
        assert (wrong.status_code, "entries.0.duty.1.begins" in wrong.text) == (422, True)
        kept = await keeper.post(f"/roster/{SECRETARY}", data=post | {"duty": "working 08:30-18:00"}, headers=own)
        assert (kept.status_code, kept.headers["location"]) == (303, "/roster")
        assert "徐正平" in (await keeper.get("/roster")).text
        tried = await keeper.get("/routes/try", params={"village": VILLAGE, "office": "town", "version": 1})
        assert "因回避改送 嘉善县 县纪委监委" in tried.text


async def test_an_alert_of_ones_own_is_explained_with_its_steps(db: Database, call: Call) -> None:
    await deliver(db, raised(found := alert(about=(about("town", TOWN, "xu"),))))
    async with call(COUNTY_DESK, subject="zheng", person_key="zheng") as county, call(KEEPER, subject="he") as keeper:
        await write(
            county, COUNTY_DESK, holder("zheng", duty=[{"days": ["working"], "begins": "08:30", "ends": "18:00"}])
        )
        told = (await county.post("/v1/routes/explain", json={"alert_id": found.alert_id})).json()
        hidden = await keeper.post("/v1/routes/explain", json={"alert_id": found.alert_id})
        both = await keeper.post(
            "/v1/routes/explain", json={"alert_id": found.alert_id, "sample": {"village_code": VILLAGE}}
        )
    assert (told["path"], told["conflict"]["code"], told["barred"]) == (["all", "red", "red-money"], "town", 1)
    (seat,) = told["seats"]
    assert (seat["asked"], seat["lifted_to"], seat["goes_to"]) == (SECRETARY, COUNTY_DESK, [COUNTY_DESK])
    assert [one["name"] for one in told["to"][0]["people"]] == ["zheng"]
    assert [step["number"] for step in told["steps"]] == [1]
    assert told["steps"][0]["at"] == told["due_by"]
    assert "回避" in told["why"]["zh"]
    assert (hidden.status_code, both.status_code) == (404, 422)
