"""Disclosure over a real broker and database: what approval does is on the village's page, masked, once, at once."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import segno
from playwright.async_api import Browser

from services.disclosure import app as disclosure
from services.disclosure import pages, qr
from services.disclosure.consumer import handle_batch
from services.disclosure.projections import village
from services.disclosure.rebuild import AnotherRebuild, rebuild
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts import alerts, power
from shared.contracts.base import Contract
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    NOW,
    OTHER_VILLAGE,
    VILLAGE,
    award,
    bids_in,
    case_id,
    closing,
    completed,
    form,
    notice,
    opened,
    raised,
    taken_back,
    withdrawn,
    worker,
)
from tests.disclosure.served import served

Open = Callable[[str], Awaitable[Database]]
PAGE = f"/v1/villages/{VILLAGE}"
HTML = {"accept": "text/html"}
HOSTILE = "<script>alert(1)</script>\"'<b>路灯"


TABLES = ("cases", "villages", "withheld", "alert_marks")


def envelope(event: Any) -> Envelope:
    """As approval or the detector sends it."""
    about_case = isinstance(event, power.CaseEvent)
    topic, key = (power.TOPIC, event.village_code) if about_case else (alerts.RAISED_TOPIC, event.town_code)
    return Envelope.of(event, source="/tests", topic=topic, key=key, time=event.occurred_at)


async def deliver(db: Database, *events: Contract) -> None:
    """As the consumer does, without the broker."""
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(event) for event in events])


@dataclass
class World:
    """The service and its database."""

    settings: Settings
    db: Database
    url: str

    def visitor(self, **headers: str) -> httpx.AsyncClient:
        """Anybody."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=40)

    async def tell(self, *events: Contract) -> list[Envelope]:
        """As the other services do: through an outbox, the relay and the broker."""
        sent = [envelope(event) for event in events]
        async with self.db.begin(Scope.system()) as conn:
            await outbox.publish(conn, sent)
        return sent

    async def text(self, path: str, **headers: str) -> str:
        """What an address answers."""
        async with self.visitor(**headers) as visitor:
            answer = await visitor.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def shows(self, path: str, *words: str, **headers: str) -> str:
        """The answer once it holds all the words."""

        async def look() -> str | None:
            text = await self.text(path, **headers)
            return text if all(word in text for word in words) else None

        found = await eventually(look)
        assert found
        return found


@asynccontextmanager
async def running(settings: Settings, db: Database) -> AsyncIterator[World]:
    """One instance of the service."""
    async with served(disclosure.build(settings)) as url:
        yield World(settings, db, url)


@pytest.fixture
async def world(settings: Settings, database: Open) -> AsyncIterator[World]:
    async with running(settings, await database("disclosure")) as found:
        yield found


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("disclosure")


async def test_what_happens_to_a_case_is_on_the_public_pages(world: World) -> None:
    case, ends = case_id(), datetime.now(UTC) + timedelta(days=5)
    await world.tell(opened(case), bids_in(case), award(case), notice(case, ends_at=ends))
    found = await world.shows(PAGE, "机耕路修补", "EN1-06")
    assert "结果公示" in found
    page = await world.text(f"/villages/{VILLAGE}", **HTML)
    assert f'href="/cases/{case}"' in page
    assert "公示还有" in page
    one = await world.text(f"/cases/{case}", **HTML)
    assert FIRM in one
    assert "a" * 64 in one
    data = await world.text(f"/v1/cases/{case}")
    assert LOSER in data, "after the award the other bids are public too"
    for text in (found, page, one, data):
        assert not [secret for secret in ("钱多宝", "13800138000", "91330421MA2JOURN01", "报价-") if secret in text]
    async with world.visitor() as visitor:
        number = (await visitor.get(f"/v1/cases/{case}")).json()["case_no"]
        by_number = await visitor.get(f"/v1/cases/{number}")
        assert (by_number.status_code, by_number.headers["location"]) == (307, f"/v1/cases/{case}")
        assert (await visitor.get(f"/cases/{number}", headers=HTML)).headers["location"] == f"/cases/{case}"
        county = (await visitor.get("/v1/villages")).json()
    counted = {each["village"]["code"]: each["running"] for town in county["towns"] for each in town["villages"]}
    assert (len(county["towns"]), counted[VILLAGE], counted[OTHER_VILLAGE]) == (9, 1, 0)


async def test_bids_before_the_award_are_nowhere_in_public(world: World) -> None:
    case = case_id()
    await world.tell(opened(case), bids_in(case))
    await world.shows(PAGE, "EN1-04")
    for path in (PAGE, f"/v1/cases/{case}", f"{PAGE}/cases", "/v1/villages"):
        assert LOSER not in await world.text(path)
    for path in (f"/villages/{VILLAGE}", f"/cases/{case}", f"/villages/{VILLAGE}/cases"):
        assert LOSER not in await world.text(path, **HTML)
    assert LOSER not in await everything(world.db, Scope.public())
    assert LOSER in await everything(world.db, Scope.system())
    await world.tell(award(case))
    await world.shows(f"/v1/cases/{case}", LOSER)


async def everything(db: Database, scope: Scope) -> str:
    """All rows of all tables of ours that a scope can read, but for when they were written."""
    async with db.begin(scope, readonly=True) as conn:
        rows = [await conn.fetch(f"SELECT (to_jsonb(t) - 'changed_at')::text FROM {table} t") for table in TABLES]
        bodies = await conn.fetch("SELECT whole::text FROM villages")
    return "\n".join(row[0] for some in (*rows, bodies) for row in some)


async def test_the_database_itself_shows_the_public_what_is_public(db: Database) -> None:
    await deliver(db, opened(case := case_id()), bids_in(case), raised())
    async with db.begin(Scope.public()) as conn:
        counts = {t: await conn.fetchval(f"SELECT count(*) FROM {t}") for t in TABLES}
        assert counts == {"cases": 1, "villages": 1, "withheld": 0, "alert_marks": 0}
        assert await conn.execute("UPDATE cases SET title = 'x'") == "UPDATE 0"
        assert await conn.execute("DELETE FROM villages") == "DELETE 0"
    async with db.begin(Scope.public()) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("INSERT INTO alert_marks VALUES (gen_random_uuid(), 1, $1, 2025, true)", VILLAGE)


@pytest.mark.parametrize("scope", [None, Scope("", "", "")])
async def test_without_a_scope_there_is_nothing(db: Database, scope: Scope | None) -> None:
    await deliver(db, opened(case_id()), raised())
    conn = await db.dedicated()
    try:
        if scope:
            await conn.execute("SELECT set_config('yunjing.regions', $1, false)", scope.regions)
        for table in TABLES:
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    finally:
        await conn.close()


async def test_answers_are_revalidated_by_their_etag(world: World) -> None:
    case = case_id()
    await world.tell(opened(case))
    await world.shows(PAGE, "机耕路修补")
    paths = [PAGE, f"{PAGE}/cases", f"/v1/cases/{case}", "/v1/villages", f"{PAGE}/qr.svg", f"/villages/{VILLAGE}"]
    async with world.visitor() as visitor:
        for path in paths:
            first = await visitor.get(path)
            tag = first.headers["etag"]
            assert re.fullmatch(r'"[0-9a-f]{32}"', tag), path
            assert "public" in first.headers["cache-control"], path
            for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = await visitor.get(path, headers={"if-none-match": named})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
            assert (await visitor.get(path, headers={"if-none-match": '"other"'})).status_code == 200, path
        before = (await visitor.get(PAGE)).headers["etag"]
        await world.tell(award(case, 2))
        await world.shows(PAGE, "EN1-05")
        assert (await visitor.get(PAGE, headers={"if-none-match": before})).status_code == 200


async def test_what_comes_twice_changes_nothing(world: World) -> None:
    case = case_id()
    events = opened(case), bids_in(case), award(case), closing(case, 4)
    alert = raised()
    sent = await world.tell(*events, alert)
    await world.shows(PAGE, "已办结")
    async with world.visitor() as visitor:
        tag = (await visitor.get(PAGE)).headers["etag"]
        async with world.db.begin(Scope.system()) as conn:
            await outbox.publish(conn, sent)
        await world.tell(
            *events, alert, opened(case_id(), village_code=OTHER_VILLAGE, town_code=f"{OTHER_VILLAGE[:9]}000")
        )
        await world.shows(f"/v1/villages/{OTHER_VILLAGE}", "机耕路修补")
        await world.tell(*reversed(events))
        await world.tell(opened(marker := case_id()))
        await world.shows(PAGE, marker)
        again = (await visitor.get(PAGE)).json()
    assert tag
    works = next(each for each in again["matters"] if each["matter"]["code"] == "EN")
    assert (works["running"], works["closed"]) == (1, 1)


async def test_a_notice_leaves_the_page_when_it_ends(world: World) -> None:
    case, ends = case_id(), datetime.now(UTC) + timedelta(seconds=3)
    await world.tell(opened(case), notice(case, 2, ends_at=ends))
    await world.shows(PAGE, "EN1-05")
    async with world.visitor() as visitor:
        during = await visitor.get(PAGE)
        assert [each["case_id"] for each in during.json()["notices"]] == [case]
        assert "不足 1 小时" in (await visitor.get(f"/villages/{VILLAGE}", headers=HTML)).text
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.05)
        after = await visitor.get(PAGE, headers={"if-none-match": during.headers["etag"]})
        assert (after.status_code, after.json()["notices"]) == (200, [])
        assert (await visitor.get(f"/v1/cases/{case}")).json()["notices"] == []
        assert "不足 1 小时" not in (await visitor.get(f"/villages/{VILLAGE}", headers=HTML)).text


LAST_YEAR, THIS_YEAR = datetime(2025, 6, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


async def test_alerts_are_only_counted_and_only_of_a_year_that_is_over(world: World) -> None:
    old = [raised(occurred_at=LAST_YEAR) for _ in range(6)]
    new = [raised(occurred_at=THIS_YEAR) for _ in range(9)]
    await world.tell(*old, *new, raised(grade="prompt", occurred_at=LAST_YEAR), opened(case_id()))
    await marked(world.db, 16)
    page = await world.shows(PAGE, '"at_least":5', '"year":2025')
    assert "5 件以上" in await world.text(f"/villages/{VILLAGE}", **HTML)
    assert not [word for word in ("split-purchase", "化整为零", old[0].alert_id, "the-case") if word in page]
    before = await world.text(PAGE)
    await world.tell(
        *(raised(occurred_at=THIS_YEAR) for _ in range(20)), *(taken_back(each, THIS_YEAR) for each in old)
    )
    await marked(world.db, 42)
    await asyncio.sleep(0.1)
    assert await world.text(PAGE) == before, "what is told this year changes nothing"
    async with world.db.begin(Scope.system()) as conn:
        stored = await conn.fetch("SELECT * FROM alert_marks")
    assert {tuple(row.keys()) for row in stored} == {("alert_id", "revision", "village_code", "year", "counts")}


async def marked(db: Database, number: int) -> None:
    async def look() -> bool:
        async with db.begin(Scope.system()) as conn:
            return bool(await conn.fetchval("SELECT count(*) = $1 FROM alert_marks", number))

    await eventually(look)


async def at_least(db: Database, code: str = VILLAGE) -> int:
    async with db.begin(Scope.public()) as conn:
        shown = (await village.read(conn, code)).page.alerts
    assert shown
    return shown.at_least


async def test_late_and_repeated_news_of_an_alert(db: Database) -> None:
    there: dict[str, Any] = {"village_code": OTHER_VILLAGE, "town_code": f"{OTHER_VILLAGE[:9]}000"}
    await deliver(db, opened(case_id()), opened(case_id(), **there))
    some = [raised(occurred_at=LAST_YEAR) for _ in range(5)]
    await deliver(db, *some)
    assert await at_least(db) == 5
    await deliver(db, taken_back(some[0], LAST_YEAR), some[0])
    assert await at_least(db) == 0
    again = alerts.AlertUpdated(**some[0].model_dump() | {"revision": 3})
    await deliver(db, again)
    assert await at_least(db) == 5
    moved = [alerts.AlertUpdated(**each.model_dump() | {"revision": 4, "village_code": OTHER_VILLAGE}) for each in some]
    await deliver(db, *moved)
    assert (await at_least(db), await at_least(db, OTHER_VILLAGE)) == (0, 5)


async def test_the_order_of_topics_changes_nothing(database: Open) -> None:
    db, told = await database("disclosure"), [raised(occurred_at=LAST_YEAR) for _ in range(5)]
    await deliver(db, *told)
    await deliver(db, opened("one"))
    assert await at_least(db) == 5


async def test_every_replica_shows_the_same_at_once(world: World) -> None:
    async with running(world.settings, world.db) as other:
        replicas = world, other
        for number in range(5):
            title = f"第{number}号路灯"
            for replica in replicas:
                await replica.text(PAGE)
            await world.tell(opened(case_id(), title=title))
            await asyncio.gather(*(replica.shows(PAGE, title) for replica in replicas))


async def test_without_its_listening_connection_nothing_old_is_served(world: World) -> None:
    await world.tell(opened(case_id(), title="第一号路灯"))
    await world.shows(PAGE, "第一号路灯")
    owner = await asyncpg.connect(world.settings.database_url)
    try:
        listening = "query LIKE 'LISTEN%' OR query = 'SELECT'"
        for number in range(3):
            await owner.fetch(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                f" AND usename = 'yunjing_disclosure' AND ({listening})"
            )
            title = f"断线后第{number}号"
            await deliver(world.db, opened(case_id(), title=title))
            await asyncio.sleep(0.02)
            assert title in await world.text(PAGE)
    finally:
        await owner.close()


async def test_a_read_that_began_before_a_change_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.shows(PAGE, "蒋村村")
    slow = asyncio.Event()
    read = village.read

    async def read_slowly(conn: Any, code: str) -> Any:
        found = await read(conn, code)
        await slow.wait()
        return found

    await deliver(world.db, opened(case_id(), title="先"))
    await asyncio.sleep(0.1)
    with monkeypatch.context() as patched:
        patched.setattr(village, "read", read_slowly)
        reading = asyncio.create_task(world.text(PAGE))
        await asyncio.sleep(0.1)
        await deliver(world.db, opened(case_id(), title="后来的"))
        await asyncio.sleep(0.1)
        slow.set()
        await reading
    assert "后来的" in await world.text(PAGE)


async def test_cases_are_found_filtered_and_paged(world: World) -> None:
    ids = [case_id() for _ in range(7)]
    for number, case in enumerate(ids):
        await deliver(
            world.db, opened(case, title=f"第{number}号100%路灯", occurred_at=datetime(2026, 3, 1 + number, tzinfo=UTC))
        )
    relief = case_id()
    gone = withdrawn(ids[0], 2).model_copy(update={"title": "第0号100%路灯"})
    await deliver(world.db, opened(relief, matter="RE", flow="RE2", title="钱多宝家"), gone)
    async with world.visitor() as visitor:
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3, "matter": "EN"}
        while True:
            page = (await visitor.get(f"{PAGE}/cases", params=query)).json()
            seen += [item["case_id"] for item in page["items"]]
            if not page["next"]:
                break
            query["after"] = page["next"]
        assert seen == [ids[number] for number in (6, 5, 4, 3, 2, 0, 1)], "the latest moved first"

        async def found(**query: Any) -> list[str]:
            answer = await visitor.get(f"{PAGE}/cases", params=query)
            assert answer.status_code == 200, answer.text
            return [item["case_id"] for item in answer.json()["items"]]

        assert await found(state="withdrawn") == [ids[0]]
        assert await found(q="第3号") == [ids[3]]
        assert len(await found(q="100%")) == 7
        assert await found(q="1_0%") == []
        assert await found(q=relief[:4]) == [relief], "by number"
        assert await found(q="临时救助") == [relief], "by the flow's name"
        assert await found(q="钱多宝") == []
        assert await found(q="%") == await found(q="100%")
        page = (await visitor.get(f"/villages/{VILLAGE}/cases", params={"q": "第3号"}, headers=HTML)).text
        assert ids[3] in page
        assert ids[4] not in page


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/villages/123", 422, "bad-village-code"),
        ("/v1/villages/33042110720x", 422, "bad-village-code"),
        ("/v1/villages/330421107999", 404, "no-such-village"),
        ("/v1/villages/330421107000", 404, "no-such-village"),
        ("/v1/villages/330421107999/cases", 404, "no-such-village"),
        ("/v1/villages/330421107999/qr.svg", 404, "no-such-village"),
        ("/v1/villages/abc/qr.png", 422, "bad-village-code"),
        ("/v1/cases/none", 404, "no-such-case"),
        ("/v1/cases/%3Cscript%3E", 422, "bad-case-number"),
        ("/v1/cases/%00", 422, "bad-case-number"),
        (f"{PAGE}/cases?after=x", 422, "bad-cursor"),
        (f"{PAGE}/cases?after=MjAyNi0wMy0wMXxh", 422, "bad-cursor"),
        (f"{PAGE}/cases?matter=XX", 422, "invalid-input"),
        (f"{PAGE}/cases?limit=1000", 422, "invalid-input"),
        (f"{PAGE}/cases?nonsense=1", 422, "invalid-input"),
        ("/v1/nothing", 404, "not-found"),
    ],
)
async def test_bad_input_has_a_clear_answer_in_both_languages(world: World, path: str, status: int, code: str) -> None:
    async with world.visitor() as visitor:
        answer = await visitor.get(path)
        document = answer.json()
        assert (answer.status_code, document["type"]) == (status, f"/problems/{code}")
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["title"]
        assert document["title_en"]
        assert document["detail_en"]
        page = await visitor.get(path.removeprefix("/v1"), headers=HTML)
        assert page.status_code in (200, 404, 422)
        assert "<script>alert" not in page.text


async def test_hostile_text_is_only_text(world: World) -> None:
    case = case_id()
    fields = form(item=HOSTILE, reason="<img src=x onerror=alert(1)>", location="{{7*7}}")
    ends = datetime.now(UTC) + timedelta(days=2)
    await deliver(world.db, opened(case, fields, title=HOSTILE), notice(case, 2, ends_at=ends, title=HOSTILE))
    for path in (
        f"/villages/{VILLAGE}",
        f"/villages/{VILLAGE}/cases?q=%22%3E%3Cscript%3E",
        f"/cases/{case}",
        "/?q=%3Cscript%3E",
    ):
        page = await world.text(path, **HTML)
        assert "<script" not in page
        assert "<img src=x" not in page
        assert "<b>路灯" not in page
        assert "&gt;49&lt;" not in page
    assert "&lt;script&gt;" in await world.text(f"/cases/{case}", **HTML)


async def test_poison_stops_nobody(world: World) -> None:
    broken = envelope(opened(case_id()))
    broken = Envelope(**{name: getattr(broken, name) for name in Envelope.__slots__} | {"data": {"case_id": 1}})
    unknown = Envelope(
        **{name: getattr(broken, name) for name in Envelope.__slots__} | {"id": str(uuid4()), "type": "case.dreamt.v9"}
    )
    async with world.db.begin(Scope.system()) as conn:
        await outbox.publish(conn, [broken, unknown])
    await world.tell(opened(case_id(), title="后面的事项"))
    await world.shows(PAGE, "后面的事项")


async def test_the_qr_code_leads_to_the_page(world: World) -> None:
    async with world.visitor() as visitor:
        svg = await visitor.get(f"{PAGE}/qr.svg")
        png = await visitor.get(f"{PAGE}/qr.png")
    address = f"{world.settings.disclosure_url}/villages/{VILLAGE}"
    assert (svg.headers["content-type"], png.headers["content-type"]) == ("image/svg+xml", "image/png")
    assert svg.content == qr.draw(address, "svg")
    assert png.content.startswith(b"\x89PNG")
    assert segno.make(address, error="q", micro=False).designator.endswith("-Q")


async def test_pages_are_light_and_load_nothing_from_outside(world: World) -> None:
    for number in range(40):
        await deliver(world.db, opened(case := case_id(), title=f"第{number}号路灯"), bids_in(case), award(case))
    for path in ("/", f"/villages/{VILLAGE}", f"/villages/{VILLAGE}/cases", f"/cases/{case}"):
        page = await world.text(path, **HTML)
        assert len(page.encode()) < 60_000, path
        loaded = re.findall(r'(?:src|href|action)="([^"]+)"', page)
        assert not [each for each in loaded if not each.startswith(("/", "#", "data:"))], path
        assert "<script" not in page


@pytest.mark.browser
async def test_a_phone_shows_every_page_without_sideways_scrolling(world: World, browser: Browser) -> None:
    case, ends = case_id(), datetime.now(UTC) + timedelta(days=5)
    long = "x" * 180
    wide = form(payment_fen=123_456_789_00, funding_source=long, item=long)
    events = [opened(case, wide), bids_in(case), award(case), notice(case, ends_at=ends), closing(case)]
    await deliver(world.db, *(event.model_copy(update={"title": long}) for event in events))
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, java_script_enabled=False
    )
    page = await context.new_page()
    for path in ("/", f"/villages/{VILLAGE}", f"/villages/{VILLAGE}/cases", f"/cases/{case}"):
        await page.goto(world.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
    await page.goto(f"{world.url}/villages/{VILLAGE}")
    await page.get_by_text(long).first.click()
    await page.wait_for_url(f"{world.url}/cases/{case}")
    await context.close()


RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2", "title": "孙慕雪家"}


async def test_refused_relief_is_nowhere_and_granted_relief_stands_for_its_term(world: World) -> None:
    refused, granted, long_ago = case_id(), case_id(), case_id()
    ends = datetime.now(UTC) + timedelta(days=3)
    today: dict[str, Any] = RELIEF | {"occurred_at": datetime.now(UTC)}
    family = form(beneficiary_name="孙慕雪", household_size=3)
    for case in (refused, granted):
        await deliver(world.db, opened(case, family, **today), notice(case, 2, ends_at=ends, **today))
    assert "孙**" in await world.text(f"/v1/cases/{refused}")
    await deliver(world.db, completed(refused, 3, "RE2-06", "RE2-07", form(approved=False), **today))
    await deliver(world.db, closing(granted, 3, **today))
    before: dict[str, Any] = RELIEF | {"occurred_at": LAST_YEAR}
    await deliver(world.db, opened(long_ago, family, **before), closing(long_ago, 2, **before))
    async with world.visitor() as visitor:
        for gone in (refused, long_ago):
            for path in (f"/v1/cases/{gone}", f"/cases/{gone}", f"/v1/cases/{VILLAGE}-EN1-2026-{gone[:4]}"):
                assert (await visitor.get(path)).status_code == 404
            for path in (PAGE, f"{PAGE}/cases", f"/villages/{VILLAGE}", f"/villages/{VILLAGE}/cases?on_notice=true"):
                assert gone not in await world.text(path)
        listed = (await visitor.get(f"{PAGE}/cases")).json()["items"]
        assert [each["case_id"] for each in listed] == [granted]
        assert datetime.fromisoformat(listed[0]["public_until"]) > datetime.now(UTC) + timedelta(days=100)
    assert refused not in await everything(world.db, Scope.public())


async def test_a_number_leads_to_the_one_case_that_has_it(world: World) -> None:
    there: dict[str, Any] = {"village_code": OTHER_VILLAGE, "town_code": f"{OTHER_VILLAGE[:9]}000"}
    here, other = case_id(), case_id()
    await deliver(world.db, opened(here, case_no="2026-1"))
    async with world.visitor() as visitor:
        assert (await visitor.get("/v1/cases/2026-1")).headers["location"] == f"/v1/cases/{here}"
        await deliver(world.db, opened(other, case_no="2026-1", **there), opened(case_id(), case_no=here))
        several = await visitor.get("/v1/cases/2026-1")
        assert (several.status_code, several.json()["type"]) == (409, "/problems/several-cases")
        assert (await visitor.get(f"/v1/cases/{here}")).json()["case_id"] == here, "an id is nobody's number"


async def test_a_long_wage_sheet_comes_page_by_page(world: World) -> None:
    labour: dict[str, Any] = {"matter": "LA", "flow": "LA1"}
    case, sheet = case_id(), form(workers=tuple(worker("孙慕雪", days=n % 30 + 0.5) for n in range(3000)))
    await deliver(world.db, opened(case, **labour), completed(case, 2, "LA1-05", "LA1-06", sheet, **labour))
    data = await world.text(f"/v1/cases/{case}")
    page = await world.text(f"/cases/{case}", **HTML)
    assert len(data.encode()) < 60_000
    assert len(page.encode()) < 60_000
    assert "查看全部 3000 行" in page
    assert f'href="/cases/{case}/2/workers"' in page
    async with world.visitor() as visitor:
        field = next(f for f in json.loads(data)["history"][1]["fields"] if f["name"] == "workers")
        assert (len(field["value"]), field["lines"]) == (50, 3000)
        lines = (await visitor.get(field["more"], params={"offset": 2990, "limit": 100})).json()
        assert (len(lines["items"]), lines["lines"]) == (10, 3000)
        assert lines["items"][0]["name"] == "孙**"
        last = await visitor.get(f"/cases/{case}/2/workers?offset=2950", headers=HTML)
        assert "第 2951 至 3000 行" in last.text
        for path in (f"/v1/cases/{case}/2/bids", f"/v1/cases/{case}/9/workers", f"/v1/cases/{case}/2/title"):
            assert (await visitor.get(path)).json()["type"] == "/problems/no-such-list"


async def test_a_page_goes_gzipped_and_says_how_much_it_leaves_out(world: World) -> None:
    ends, title = datetime.now(UTC) + timedelta(days=2), "长" * 190
    for _ in range(60):
        await deliver(world.db, opened(case := case_id(), title=title), notice(case, 2, ends_at=ends, title=title))
    async with world.visitor() as visitor:
        for path in (PAGE, f"/villages/{VILLAGE}"):
            zipped = await visitor.get(path, headers={"accept-encoding": "gzip"})
            plain = await visitor.get(path, headers={"accept-encoding": "identity"})
            assert zipped.headers["content-encoding"] == "gzip"
            assert zipped.headers["vary"] == plain.headers["vary"]
            assert zipped.headers["vary"].split(", ")[0] == "Accept-Encoding"
            assert zipped.text == plain.text
            assert len(plain.content) < 60_000
            assert zipped.headers["etag"] != plain.headers["etag"]
        assert "查看全部 60 项公示" in await world.text(f"/villages/{VILLAGE}", **HTML)
        noticed = (await visitor.get(f"{PAGE}/cases", params={"on_notice": True, "limit": 100})).json()["items"]
        assert len(noticed) == 60


async def test_a_page_is_rendered_once_for_all_who_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.tell(opened(case_id()))
    await world.shows(PAGE, "机耕路修补")
    await world.text(f"/villages/{VILLAGE}", **HTML)
    with monkeypatch.context() as patched:
        patched.setattr(pages, "rendered", lambda *_, **__: pytest.fail("rendered again"))
        await world.text(f"/villages/{VILLAGE}", **HTML)
    await world.tell(opened(case_id(), title="新的一件"))
    await world.shows(f"/villages/{VILLAGE}", "新的一件", **HTML)


async def test_lists_read_no_history(world: World) -> None:
    await deliver(world.db, opened(case := case_id()))
    async with world.db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE cases SET history = '\"not read\"'")
    assert case in await world.text(f"{PAGE}/cases")


async def test_numbers_are_shown_with_all_their_digits(world: World) -> None:
    await deliver(world.db, opened(case := case_id(), form(item="砂石", quantity=1234567.5)))
    assert "1,234,567.5" in await world.text(f"/cases/{case}", **HTML)


async def spoil(db: Database) -> None:
    """As a fault of ours would have left the read models: a title that no event has."""
    async with db.begin(Scope.system()) as conn:
        await conn.execute(
            "UPDATE cases SET title = '写错的', card = jsonb_set(card, '{title,zh}', '\"写错的\"'); "
            "UPDATE villages SET running = 99"
        )


async def standing(db: Database) -> str:
    """All that the read models hold, without which schema they are in."""
    return await everything(db, Scope.system())


async def test_read_models_are_rebuilt_from_the_log_while_the_old_ones_serve(world: World) -> None:
    ids = [case_id() for _ in range(20)]
    for number, case in enumerate(ids):
        title: dict[str, Any] = {"title": f"第{number}号路灯"}
        await world.tell(opened(case, **title), bids_in(case, **title), award(case, **title))
    await world.tell(*(raised(occurred_at=LAST_YEAR) for _ in range(5)))
    await world.shows("/v1/villages", '"running":20')
    await world.shows(f"/v1/cases/{ids[-1]}", FIRM)
    await marked(world.db, 5)
    await world.shows(PAGE, '"at_least":5')
    right = await standing(world.db)
    await spoil(world.db)
    assert await standing(world.db) != right
    asked: list[int] = []
    done = asyncio.Event()

    async def visit() -> None:
        async with world.visitor() as visitor:
            while not done.is_set():
                for path in (f"/v1/cases/{ids[0]}", PAGE, f"{PAGE}/cases", "/v1/villages"):
                    asked.append((await visitor.get(path)).status_code)

    visiting = asyncio.create_task(visit())
    assert await rebuild(world.settings) == 0
    done.set()
    await visiting
    assert len(asked) > 4
    assert set(asked) == {200}, "nobody waited for it, nobody saw a gap"
    assert await standing(world.db) == right
    assert "第0号路灯" in await world.text(f"/v1/cases/{ids[0]}")
    await world.tell(
        opened(late := case_id(), title="重建之后", occurred_at=NOW + timedelta(days=1)),
        *[award(case, 3) for case in ids],
    )
    await world.shows(PAGE, "重建之后", late)
    async with world.visitor() as visitor:
        works = next(m for m in (await visitor.get(PAGE)).json()["matters"] if m["matter"]["code"] == "EN")
    assert works["running"] == 21, "nothing lost, nothing twice"
    async with world.db.begin(Scope.public()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM withheld") == 0, "the new tables are as guarded as the old"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("INSERT INTO alert_marks VALUES (gen_random_uuid(), 1, $1, 2025, true)", VILLAGE)


async def test_events_that_come_during_a_rebuild_take_effect_once(world: World) -> None:
    for number in range(10):
        await world.tell(opened(case_id(), title=f"第{number}号"))
    await world.shows("/v1/villages", '"running":10')
    done = asyncio.Event()

    async def go_on() -> int:
        told = 0
        while not done.is_set():
            await world.tell(opened(case_id()), raised(occurred_at=LAST_YEAR))
            told += 1
            await asyncio.sleep(0.01)
        return told

    telling = asyncio.create_task(go_on())
    await rebuild(world.settings)
    await rebuild(world.settings)
    done.set()
    told = await telling
    await world.shows("/v1/villages", f'"running":{10 + told}')
    await marked(world.db, told)
    await world.shows(PAGE, f'"at_least":{told - told % 5}')


async def test_a_rebuild_that_is_killed_changes_nothing(world: World) -> None:
    ids = [case_id() for _ in range(40)]
    for case in ids:
        await world.tell(opened(case), bids_in(case), award(case))
    await world.shows("/v1/villages", '"running":40')
    await world.shows(f"/v1/cases/{ids[-1]}", FIRM)
    await spoil(world.db)
    before = await standing(world.db)
    values = world.settings.model_copy(update={"consumer_batch": 1}).model_dump(mode="json", exclude_none=True)
    environment = os.environ | {name.upper(): str(value) for name, value in values.items()}
    owner = await asyncpg.connect(world.settings.database_url)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.disclosure.rebuild", env=environment, stdout=asyncio.subprocess.DEVNULL
        )

        async def half_way() -> bool:
            assert process.returncode is None, "it was too quick to be killed"
            try:
                return bool(await owner.fetchval("SELECT sum(next_offset) > 20 FROM disclosure_new.consumer_offsets"))
            except asyncpg.UndefinedTableError:
                return False

        await eventually(half_way, within=30)
        with pytest.raises(AnotherRebuild):
            await rebuild(world.settings)
        process.kill()
        await process.wait()
        assert await standing(world.db) == before
        await world.tell(opened(case_id()))
        await world.shows("/v1/villages", '"running":41')

        async def free() -> bool:
            return not await owner.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
                " AND classid = hashtext('rebuild')::oid"
            )

        await eventually(free)
        await rebuild(world.settings)
        assert "写错的" not in await standing(world.db)
        await world.shows("/v1/villages", '"running":41')
        left = await owner.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'disclosure%'")
        assert [row[0] for row in left] == ["disclosure"]
    finally:
        await owner.close()
