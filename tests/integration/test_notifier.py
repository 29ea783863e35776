"""The notifier over a real broker and database: an alert reaches the right desk, once, and is handled to an outcome."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI, Request, Response
from itsdangerous import TimestampSigner
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.notifier import app as notifier
from services.notifier import clock, retention, stream
from services.notifier.channels import gateways
from services.notifier.channels.deliveries import Deliveries
from services.notifier.consumer import handle_batch
from services.notifier.stream import Hub, Item, Reader
from shared.auth import Verifier
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.alerts import LIFECYCLE_TOPIC, RAISED_TOPIC, Alert, AlertUpdated, Bilingual, Parameter
from shared.contracts.base import Contract
from shared.db import Database, Scope
from shared.identity import seal
from shared.problems import NotSignedIn
from shared.settings import Settings
from shared.webhooks import retries
from tests.conftest import Token, eventually
from tests.disclosure.served import served
from tests.notifier.samples import COUNTY, NOW, OTHER_TOWN, TOWN, VILLAGE, about, alert, raised, withdrawn

Open = Callable[[str], Awaitable[Database]]
SECRETARY = f"town_secretary@{TOWN}"
OTHER_SECRETARY = f"town_secretary@{OTHER_TOWN}"
TABLES = ("alerts", "inbox", "history", "stream_events", "readings", "subscriptions", "deliveries")


async def _value(value: Any) -> Any:
    return value


@dataclass
class World:
    """The service, its database, and people who call it."""

    settings: Settings
    db: Database
    url: str
    token: Token

    def caller(self, *grants: str, subject: str = "wang", **claims: Any) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.token(*grants, subject=subject, **claims)}"} if grants else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=40)

    def browser(self, *grants: str, subject: str = "wang", person_key: str | None = None) -> httpx.AsyncClient:
        claims: dict[str, Any] = {"sub": subject, "name": "王书记", "groups": list(grants), "exp": 4_000_000_000}
        claims |= {"person_key": person_key} if person_key else {}
        plain = base64.b64encode(json.dumps({"claims": claims}).encode())
        cookie = TimestampSigner(self.settings.session_secret).sign(plain).decode()
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"accept": "text/html"},
            cookies={"yunjing_notifier": cookie},
            trust_env=False,
            timeout=40,
        )

    async def tell(self, *events: Contract) -> None:
        """As the detector does: through an outbox, the relay and the broker."""
        async with self.db.begin(Scope.system()) as conn:
            await outbox.publish(conn, [envelope(event) for event in events])

    async def arrived(self, found: Alert) -> dict[str, Any]:
        """The alert as the system sees it, once it is there."""

        async def look() -> dict[str, Any] | None:
            async with self.db.begin(Scope.system()) as conn:
                row = await conn.fetchrow("SELECT * FROM alerts WHERE alert_id = $1", found.alert_id)
            return dict(row) if row and row["revision"] >= found.revision else None

        answer = await eventually(look)
        assert answer
        return answer


def envelope(event: Any) -> Envelope:
    return Envelope.of(event, source="/detector", topic=RAISED_TOPIC, key=event.town_code, time=NOW)


async def deliver(db: Database, *events: Contract) -> None:
    """As the consumer does, without the broker."""
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(event) for event in events])


async def always() -> bool:
    """A caller who keeps his rights."""
    return True


async def stop(task: asyncio.Task[None]) -> None:
    """End a background task."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def world(settings: Settings, database: Open, token: Token) -> AsyncIterator[World]:
    db = await database("notifier")
    async with served(notifier.build(settings)) as url:
        yield World(settings, db, url, token)


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("notifier")


async def test_a_red_alert_reaches_the_right_town_and_nobody_else(world: World) -> None:
    found = alert()
    await world.tell(raised(found))
    await world.arrived(found)
    path = f"/v1/alerts/{found.alert_id}"
    for grants, status in [
        ((SECRETARY,), 200),
        ((f"auditor@{COUNTY}",), 200),
        ((OTHER_SECRETARY,), 404),
        ((f"county_secretary@{COUNTY}",), 404),
        ((f"town_inspector@{TOWN}", f"handler@{VILLAGE}"), 404),
        ((f"auditor@{OTHER_TOWN}",), 404),
        ((), 401),
    ]:
        async with world.caller(*grants) as caller:
            assert (await caller.get(path)).status_code == status, grants
            assert (await caller.get(path + "/history")).status_code == status, grants
            listed = await caller.get("/v1/alerts")
            ids = [item["alert_id"] for item in listed.json().get("items", [])]
            assert ids == ([found.alert_id] if status == 200 else []), grants


@pytest.mark.parametrize("scope", [Scope("%", OTHER_SECRETARY, "li"), Scope.public(), Scope("", "", "")])
async def test_the_database_itself_shows_other_desks_nothing(db: Database, scope: Scope) -> None:
    await deliver(db, raised(alert()))
    async with db.begin(scope) as conn:
        for table in (*TABLES, "early_withdrawals"):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        assert await conn.execute("UPDATE alerts SET state = 'closed_rectified'") == "UPDATE 0"


async def test_an_auditor_reads_and_can_change_nothing(world: World) -> None:
    found = alert()
    await world.tell(raised(found))
    await world.arrived(found)
    async with world.caller(f"auditor@{COUNTY}") as auditor:
        refused = await auditor.post(f"/v1/alerts/{found.alert_id}/acknowledge")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/move-not-yours")
    async with world.db.begin(Scope("%", f"auditor@{COUNTY}", "wang")) as conn:
        assert await conn.execute("UPDATE alerts SET state = 'acknowledged'") == "UPDATE 0"


async def test_an_event_of_an_unknown_type_goes_to_the_operator_and_holds_nobody_up(world: World) -> None:
    strange = replace(envelope(raised(alert())), type="alert.raised.v9")
    async with world.db.begin(Scope.system()) as conn:
        await outbox.publish(conn, [strange, envelope(raised(after := alert()))])
    await world.arrived(after)
    kafka = AIOKafkaConsumer(
        f"{world.settings.kafka_topic_prefix}{RAISED_TOPIC}.dlq",
        bootstrap_servers=world.settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await kafka.start()
    try:
        letter = await asyncio.wait_for(kafka.getone(), 40)
    finally:
        await kafka.stop()
    assert b"alert.raised.v9" in letter.value


async def test_who_comes_to_be_concerned_is_not_told_again_of_what_he_saw(db: Database) -> None:
    """Also while the hub still has it in memory for the others of his desk."""
    hub = Hub(db)
    running = asyncio.create_task(hub.run())
    keeps_room = hub.events(Reader(Scope("", SECRETARY, "zhao", "key-zhao")), None, allowed=always)
    await anext(keeps_room)
    first = alert()
    await deliver(db, raised(first))
    assert alert_of(await asyncio.wait_for(anext(keeps_room), 40)) == first.alert_id
    concerned = (about("village", VILLAGE, "key-xu"),)
    newer = first.model_copy(update={"revision": 2, "about": concerned})
    await deliver(db, AlertUpdated(**newer.model_dump()), raised(other := alert()))
    mine = hub.events(Reader(Scope("", SECRETARY, "xu", "key-xu")), 0, allowed=always)
    await anext(mine)
    came = [(await asyncio.wait_for(anext(mine), 40)).chunk.decode()]
    while other.alert_id not in came[-1]:
        came.append((await asyncio.wait_for(anext(mine), 40)).chunk.decode())
    about_first = [json.loads(one.partition("data: ")[2]) for one in came if first.alert_id in one]
    assert all(one == {"kind": "removed", "alert_id": first.alert_id} for one in about_first)
    for opened in (keeps_room, mine):
        await opened.aclose()
    await stop(running)


async def test_what_comes_twice_is_shown_once(world: World) -> None:
    found = alert()
    await world.tell(raised(found), raised(found), raised(found, revision=2), raised(found))
    await world.arrived(found.model_copy(update={"revision": 2}))
    await world.tell(marker := raised(alert()))
    await world.arrived(marker)
    async with world.caller(SECRETARY) as secretary:
        items = (await secretary.get("/v1/alerts")).json()["items"]
        past = (await secretary.get(f"/v1/alerts/{found.alert_id}/history")).json()["items"]
    assert sorted(i["alert_id"] for i in items) == sorted([found.alert_id, marker.alert_id])
    assert [entry["kind"]["code"] for entry in past] == ["raised", "updated"]


async def test_a_withdrawn_alert_shows_its_reason_and_is_raised_again(db: Database) -> None:
    found = alert()
    again = AlertUpdated(**found.model_dump() | {"revision": 3})
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(raised(found)), envelope(withdrawn(found))])
        row = await conn.fetchrow("SELECT state, withdrawn_reason FROM alerts")
        assert row
        assert (row["state"], row["withdrawn_reason"]["zh"]) == ("withdrawn", "登记更正后不再成立")
        await handle_batch(conn, [envelope(again)])
        assert await conn.fetchval("SELECT state FROM alerts") == "pushed"
        assert [r["kind"] for r in await conn.fetch("SELECT kind FROM history ORDER BY id")] == [
            "raised",
            "withdrawn",
            "raised",
        ]


async def test_an_alert_that_comes_to_concern_the_towns_official_leaves_the_town(db: Database) -> None:
    found = alert()
    later = AlertUpdated(**found.model_dump() | {"revision": 2, "about": (about("town", TOWN),)})
    await deliver(db, raised(found), later)
    async with db.begin(Scope("%", SECRETARY, "wang")) as conn:
        assert await conn.fetchval("SELECT count(*) FROM alerts") == 0
        assert [(r["kind"], r["body"]) for r in await conn.fetch("SELECT kind, body FROM stream_events")] == [
            ("removed", {"alert_id": found.alert_id})
        ]
    async with db.begin(Scope("%", f"county_secretary@{COUNTY}", "chen")) as conn:
        assert await conn.fetchval("SELECT alert_id::text FROM alerts") == found.alert_id


async def test_an_alert_is_walked_to_an_outcome(world: World) -> None:
    found = alert()
    await world.tell(raised(found))
    await world.arrived(found)
    path = f"/v1/alerts/{found.alert_id}"
    async with world.caller(SECRETARY) as secretary:
        assert (await secretary.post(path + "/acknowledge")).json()["state"]["code"] == "acknowledged"
        assert (await secretary.post(path + "/acknowledge")).json()["state"]["code"] == "acknowledged"
        early = await secretary.post(path + "/moves", json={"to": "no_action", "note": "x", "outcome": "rectified"})
        assert (early.status_code, early.json()["type"]) == (409, "/problems/move-out-of-order")
        for body in [
            {"to": "verifying"},
            {"to": "fed_back", "note": "确为同一批采购"},
            {"to": "rectifying", "note": "责令退款"},
            {"to": "closed_rectified", "note": "已退款", "outcome": "reminder_talk"},
        ]:
            answer = await secretary.post(path + "/moves", json=body, headers={"idempotency-key": body["to"]})
            assert answer.status_code == 200, answer.text
        same_key = {"idempotency-key": "verifying"}
        repeated = await secretary.post(path + "/moves", json={"to": "verifying"}, headers=same_key)
        assert (repeated.status_code, repeated.json()["state"]["code"]) == (200, "closed_rectified")
        reused = await secretary.post(path + "/moves", json={"to": "acknowledged"}, headers=same_key)
        assert reused.json()["type"] == "/problems/idempotency-key-reused"
        waiting = (await secretary.get("/v1/alerts", params={"state": "review"})).json()["items"]
        async with world.caller(f"county_secretary@{COUNTY}", subject="chen") as county:
            confirmed = await county.post(path + "/moves", json={"to": "reviewed"})
            assert (confirmed.status_code, confirmed.json()["finished"]) == (200, True), confirmed.text
        past = (await secretary.get(path + "/history")).json()["items"]
        closed = (await secretary.get("/v1/alerts", params={"state": "finished"})).json()["items"]
    states = [entry["state_to"]["code"] for entry in past]
    assert states == ["pushed", "acknowledged", "verifying", "fed_back", "rectifying", "closed_rectified", "reviewed"]
    assert [item["alert_id"] for item in waiting + closed] == [found.alert_id] * 2
    assert await told_states(world.settings, 7) == states


async def told_states(settings: Settings, size: int) -> list[str]:
    """The new states that the lifecycle topic tells of."""
    consumer = AIOKafkaConsumer(
        settings.kafka_topic_prefix + LIFECYCLE_TOPIC,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 40) for _ in range(size)]
    finally:
        await consumer.stop()
    return [json.loads(record.value)["state_to"] for record in records]


async def test_for_whom_it_concerns_it_does_not_exist(world: World) -> None:
    found = alert(about=(about("county", COUNTY, "the-secretary"),))
    await world.tell(raised(found))
    await world.arrived(found)
    async with world.caller(f"county_secretary@{COUNTY}", person_key="the-secretary") as concerned:
        refused = await concerned.post(f"/v1/alerts/{found.alert_id}/acknowledge")
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/no-such-alert")
        for path in (f"/v1/alerts/{found.alert_id}", f"/v1/alerts/{found.alert_id}/history"):
            assert (await concerned.get(path)).status_code == 404
        assert (await concerned.get("/v1/alerts")).json()["items"] == []
    async with world.caller(f"county_secretary@{COUNTY}", subject="chen", person_key="another") as other:
        done = await other.post(f"/v1/alerts/{found.alert_id}/acknowledge")
        assert (done.status_code, done.json()["recusal"]) == (200, None)
        assert done.json()["delivery"][0]["desk"] == f"county_secretary@{COUNTY}"


async def test_a_sign_in_that_names_no_person_handles_no_alert_about_somebody(world: World) -> None:
    found = alert(about=(about("village", VILLAGE, "the-clerk"),))
    await world.tell(raised(found))
    await world.arrived(found)
    page = f"/alerts/{found.alert_id}"
    async with world.caller(SECRETARY) as nameless:
        for path, body in (("/acknowledge", None), ("/moves", {"to": "acknowledged"})):
            refused = await nameless.post(f"/v1{page}{path}", json=body)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/person-unknown")
            assert "person_key" in refused.json()["detail"]
            assert "person_key" in refused.json()["detail_en"]
    async with world.browser(SECRETARY) as browser:
        shown = (await browser.get(page)).text
        assert "无法核对是否须回避" in shown
        assert "送达 <span" not in shown
        assert f'action="{page}/moves"' not in shown
    async with world.caller(SECRETARY, person_key="the-secretary") as known:
        assert (await known.post(f"/v1{page}/acknowledge")).status_code == 200


async def test_a_prompt_that_turns_red_reaches_the_secretary_though_it_was_acknowledged(world: World) -> None:
    found = alert(grade="prompt")
    await world.tell(raised(found))
    await world.arrived(found)
    path = f"/v1/alerts/{found.alert_id}"
    handler = f"handler@{VILLAGE}"
    async with world.caller(handler, subject="clerk") as clerk, world.caller(SECRETARY) as secretary:
        assert (await clerk.post(path + "/acknowledge")).status_code == 200
        reading = asyncio.create_task(events(secretary, 1, after="0"))
        red = AlertUpdated(**found.model_dump() | {"revision": 2, "grade": "red"})
        await world.tell(red)
        told = (await reading)[0].data
        assert (told["kind"], told["grade"]["code"], told["state"]["code"]) == ("aggravated", "red", "pushed")
        assert told["due_by"]
        assert (await clerk.get(path)).status_code == 404
        past = (await secretary.get(path + "/history")).json()["items"]
        desks = (await secretary.get(path)).json()["delivery"]
    assert [(e["kind"]["code"], e["state_to"]["code"]) for e in past] == [
        ("raised", "pushed"),
        ("moved", "acknowledged"),
        ("aggravated", "pushed"),
    ]
    assert "提示" in past[2]["reason"]["zh"]
    assert [(d["desk"], d["why"]["code"], d["until"] is None, len(d["read_by"])) for d in desks] == [
        (handler, "routed", False, 1),
        (SECRETARY, "routed", True, 1),
    ]
    assert await clock.escalate_lapsed(world.db, datetime.now(UTC) + timedelta(hours=25)) == 1
    assert await told_states(world.settings, 3) == ["pushed", "acknowledged", "pushed"]


async def test_the_desk_that_more_evidence_brings_it_to_is_told_of_a_new_alert(db: Database) -> None:
    found = alert()
    later = AlertUpdated(**found.model_dump() | {"revision": 2, "about": (about("town", TOWN),)})
    await deliver(db, raised(found), later)
    for grant, kinds in ((f"county_secretary@{COUNTY}", ["raised"]), (f"auditor@{COUNTY}", ["raised", "updated"])):
        async with db.begin(Scope("%", grant, "chen")) as conn:
            assert [r["kind"] for r in await conn.fetch("SELECT kind FROM stream_events ORDER BY position")] == kinds
    async with db.begin(Scope("%", f"auditor@{TOWN}", "he")) as conn:
        assert [r["kind"] for r in await conn.fetch("SELECT kind FROM stream_events")] == ["removed"]
        assert await conn.fetchval("SELECT count(*) FROM alerts") == 0


async def test_a_withdrawal_ahead_of_its_alert_keeps_the_old_revision_from_the_desk(db: Database) -> None:
    found = alert()
    for revision in (2, 4, 3):
        await deliver(db, withdrawn(found, revision))
    await deliver(db, raised(found, revision=4))
    async with db.begin(Scope("%", SECRETARY, "wang")) as conn:
        assert await conn.fetchval("SELECT count(*) FROM alerts") == 0
        assert await conn.fetchval("SELECT count(*) FROM stream_events") == 0
    async with db.begin(Scope.system()) as conn:
        row = await conn.fetchrow("SELECT state, revision, withdrawn_reason ->> 'zh' AS why FROM alerts")
        assert row
        assert tuple(row) == ("withdrawn", 4, "登记更正后不再成立")
        assert await conn.fetchval("SELECT count(*) FROM inbox") == 0
        assert await conn.fetchval("SELECT count(*) FROM early_withdrawals") == 0
    await deliver(db, raised(found, revision=5))
    async with db.begin(Scope("%", SECRETARY, "wang")) as conn:
        assert await conn.fetchval("SELECT state FROM alerts") == "pushed"
        assert [r["desk"] for r in await conn.fetch("SELECT desk FROM inbox")] == [SECRETARY]


async def test_a_withdrawal_and_its_alerts_in_one_batch_come_out_the_same(db: Database) -> None:
    old, newer = alert(), alert()
    await deliver(db, withdrawn(old), withdrawn(newer), raised(old), raised(newer, revision=3))
    async with db.begin(Scope("%", SECRETARY, "wang")) as conn:
        assert [str(r["alert_id"]) for r in await conn.fetch("SELECT alert_id FROM alerts")] == [newer.alert_id]
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM early_withdrawals") == 0


async def test_what_a_desk_sees_is_found_by_index(db: Database) -> None:
    await deliver(db, raised(sample := alert()), *(raised(alert(grade="yellow")) for _ in range(3)))
    async with db.begin(Scope.system()) as conn:
        await conn.execute(
            "INSERT INTO alerts (alert_id, revision, rule_id, grade, matter, village_code, town_code, state, desks,"
            " holders, readers, finished, raised_at, updated_at, body)"
            " SELECT gen_random_uuid(), revision, rule_id, grade, matter, village_code, town_code, state, desks,"
            " ARRAY['x@' || n], ARRAY['x@' || n, 'system'], finished, raised_at, updated_at, body"
            " FROM alerts, generate_series(1, 5000) n WHERE alert_id = $1",
            sample.alert_id,
        )
        await conn.execute("ANALYZE alerts")
    looks = {
        "alerts_open_by_reader": "SELECT count(*) FROM alerts WHERE NOT finished",
        "alerts_by_reader": "SELECT * FROM alerts ORDER BY rank, raised_at DESC, alert_id DESC LIMIT 51",
    }
    async with db.begin(Scope("%", SECRETARY, "wang")) as conn:
        for index, query in looks.items():
            plan = "\n".join(row[0] for row in await conn.fetch("EXPLAIN " + query))
            assert f"Bitmap Index Scan on {index} " in plan, plan


async def test_the_stream_is_pruned_and_who_resumes_from_before_is_told_to_reload(
    world: World, settings: Settings
) -> None:
    db = world.db
    await subscribe(db, settings, "http://127.0.0.1:9/nobody")
    async with db.begin(Scope.system()) as conn:  # left alone, or a running attempt might write over what we set
        await conn.execute("UPDATE subscriptions SET paused_until = now() + interval '1 day'")
    await deliver(db, raised(alert()), raised(alert()))
    await deliver(db, raised(alert(grade="yellow")))

    async def fanned_out() -> bool:
        async with db.begin(Scope.system()) as conn:
            return bool(await conn.fetchval("SELECT position = 3 FROM delivery_progress"))

    await eventually(fanned_out)
    async with db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE deliveries SET state = 'given_up' WHERE position = 1")
    now = datetime.now(UTC)
    assert await retention.prune(db, now + timedelta(days=6)) == 0
    assert await retention.prune(db, now + timedelta(days=8)) == 2
    async with db.begin(Scope.system()) as conn:
        # The second still waits for a webhook; the log of the first went with it.
        assert [r["position"] for r in await conn.fetch("SELECT position FROM stream_events")] == [2]
        assert [r["position"] for r in await conn.fetch("SELECT position FROM deliveries")] == [2]
        assert await conn.fetchval("SELECT count(*) FROM alerts") == 3
    async with world.caller(SECRETARY) as secretary:
        assert [(one.name, one.position) for one in await events(secretary, 1, after="1")] == [("reload", "3")]
        reading = asyncio.create_task(events(secretary, 1, after="3"))
        await deliver(db, raised(late := alert()))
        assert [one.data["alert_id"] for one in await reading] == [late.alert_id]


async def test_a_stream_ends_with_its_callers_rights(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ASK_SECONDS", 0.2)
    hub = Hub(db)
    running = asyncio.create_task(hub.run())
    held = [True]

    async def allowed() -> bool:
        return held[0]

    opened = hub.events(Reader(Scope("", SECRETARY, "")), None, allowed=allowed)
    await anext(opened)
    waiting = asyncio.ensure_future(anext(opened))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    held[0] = False
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)
    await stop(running)


async def test_a_token_that_runs_out_ends_its_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ASK_SECONDS", 0.2)
    async with (
        asyncio.timeout(40),
        world.caller(SECRETARY) as secretary,
        secretary.stream("GET", "/v1/stream") as answer,
    ):
        monkeypatch.setattr(Verifier, "claims", _expired)
        lines = [line async for line in answer.aiter_lines()]
    assert "open" in lines[0] + lines[1]


async def _expired(verifier: Verifier, token: str) -> dict[str, Any]:
    raise NotSignedIn("登录凭证已过期", "The token has expired")


async def test_what_nobody_acknowledges_goes_to_the_county_once(db: Database) -> None:
    await deliver(db, raised(alert()))
    now = datetime.now(UTC)
    assert await clock.escalate_lapsed(db, now + timedelta(hours=23)) == 0
    assert await clock.escalate_lapsed(db, now + timedelta(hours=25)) == 1
    assert await clock.escalate_lapsed(db, now + timedelta(hours=26)) == 0
    async with db.begin(Scope("%", f"county_secretary@{COUNTY}", "chen")) as conn:
        assert await conn.fetchval("SELECT escalated FROM alerts") is True
        assert await conn.fetchval("SELECT kind FROM history ORDER BY id DESC LIMIT 1") == "escalated"
        assert [r["kind"] for r in await conn.fetch("SELECT kind FROM stream_events")] == ["escalated"]


async def test_alerts_come_in_pages_red_first(world: World) -> None:
    grants = [SECRETARY, f"town_inspector@{TOWN}"]
    made = [alert(grade=grade) for grade in ("yellow", "red", "yellow", "red", "red")]
    for one in made:
        await world.tell(raised(one))
        await world.arrived(one)
    seen: list[dict[str, Any]] = []
    async with world.caller(*grants) as caller:
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await caller.get("/v1/alerts", params=query)).json()
            seen += page["items"]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        reds = (await caller.get("/v1/alerts", params={"grade": "red", "village": TOWN})).json()["items"]
        bad = await caller.get("/v1/alerts", params={"after": "nonsense"})
    wanted = [made[n].alert_id for n in (4, 3, 1, 2, 0)]
    assert [item["alert_id"] for item in seen] == wanted
    assert [item["alert_id"] for item in reds] == wanted[:3]
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-cursor")


@dataclass(frozen=True)
class Seen:
    position: str
    data: dict[str, Any]
    name: str = "alert"


async def events(caller: httpx.AsyncClient, size: int, *, after: str | None = None) -> list[Seen]:
    """Read so many events from the stream, resuming behind `after`."""
    headers = {"last-event-id": after} if after else {}
    seen: list[Seen] = []
    position, kind = "", ""
    async with asyncio.timeout(20), caller.stream("GET", "/v1/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                position = value
            elif name == "event":
                kind = value
            elif name == "data":
                seen.append(Seen(position, json.loads(value), kind))
                if len(seen) == size:
                    return seen
    return seen


async def test_the_stream_resumes_without_gap_or_repeat(world: World) -> None:
    made = [alert() for _ in range(12)]
    async with world.caller(SECRETARY) as secretary:
        reading = asyncio.create_task(events(secretary, 3, after="0"))
        for one in made[:5]:
            await world.tell(raised(one))
            await world.tell(raised(alert(town_code=OTHER_TOWN, village_code="330421105201")))
        first = await reading
        for one in made[5:9]:
            await world.tell(raised(one))
        reading = asyncio.create_task(events(secretary, 9, after=first[-1].position))
        for one in made[9:]:
            await world.tell(raised(one))
        rest = await reading
    assert [seen.data["alert_id"] for seen in first + rest] == [one.alert_id for one in made]
    positions = [int(seen.position) for seen in first + rest]
    assert positions == sorted(set(positions))


async def test_the_stream_tells_each_town_only_its_own(world: World) -> None:
    other = alert(town_code=OTHER_TOWN, village_code="330421105201")
    async with world.caller(SECRETARY) as here, world.caller(OTHER_SECRETARY) as there, world.caller() as anonymous:
        reading = [asyncio.create_task(events(one, 1, after="0")) for one in (here, there)]
        await asyncio.sleep(0.3)
        await world.tell(raised(mine := alert()), raised(other))
        seen = await asyncio.gather(*reading)
        refused = await anonymous.get("/v1/stream")
        bad = await here.get("/v1/stream", headers={"last-event-id": "x"})
    assert [one[0].data["alert_id"] for one in seen] == [mine.alert_id, other.alert_id]
    assert (refused.status_code, bad.status_code) == (401, 422)


async def test_a_position_taken_early_and_committed_late_is_not_skipped(db: Database) -> None:
    hub = Hub(db)
    running = asyncio.create_task(hub.run())
    opened = hub.events(Reader(Scope("", SECRETARY, "")), 0, allowed=always)
    await anext(opened)
    early, late = raised(alert()), raised(alert())

    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(early)])
        waiting = asyncio.create_task(deliver(db, late))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    await waiting
    seen = [alert_of(await asyncio.wait_for(anext(opened), 40)) for _ in range(2)]
    assert seen == [early.alert_id, late.alert_id]
    await opened.aclose()
    await stop(running)


def alert_of(item: Item) -> str:
    """Which alert an event tells of."""
    told = next(line for line in item.chunk.decode().splitlines() if line.startswith("data: "))
    return str(json.loads(told.removeprefix("data: "))["alert_id"])


async def test_a_reader_that_falls_behind_reads_up_and_misses_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_KEPT", 20)
    monkeypatch.setattr(stream, "_PAGE", 30)
    made = [raised(alert()) for _ in range(120)]
    hub = Hub(db)
    running = asyncio.create_task(hub.run())
    opened = hub.events(Reader(Scope("", SECRETARY, "")), None, allowed=always)
    await anext(opened)
    waiting = asyncio.ensure_future(anext(opened))
    await asyncio.sleep(0.1)
    await deliver(db, made[0])
    got = [await asyncio.wait_for(waiting, 10)]
    await deliver(db, *made[1:])
    quick = hub.events(Reader(Scope("", SECRETARY, "")), got[0].position, allowed=always)
    await anext(quick)
    beside = [await asyncio.wait_for(anext(quick), 40) for _ in made[1:]]
    got += [await asyncio.wait_for(anext(opened), 40) for _ in made[1:]]
    assert [alert_of(one) for one in got] == [one.alert_id for one in made]
    assert [alert_of(one) for one in got[:1] + beside] == [one.alert_id for one in made]
    for one in (opened, quick):
        await one.aclose()
    await stop(running)


class Receiver:
    """Someone else's system: refuses the first messages, then takes all."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.app = FastAPI()
        self.app.post("/hook")(self.take)

    async def take(self, request: Request) -> Response:
        self.calls.append((dict(request.headers), await request.body()))
        return Response(status_code=500 if len(self.calls) <= self.refuse else 204)


async def test_a_webhook_is_signed_retried_and_logged(world: World) -> None:
    receiver = Receiver(refuse=1)
    found = alert()
    async with served(receiver.app) as hooks, world.caller(SECRETARY) as secretary:
        made = await secretary.post("/v1/webhooks", json={"url": f"{hooks}/hook", "desks": [SECRETARY]})
        assert made.status_code == 201, made.text
        await world.tell(raised(found), raised(alert(town_code=OTHER_TOWN, village_code="330421105201")))
        await eventually(lambda: _value(len(receiver.calls) >= 2))
        where = made.headers["location"]

        async def delivered() -> list[dict[str, Any]]:
            log = (await secretary.get(where + "/deliveries")).json()["items"]
            return log if log and log[0]["state"] == "delivered" else []

        log = await eventually(delivered)
        shown = (await secretary.get(where)).json()
    assert "secret" not in shown
    assert [(entry["alert_id"], entry["attempts"], entry["status"]) for entry in log] == [(found.alert_id, 2, 204)]
    (first, _), (headers, body) = receiver.calls
    assert first["webhook-id"] == headers["webhook-id"]
    verified = Webhook(made.json()["secret"]).verify(body, headers)
    assert (verified["type"], verified["data"]["alert_id"]) == ("alert.raised", found.alert_id)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.json()["secret"]).verify(body + b" ", headers)


async def test_a_webhook_is_for_own_desks_and_belongs_to_its_owner(world: World) -> None:
    async with world.caller(SECRETARY) as secretary, world.caller(SECRETARY, subject="zhao") as colleague:
        foreign = await secretary.post(
            "/v1/webhooks", json={"url": "https://93.184.215.14/hook", "desks": [OTHER_SECRETARY]}
        )
        assert (foreign.status_code, foreign.json()["type"]) == (403, "/problems/webhook-out-of-scope")
        made = await secretary.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/", "desks": [SECRETARY]})
        where = made.headers["location"]
        assert (await colleague.get(where)).status_code == 404
        assert (await colleague.delete(where)).status_code == 404
        assert (await colleague.get("/v1/webhooks")).json()["items"] == []
        changed = await secretary.put(
            where, json={"url": "http://127.0.0.1:9/new", "desks": [SECRETARY], "grades": ["red"]}
        )
        assert changed.json()["grades"] == ["red"]
        assert (await secretary.delete(where)).status_code == 204
        assert (await secretary.get(where)).status_code == 404


async def test_private_webhooks_are_refused_when_not_allowed(settings: Settings, token: Token) -> None:
    strict = settings.model_copy(update={"allow_private_webhooks": False})
    async with served(notifier.build(strict)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as caller:
        refused = await caller.post(
            "/v1/webhooks",
            json={"url": "https://127.0.0.1/hook", "desks": [SECRETARY]},
            headers={"authorization": f"Bearer {token(SECRETARY)}"},
        )
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bad-webhook-address")


async def test_a_dead_receiver_is_given_up_and_left_alone(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "BREAK_AFTER", 3)
    receiver = Receiver(refuse=99)
    running = asyncio.create_task(Deliveries(db, settings, gateways.load(None), backoff=(0.01, 0.01)).run())

    async def queued() -> list[tuple[str, int]]:
        async with db.begin(Scope.system()) as conn:
            rows = await conn.fetch("SELECT state, attempts FROM deliveries ORDER BY position")
        return [(row["state"], row["attempts"]) for row in rows]

    async def given_up() -> bool:
        return await queued() == [("given_up", 3)]

    async with served(receiver.app) as hooks:
        await subscribe(db, settings, f"{hooks}/hook")
        await deliver(db, raised(alert()))
        await eventually(given_up)
        # Each round of the worker queues, then claims: once the second is queued, the first has been passed over.
        for count in (2, 3):
            await deliver(db, raised(alert()))

            async def another(count: int = count) -> bool:
                return len(await queued()) == count

            await eventually(another)
    await stop(running)
    assert len(receiver.calls) == 3
    assert await queued() == [("given_up", 3), ("waiting", 0), ("waiting", 0)]


async def subscribe(db: Database, settings: Settings, url: str) -> None:
    """A webhook of the right town's secretary."""
    secret = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
    async with db.begin(Scope.system()) as conn:
        await conn.execute(
            "INSERT INTO subscriptions (subscription_id, kind, gateway, owner, owner_name, person_key, desks, grades,"
            " address, shown, secret, expires_at, since, verified_at)"
            " VALUES ($1, 'webhook', 'webhook', 'wang', '', '', $3, '{}', $2, '', $4, now() + interval '1 day', 0,"
            " now())",
            uuid4(),
            seal(url, settings.identity_secret),
            [SECRETARY],
            seal(secret, settings.identity_secret),
        )


async def test_parameters_are_shown_by_their_names(world: World) -> None:
    window = Parameter(name="window_days", label=Bilingual(zh="时间窗", en="window"), value="180", unit="天/day")
    found = alert(parameters=(window,))
    await world.tell(raised(found))
    await world.arrived(found)
    async with world.browser(SECRETARY) as secretary:
        shown = (await secretary.get(f"/alerts/{found.alert_id}")).text
    assert "时间窗" in shown
    assert "<dd>180 天/day</dd>" in shown
    assert "limit_fen" not in shown


async def test_the_secretary_handles_an_alert_on_pages(world: World) -> None:
    found = alert()
    await world.tell(raised(found))
    await world.arrived(found)
    page = f"/alerts/{found.alert_id}"
    async with world.browser(SECRETARY) as secretary:
        listed = await secretary.get("/")
        assert listed.status_code == 200, listed.text
        assert found.title.zh in listed.text
        assert found.title.en in listed.text
        shown = await secretary.get(page)
        for text in ("证据", "52000 元", "村级小额采购管理办法第八条", "应急抢修", "签收 Acknowledge", "50,000.00 元"):
            assert text in shown.text, text
        foreign = await secretary.post(
            page + "/moves", data={"to": "acknowledged"}, headers={"origin": "https://evil.example"}
        )
        assert foreign.status_code == 403
        assert (await secretary.post(page + "/moves", data={"to": "acknowledged"})).status_code == 403
        done = await secretary.post(page + "/moves", data={"to": "acknowledged"}, headers={"origin": world.url})
        assert (done.status_code, done.headers["location"]) == (303, page)
        assert "开始核查" in (await secretary.get(page)).text
        assert (await secretary.get(page + "/card")).status_code == 200
        for query in ("?grade=red", "?grade=yellow&show=all", "?matter=PR&village=" + VILLAGE):
            answer = await secretary.get("/" + query)
            assert answer.status_code == 200
            assert (found.alert_id in answer.text) is ("yellow" not in query)
    async with world.browser(OTHER_SECRETARY) as other:
        assert (await other.get(page)).status_code == 404
        assert (await other.get(page + "/card")).status_code == 404
        assert found.title.zh not in (await other.get("/")).text
    async with world.caller() as anonymous:
        for path in ("/", page):
            sent = await anonymous.get(path, headers={"accept": "text/html"})
            assert (sent.status_code, sent.headers["location"]) == (303, f"/signin?next={path}")


async def test_who_read_it_at_which_desk_is_shown_the_first_first(world: World) -> None:
    found = alert()
    await world.tell(raised(found))
    await world.arrived(found)
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        world.caller(SECRETARY, name="王书记") as secretary,
        world.caller(SECRETARY, subject="zhao", name="赵副书记") as deputy,
        world.caller(f"auditor@{COUNTY}", subject="he", name="何清") as auditor,
    ):
        for caller in (secretary, deputy, secretary, auditor):
            shown = (await caller.get(path)).json()
    desks = [(d["desk"], d["why"]["code"], [r["name"] for r in d["read_by"]]) for d in shown["delivery"]]
    assert desks == [
        (SECRETARY, "routed", ["王书记", "赵副书记"]),
        (f"auditor@{COUNTY}", "audit", ["何清"]),
    ]
    assert "红色预警直送镇纪委书记" in shown["routed"]["zh"]
    async with world.browser(SECRETARY) as browser:
        page = (await browser.get(f"/alerts/{found.alert_id}")).text
    for text in ("送达 <span", "按等级送达", "首阅", "赵副书记", "审计查阅"):
        assert text in page, text


async def test_a_dead_background_task_makes_it_unready(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(db: Database) -> None:
        raise RuntimeError

    monkeypatch.setattr(clock, "run", die)
    async with served(notifier.build(settings)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as anyone:
        assert (await anyone.get("/readyz")).status_code == 503


async def test_it_is_ready_once_it_runs(world: World) -> None:
    async with world.caller() as anyone:
        assert (await anyone.get("/readyz")).status_code == 200
