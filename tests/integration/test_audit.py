"""The audit log on a real database and broker: what even the database's master changes in it is found."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from shared.audit import check as checking
from shared.audit import record
from shared.audit.chain import GENESIS, digest
from shared.audit.check import BROKEN, SOUND, UNKNOWN, Verdict, check, published_heads
from shared.audit.sealer import COLUMNS, Sealer, entry_of
from shared.bus.relay import Relay
from shared.db import Connection, Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.conftest import County, eventually

Open = Callable[[str], Awaitable[Database]]
VILLAGE, TOWN, OTHER_TOWN, COUNTY = "330421107201", "330421107000", "330421105000", "330421000000"
WANG = Principal("wang", "王书记", "key", frozenset({Grant("town_secretary", TOWN)}))


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("notifier")


@pytest.fixture
async def master(settings: Settings) -> AsyncIterator[Connection]:
    """Whoever runs the database: no trigger and no policy holds for him."""
    conn = await asyncpg.connect(settings.database_url, server_settings={"search_path": "notifier"})
    await conn.execute("SET session_replication_role = replica")
    await conn.set_type_codec("jsonb", encoder=str, decoder=json.loads, schema="pg_catalog")
    yield conn
    await conn.close()


async def deeds(db: Database, size: int, *, region: str = VILLAGE) -> None:
    """So many deeds of a secretary."""
    async with db.begin(Scope.of(WANG)) as conn:
        for number in range(size):
            await record(conn, WANG, "alert.viewed", f"alert:{number}", {"n": number}, region=region)


async def sealed(db: Database, settings: Settings) -> None:
    """Seal what there is, publish its head, and wait until the broker has it."""
    sealer, relay = Sealer(db, settings, publish_seconds=0), asyncio.create_task(Relay(db, settings).run())
    await sealer.seal()

    async def published() -> bool:
        async with db.begin(Scope.system()) as conn:
            return not await conn.fetchval("SELECT count(*) FROM outbox")

    await eventually(published)
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)


async def verdict(db: Database, settings: Settings) -> Verdict:
    return await check(db, await published_heads(settings))


async def fails_halfway(db: Database) -> None:
    async with db.begin(Scope.of(WANG)) as conn:
        await record(conn, WANG, "alert.moved", "alert:1")
        raise ZeroDivisionError


async def test_an_entry_commits_with_its_deed_or_not_at_all(db: Database, settings: Settings) -> None:
    await deeds(db, 1)
    with pytest.raises(ZeroDivisionError):
        await fails_halfway(db)
    await Sealer(db, settings).seal()
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch(f"SELECT {COLUMNS} FROM audit_log")
    (entry,) = (entry_of(row) for row in rows)
    assert (entry.number, entry.action, entry.actor, entry.grants) == (
        1,
        "alert.viewed",
        "wang",
        (f"town_secretary@{TOWN}",),
    )
    assert entry.hash == digest("notifier", entry, GENESIS)


async def test_what_is_repeated_within_the_hour_is_told_once(db: Database) -> None:
    for _ in range(3):
        async with db.begin(Scope.of(WANG)) as conn:
            await record(conn, WANG, "alert.viewed", "alert:1", hourly=True)
            await record(conn, WANG, "alert.moved", "alert:1")
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT action, count(*) AS times FROM audit_log GROUP BY action ORDER BY action")
    assert [tuple(row) for row in rows] == [("alert.moved", 3), ("alert.viewed", 1)]


async def execute(db: Database, *statements: str) -> None:
    async with db.begin(Scope.system()) as conn:
        for statement in statements:
            await conn.execute(statement)


async def test_the_service_itself_can_change_no_entry(db: Database, settings: Settings) -> None:
    await deeds(db, 2)
    await Sealer(db, settings).seal()
    await deeds(db, 1)
    for statement in (
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_log SET actor = 'nobody' WHERE number = 1",
        "UPDATE audit_log SET actor = 'nobody', number = 3, hash = repeat('0', 64) WHERE number IS NULL",
        "UPDATE audit_log SET number = 7, hash = repeat('0', 64) WHERE number = 2",
        "UPDATE audit_log SET number = NULL, hash = NULL",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
            await execute(db, statement)
        with pytest.raises(asyncpg.RestrictViolationError):
            await execute(db, "GRANT ALL ON audit_log TO CURRENT_USER", statement)


async def test_nobody_tells_of_another_and_only_its_auditors_read(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.begin(Scope("%", f"handler@{VILLAGE}", "li")) as conn:
            await record(conn, WANG, "alert.viewed", "alert:1")
    await deeds(db, 2)
    await deeds(db, 1, region=COUNTY)
    for roles, count in [
        (f"auditor@{TOWN}", 2),
        (f"auditor@{VILLAGE}", 2),
        (f"auditor@{OTHER_TOWN}", 0),
        (f"auditor@{COUNTY}", 3),
        (f"county_secretary@{COUNTY}", 3),
        (f"county_secretary@{OTHER_TOWN},town_secretary@{TOWN}", 0),
        ("", 0),
    ]:
        async with db.begin(Scope("%", roles, "he")) as conn:
            assert await conn.fetchval("SELECT count(*) FROM audit_log") == count, roles


async def test_sealers_side_by_side_give_each_number_once(db: Database, settings: Settings) -> None:
    sealers = [Sealer(db, settings) for _ in range(3)]

    async def seal(sealer: Sealer) -> None:
        for _ in range(10):
            await sealer.seal()

    await asyncio.gather(*(seal(one) for one in sealers), *(deeds(db, 5) for _ in range(8)))
    await sealers[0].seal()
    found = await check(db, [])
    assert (found.sound, found.entries) == (True, 40)


async def test_an_entry_that_commits_late_is_sealed_behind(db: Database, settings: Settings) -> None:
    sealer = Sealer(db, settings)
    async with db.begin(Scope.of(WANG)) as conn:
        await record(conn, WANG, "alert.viewed", "alert:late")
        await deeds(db, 2)
        assert await sealer.seal() == 2
    assert await sealer.seal() == 1
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT object FROM audit_log ORDER BY number")
    assert [row["object"] for row in rows] == ["alert:0", "alert:1", "alert:late"]
    assert (await check(db, [])).sound


_SWAP = """
UPDATE audit_log a SET number = b.number + 100, hash = b.hash FROM audit_log b
WHERE (a.number, b.number) IN ((3, 4), (4, 3));
UPDATE audit_log SET number = number - 100 WHERE number > 100;
"""


TAMPERING = [
    ("UPDATE audit_log SET actor = 'nobody' WHERE number = 4", 4),
    ("UPDATE audit_log SET at = at + interval '1 day' WHERE number = 2", 2),
    ("""UPDATE audit_log SET detail = '{"n": 9}' WHERE number = 5""", 5),
    ("DELETE FROM audit_log WHERE number = 3", 3),
    ("DELETE FROM audit_log WHERE number = 1", 1),
    (_SWAP, 3),
    ("DELETE FROM audit_log WHERE number > 4", 5),
    ("DELETE FROM audit_log", 1),
]


async def test_what_the_master_of_the_database_changes_is_found(
    db: Database, settings: Settings, master: Connection
) -> None:
    await deeds(db, 6)
    await sealed(db, settings)
    heads = await published_heads(settings)
    assert [head.number for head in heads] == [6]
    columns = "id, at, actor, name, grants, action, object, region, detail, once, number, hash"
    await master.execute(f"CREATE TABLE kept AS SELECT {columns} FROM audit_log")
    for statement, first in TAMPERING:
        await master.execute(statement)
        found = await check(db, heads)
        assert found.broken, statement
        assert found.broken.number == first, statement
        await master.execute(
            f"DELETE FROM audit_log; INSERT INTO audit_log ({columns}) OVERRIDING SYSTEM VALUE SELECT * FROM kept"
        )
        assert (await check(db, heads)).sound


async def test_a_chain_that_is_written_anew_as_a_whole_is_found(
    db: Database, settings: Settings, master: Connection
) -> None:
    await deeds(db, 6)
    await sealed(db, settings)
    previous = GENESIS
    for row in await master.fetch(f"SELECT {COLUMNS} FROM audit_log ORDER BY number"):
        forged = replace(entry_of(row), actor="nobody")
        previous = digest("notifier", forged, previous)
        await master.execute(
            "UPDATE audit_log SET actor = 'nobody', hash = $2 WHERE number = $1", forged.number, previous
        )
    assert (await check(db, [])).sound
    await deeds(db, 1)
    await sealed(db, settings)
    found = await verdict(db, settings)
    assert found.broken
    assert found.broken.number == 1


async def test_a_log_that_nobody_seals_or_publishes_is_found(
    db: Database, settings: Settings, master: Connection
) -> None:
    await deeds(db, 1)
    assert (await check(db, [])).sound
    await master.execute("UPDATE audit_log SET at = $1", datetime.now(UTC) - timedelta(minutes=6))
    unsealed = await check(db, [])
    await sealed(db, settings)
    unpublished = await check(db, [])
    for found in (unsealed, unpublished):
        assert found.broken
        assert (found.broken.number, "no head published" in found.broken.en) == (1, True)
    assert (await verdict(db, settings)).sound


async def test_the_command_says_it_by_its_exit_code(
    county: County, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await county()
    db = Database(settings, "approval")
    await db.open()
    await deeds(db, 3)
    await sealed(db, settings)
    await db.close()
    monkeypatch.setattr(checking, "Settings", lambda: settings)
    assert await asyncio.to_thread(checking.main) == SOUND
    assert "✓ approval: 3 条" in capsys.readouterr().out
    master = await asyncpg.connect(settings.database_url)
    await master.execute("SET session_replication_role = replica; DELETE FROM approval.audit_log WHERE number = 2")
    await master.close()
    assert await asyncio.to_thread(checking.main) == BROKEN
    assert "✗ approval: 第 2 条 记录缺失" in capsys.readouterr().err
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    monkeypatch.setattr(checking, "Settings", lambda: away)
    assert await asyncio.to_thread(checking.main) == UNKNOWN
