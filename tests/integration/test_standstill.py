"""An instance that stands still with locks in its hands (a frozen process, a lost node) doesn't hold up the others."""

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from shared import db
from shared.bus import outbox, relay
from shared.bus.envelope import Envelope
from shared.bus.relay import Relay
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually

Open = Callable[[str], Awaitable[Database]]


@contextmanager
def standing_still(settings: Settings) -> Iterator[None]:
    """A relay in a thread of its own that has its lock, and whose whole loop then stands still."""
    loop, over = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def locked() -> None:
        pool = Database(settings, "detector")
        await pool.open()
        running.append(asyncio.ensure_future(Relay(pool, settings).run()))
        await eventually(lambda: _locks(pool))

    async def ended() -> None:
        running[0].cancel()
        await asyncio.wait(running)

    running: list[asyncio.Future[None]] = []
    asyncio.run_coroutine_threadsafe(locked(), loop).result(30)
    loop.call_soon_threadsafe(over.wait)
    try:
        yield
    finally:
        over.set()
        asyncio.run_coroutine_threadsafe(ended(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _locks(pool: Database) -> int:
    async with pool.begin(Scope.system()) as conn:
        return int(
            await conn.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )


async def test_another_relay_takes_over_from_one_that_stands_still(
    settings: Settings, database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_SILENT_MS", 1_500)
    pool = await database("detector")
    with standing_still(settings):
        async with pool.begin(Scope.system()) as conn:
            await outbox.publish(conn, [_event()])
        going = asyncio.ensure_future(Relay(pool, settings).run())
        try:
            await eventually(lambda: _sent(pool))
        finally:
            going.cancel()
            await asyncio.wait([going])


@pytest.mark.without_broker
async def test_a_transaction_that_stands_still_lets_go_of_its_rows(
    settings: Settings, database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(db._LET_GO, "idle_in_transaction_session_timeout", "300ms")
    zombie, other = await database("detector"), await database("detector")
    async with other.begin(Scope.system()) as conn:
        await conn.execute(
            "INSERT INTO consumer_offsets (consumer, topic, partition) VALUES ('test', 'power.events', 0)"
        )
    with pytest.raises(db.DATABASE_FAULTS):
        await _hold_while_another_takes(zombie, other)
    async with other.begin(Scope.system()) as conn:
        taken = await conn.fetchrow("SELECT next_offset, epoch FROM consumer_offsets")
    assert taken == (0, 1)


async def _hold_while_another_takes(zombie: Database, other: Database) -> None:
    async with zombie.begin(Scope.system()) as held:
        await held.execute("UPDATE consumer_offsets SET next_offset = 7")
        async with other.begin(Scope.system()) as conn:
            await conn.execute("SET LOCAL lock_timeout = '20s'")
            await conn.execute("UPDATE consumer_offsets SET epoch = epoch + 1")
        await held.execute("UPDATE consumer_offsets SET next_offset = 8")


async def _sent(pool: Database) -> bool:
    async with pool.begin(Scope.system()) as conn:
        return not await conn.fetchval("SELECT count(*) FROM outbox")


def _event() -> Envelope:
    now = datetime.now(UTC)
    id = str(uuid.uuid4())
    return Envelope(id, "/test", "test.v1", now, key="330421103201", topic="power.events", data={})
