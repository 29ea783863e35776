"""The log of disclosed papers over a real broker and database, and what a villager sees of it."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from playwright.async_api import Browser, expect

from services.disclosure import app as disclosure
from services.disclosure.proof import verify_paper
from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.keeper import Keeper
from services.disclosure.rebuild import rebuild
from shared.bus import outbox
from shared.contracts import proof
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import PAPER, award, bids_in, case_id, form, opened, returned
from tests.disclosure.served import served
from tests.integration.test_disclosure import deliver, envelope

Open = Callable[[str], Awaitable[Database]]
CONTENT = b"%PDF-1.4 three quotes"
PRINT = hashlib.sha256(CONTENT).hexdigest()
QUOTES = PAPER.model_copy(update={"sha256": PRINT})
_IS_PLACED = "SELECT bool_and(leaf_index IS NOT NULL) FROM paper_leaves WHERE sha256 = $1"
RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2"}


def filed(case: str, sequence: int = 2, sha256: str = PRINT, **changed: Any) -> Any:
    """The quotations are filed."""
    event = bids_in(case, sequence, **changed)
    return event.model_copy(update={"documents": (QUOTES.model_copy(update={"sha256": sha256}),)})


class _Killed(Exception):
    """The process is gone in the middle of a transaction."""


@dataclass
class World:
    """The service, its database and whoever visits it."""

    settings: Settings
    db: Database
    http: httpx.AsyncClient

    async def json(self, path: str) -> dict[str, Any]:
        """What an address of the API answers."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def placed(self, sha256: str = PRINT) -> dict[str, Any]:
        """The last filing of a paper once it has its place in the log."""

        async def look() -> bool:
            await keeper(self.settings, self.db).grow()
            async with self.db.begin(Scope.public(), readonly=True) as conn:
                return bool(await conn.fetchval(_IS_PLACED, sha256))

        assert await eventually(look)
        filing: dict[str, Any] = (await self.json(f"/v1/papers/{sha256}"))["filings"][0]
        return filing


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("disclosure")


@pytest.fixture
async def world(settings: Settings, db: Database) -> AsyncIterator[World]:
    async with (
        served(disclosure.build(settings)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=40) as http,
    ):
        yield World(settings, db, http)


def keeper(settings: Settings, db: Database) -> Keeper:
    return Keeper(db, Signer.of(settings.paper_log_key or ""), head_seconds=0)


async def test_a_disclosed_paper_is_in_the_log_and_its_proof_holds(world: World) -> None:
    case = case_id()
    async with world.db.begin(Scope.system()) as conn:
        await outbox.publish(conn, [envelope(event) for event in (opened(case), filed(case), award(case))])
    filing = await world.placed()
    assert (filing["case_id"], filing["node"], filing["kind"], filing["replaced_by"]) == (case, "EN1-03", "quotes", [])
    told = await world.json(filing["links"]["proof"])
    key = (await world.json("/v1/papers/log"))["key"]
    head = verify_paper.verify_proof(PRINT, told, key)
    assert head.size == told["size"]
    with pytest.raises(verify_paper.Wrong):
        verify_paper.verify_proof("0" * 64, told, key)
    event = await _head_on_kafka(world.settings, told["head"])
    assert (event["size"], event["key"]) == (head.size, key)
    for secret in ("钱多宝", "报价-", "机耕路"):
        assert secret not in json.dumps(told, ensure_ascii=False)


async def _head_on_kafka(settings: Settings, note: str) -> dict[str, Any]:
    consumer = AIOKafkaConsumer(
        settings.kafka_topic_prefix + proof.TOPIC,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async for record in consumer:
            event: dict[str, Any] = json.loads(record.value)
            if event["note"] == note:
                return event
    finally:
        await consumer.stop()
    raise AssertionError("no such head")


async def test_a_later_version_names_the_earlier_and_the_log_only_grows(world: World) -> None:
    case, later = case_id(), "b" * 64
    await deliver(world.db, opened(case), filed(case))
    first = await world.placed()
    before = (await world.json("/v1/papers/log"))["head"]
    await deliver(world.db, returned(case, 3, "EN1-03"), filed(case, 4, later))
    second = await world.placed(later)
    assert second["replaces"] == [PRINT]
    assert (await world.json(f"/v1/papers/{PRINT}"))["filings"][0]["replaced_by"] == [later]
    assert second["index"] == first["index"] + 1
    grown = await world.json(f"/v1/papers/log/consistency?old={before['size']}")
    key = (await world.json("/v1/papers/log"))["key"]
    old, new = verify_paper.verify_consistency(grown, key)
    assert (old.size, new.size) == (before["size"], second["index"] + 1)
    leaves = (await world.json("/v1/papers/log/leaves"))["items"]
    assert [leaf["index"] for leaf in leaves] == list(range(new.size))


@pytest.mark.without_broker
async def test_papers_of_relief_and_of_kinds_that_are_not_open_leave_no_hash(settings: Settings, db: Database) -> None:
    relieved, works = case_id(), case_id()
    hidden = QUOTES.model_copy(update={"kind": "sign_in", "sha256": "c" * 64})
    await deliver(db, opened(relieved, form(relief_fen=1), **RELIEF), filed(relieved, **RELIEF))
    await deliver(db, opened(works), bids_in(works).model_copy(update={"documents": (hidden,)}))
    assert await keeper(settings, db).grow() == 0
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM paper_leaves") == 0


@pytest.mark.without_broker
async def test_nothing_in_the_log_can_be_changed_or_taken_out(settings: Settings, db: Database) -> None:
    await deliver(db, opened(case := case_id()), filed(case))
    assert await keeper(settings, db).grow() == 1
    for statement in (
        "UPDATE paper_leaves SET sha256 = repeat('0', 64)",
        "UPDATE paper_leaves SET leaf_index = 7",
        "DELETE FROM paper_leaves",
        "TRUNCATE paper_leaves",
        "UPDATE paper_nodes SET hash = 'x'",
        "DELETE FROM paper_heads",
    ):
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            async with db.begin(Scope.system()) as conn:
                await conn.execute(statement)
    async with db.begin(Scope.public()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM paper_leaves") == 1


@pytest.mark.without_broker
async def test_what_is_told_again_and_what_is_rolled_back_adds_nothing(settings: Settings, db: Database) -> None:
    case = case_id()
    await deliver(db, opened(case), filed(case))
    with suppress(_Killed):
        async with db.begin(Scope.system()) as conn:
            await conn.execute("UPDATE paper_leaves SET leaf_index = 0")
            raise _Killed
    assert await keeper(settings, db).grow() == 1
    await deliver(db, opened(case), filed(case), award(case))
    assert await keeper(settings, db).grow() == 0


async def test_a_rebuild_leaves_the_log_as_it_is(world: World) -> None:
    case = case_id()
    async with world.db.begin(Scope.system()) as conn:
        await outbox.publish(conn, [envelope(event) for event in (opened(case), filed(case))])
    await world.placed()
    before = (await world.json("/v1/papers/log"))["head"]
    assert await rebuild(world.settings) == 0
    assert (await world.json("/v1/papers/log"))["head"] == before
    assert len((await world.json("/v1/papers/log/leaves"))["items"]) == before["size"]


@pytest.mark.without_broker
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/papers/zz", 422, "bad-fingerprint"),
        (f"/v1/papers/{'d' * 64}", 404, "no-such-paper"),
        ("/v1/papers/log/checkpoint", 404, "no-paper-yet"),
        ("/v1/papers/log/leaves/3", 404, "no-such-leaf"),
        ("/v1/papers/log/consistency?old=1", 404, "no-paper-yet"),
    ],
)
async def test_what_is_not_there_is_told_so(world: World, path: str, status: int, code: str) -> None:
    answer = await world.http.get(path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


@pytest.mark.without_broker
@pytest.mark.browser
async def test_a_villager_checks_a_paper_on_the_phone(world: World, browser: Browser, tmp_path: Path) -> None:
    case = case_id()
    await deliver(world.db, opened(case), filed(case), award(case))
    await world.placed()
    (tmp_path / "quotes.pdf").write_bytes(CONTENT)
    (tmp_path / "other.pdf").write_bytes(CONTENT + b"!")
    for javascript in (True, False):
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, base_url=str(world.http.base_url), java_script_enabled=javascript
        )
        page = await context.new_page()
        await page.goto(f"/cases/{case}")
        await page.locator("summary", has_text="原件").click()
        await page.get_by_role("main").get_by_role("link", name="核验").first.click()
        for name, verdict in (("quotes.pdf", "✓ 一致"), ("other.pdf", "✗ 不一致")):
            await page.get_by_label("选择村里发给您的电子文件").set_input_files(tmp_path / name)
            await page.get_by_role("button", name="比对").click()
            await expect(page.get_by_role("status")).to_contain_text(verdict)
        if javascript:
            await page.screenshot(path=tmp_path / "paper.png", full_page=True)
            await page.goto("/papers")
            await expect(page.get_by_role("heading", name="公钥")).to_be_visible()
        await context.close()
