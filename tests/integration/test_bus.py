"""From a commit to its one effect: outbox, relay, Kafka, consumer, dead letters."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

from shared import telemetry
from shared.bus import dlq, outbox, topics
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope
from shared.bus.relay import Relay
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from shared.telemetry import current_traceparent
from tests.conftest import T, eventually

Open = Callable[[str], Awaitable[Database]]
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def event(n: int, *, id: str | None = None) -> Envelope:
    return Envelope(
        id=id or str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))),
        source="/test",
        type="test.v1",
        time=NOW,
        key="330421103201",
        topic="power.events",
        data={"n": n},
    )


@pytest.fixture
async def db(database: Open) -> Database:
    pool = await database("detector")
    async with pool.begin(Scope.system()) as conn:
        await conn.execute("CREATE TABLE effects (position bigint GENERATED ALWAYS AS IDENTITY, n int NOT NULL)")
    return pool


async def write_effects(conn: Connection, batch: list[Envelope]) -> None:
    for envelope in batch:
        assert envelope.data is not None
        if envelope.data["n"] < 0:
            raise ValueError("a negative n")
        await conn.execute("INSERT INTO effects (n) VALUES ($1)", envelope.data["n"])


async def effects(db: Database) -> list[int]:
    async with db.begin(Scope.system()) as conn:
        return [row["n"] for row in await conn.fetch("SELECT n FROM effects ORDER BY position")]


@asynccontextmanager
async def running(*runners: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(run()) for run in runners]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def consumer(db: Database, settings: Settings) -> Consumer:
    return Consumer(db, settings, group="test", topics=["power.events"], handle=write_effects)


async def publish(db: Database, *events: Envelope) -> None:
    async with db.begin(Scope.system()) as conn:
        await outbox.publish(conn, events)


async def test_events_of_one_key_take_effect_once_and_in_order(db: Database, settings: Settings) -> None:
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        for n in range(50):
            await publish(db, event(n))
        assert await eventually(lambda: _when(effects(db), 50)) == list(range(50))


async def test_an_event_of_a_rolled_back_change_is_never_published(db: Database, settings: Settings) -> None:
    with contextlib.suppress(RuntimeError):
        async with db.begin(Scope.system()) as conn:
            await outbox.publish(conn, [event(1)])
            raise RuntimeError
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        await publish(db, event(2))
        assert await eventually(lambda: _when(effects(db), 1)) == [2]


async def test_an_id_taken_early_and_committed_late_is_not_skipped(db: Database, settings: Settings) -> None:
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        async with db.begin(Scope.system()) as slow:
            await outbox.publish(slow, [event(1)])
            await publish(db, event(2))
            assert await eventually(lambda: _when(effects(db), 1)) == [2]
        assert await eventually(lambda: _when(effects(db), 2)) == [2, 1]


async def test_an_event_published_twice_takes_effect_once(db: Database, settings: Settings) -> None:
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        await publish(db, event(1), event(1), event(2))
        await publish(db, event(1), event(3))
        await eventually(lambda: _contains(effects(db), 3))
    assert await effects(db) == [1, 2, 3]


async def test_a_poison_message_stops_nobody_and_can_be_replayed(db: Database, settings: Settings) -> None:
    topic = settings.kafka_topic_prefix + "power.events"
    async with (
        AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer,
        running(Relay(db, settings).run, consumer(db, settings).run),
    ):
        await publish(db, event(1), event(-1), event(2))
        await producer.send_and_wait(topic, value=b"\xff no event", key=b"330421103201")
        await publish(db, event(3))
        assert await eventually(lambda: _when(effects(db), 3)) == [1, 2, 3]
        letters = await eventually(lambda: _when(dlq.read(settings, topic), 2))
        reasons = sorted(letter["reason"] for _, _, letter in letters)
        assert reasons == [
            "ValueError: a negative n",
            "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
        ]
        poison = next(letter for _, _, letter in letters if "negative" in letter["reason"])
        poison["value"] = "eyJuIjogOX0="
        await dlq.replay(settings, poison)
        assert await eventually(lambda: _when(effects(db), 4)) == [1, 2, 3, 9]


async def test_a_letter_published_twice_is_listed_once(db: Database, settings: Settings) -> None:
    topic = settings.kafka_topic_prefix + "power.events"
    letter = replace(event(1), topic="power.events.dlq")
    async with running(Relay(db, settings).run):
        await publish(db, letter, replace(event(2), topic="power.events.dlq"), letter)
        await publish(db, replace(event(3), topic="power.events.dlq"))
        letters = await eventually(lambda: _when(dlq.read(settings, topic), 3))
    assert [letter["n"] for _, _, letter in letters] == [1, 2, 3]


async def test_an_event_that_kafka_would_refuse_undoes_its_change(db: Database) -> None:
    huge = replace(event(1), data={"n": 1, "text": "x" * topics.LARGEST_EVENT})

    async def change() -> None:
        async with db.begin(Scope.system()) as conn:
            await conn.execute("INSERT INTO effects (n) VALUES (1)")
            await outbox.publish(conn, [huge])

    with pytest.raises(outbox.EventTooLarge):
        await change()
    assert await effects(db) == []


async def test_the_largest_event_becomes_a_dead_letter_all_the_same(db: Database, settings: Settings) -> None:
    topic = settings.kafka_topic_prefix + "power.events"
    large = replace(event(1), data={"n": -1, "text": "x" * (topics.LARGEST_EVENT - 100)})
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        await publish(db, large, event(2))
        assert await eventually(lambda: _when(effects(db), 1)) == [2]
        ((_, _, letter),) = await eventually(lambda: _when(dlq.read(settings, topic), 1))
    assert letter["reason"] == "ValueError: a negative n"


async def test_what_waits_for_a_consumer_is_told(db: Database, settings: Settings) -> None:
    gate = asyncio.Event()

    async def slow(conn: Connection, batch: list[Envelope]) -> None:
        await gate.wait()
        await write_effects(conn, batch)

    def waiting() -> float:
        labels = {"group": "slow", "topic": "power.events"}
        return REGISTRY.get_sample_value("yunjing_consumer_lag", labels) or 0.0

    async def told() -> bool:
        return waiting() == 5

    async def all_taken() -> bool:
        return await effects(db) == [1, 2, 3, 4, 5] and waiting() == 0

    await publish(db, *(event(n) for n in range(1, 6)))
    reader = Consumer(db, settings, group="slow", topics=["power.events"], handle=slow, most_at_once=1)
    async with running(Relay(db, settings).run):
        await eventually(partial(published, db))
        async with running(reader.run):
            await eventually(told)
            gate.set()
            await eventually(all_taken)


async def published(db: Database) -> bool:
    async with db.begin(Scope.system(), readonly=True) as conn:
        return not await conn.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)")


async def test_what_passes_by_itself_is_waited_out(db: Database, settings: Settings) -> None:
    troubles = iter((asyncpg.QueryCanceledError("slow"), asyncpg.OutOfMemoryError("full"), OSError("disk")))

    async def troubled(conn: Connection, batch: list[Envelope]) -> None:
        if trouble := next(troubles, None):
            raise trouble
        await write_effects(conn, batch)

    patient = Consumer(db, settings, group="test", topics=["power.events"], handle=troubled)
    async with running(Relay(db, settings).run, patient.run):
        await publish(db, event(1))
        assert await eventually(lambda: _when(effects(db), 1)) == [1]


async def test_a_fetch_that_waits_to_be_tried_again_doesnt_end_its_consumer(db: Database, settings: Settings) -> None:
    tried = 0

    async def falter(conn: Connection, batch: list[Envelope]) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            # What aiokafka has under way for a moment after a broker has died.
            assert faltering._kafka
            faltering._kafka._fetcher._pending_tasks.add(asyncio.create_task(asyncio.sleep(60)))
            await asyncio.sleep(0)
            raise OSError("the database is away")
        await write_effects(conn, batch)

    faltering = Consumer(db, settings, group="test", topics=["power.events"], handle=falter)
    async with running(Relay(db, settings).run, faltering.run):
        await publish(db, event(1))
        assert await eventually(lambda: _when(effects(db), 1)) == [1]


async def test_an_effect_belongs_to_the_trace_of_its_cause(db: Database, settings: Settings) -> None:
    told = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen: list[str | None] = []

    async def look(conn: Connection, batch: list[Envelope]) -> None:
        seen.append(current_traceparent())

    telemetry.configure("test")
    watcher = Consumer(db, settings, group="test", topics=["power.events"], handle=look)
    async with running(Relay(db, settings).run, watcher.run):
        await publish(db, replace(event(1), traceparent=told))
        await eventually(lambda: _true(seen))
    assert seen[0] is not None
    assert seen[0].split("-")[1] == told.split("-")[1]
    assert seen[0] != told


async def _true(seen: list[str | None]) -> bool:
    return bool(seen)


async def test_a_zombie_that_lost_its_partition_keeps_nothing(db: Database, settings: Settings) -> None:
    stalled, entered = asyncio.Event(), asyncio.Event()

    async def stall(conn: Connection, batch: list[Envelope]) -> None:
        entered.set()
        await stalled.wait()
        await write_effects(conn, batch)

    zombie = Consumer(db, settings, group="test", topics=["power.events"], handle=stall)
    async with running(Relay(db, settings).run, zombie.run):
        await publish(db, event(1))
        await asyncio.wait_for(entered.wait(), 20)
        async with db.begin(Scope.system()) as conn:
            await conn.execute("SET LOCAL lock_timeout = '200ms'")
            with pytest.raises(Exception, match="lock timeout"):
                await conn.execute("UPDATE consumer_offsets SET epoch = epoch + 1")
    assert await effects(db) == []
    async with running(Relay(db, settings).run, consumer(db, settings).run):
        assert await eventually(lambda: _when(effects(db), 1)) == [1]


async def test_killed_between_batches_it_goes_on_where_its_effects_ended(db: Database, settings: Settings) -> None:
    async with running(Relay(db, settings).run):
        for start in range(0, 60, 20):
            async with running(consumer(db, settings).run):
                await publish(db, *(event(n) for n in range(start, start + 20)))
                await eventually(lambda size=start + 20: _when(effects(db), size))  # type: ignore[misc]
    assert await effects(db) == list(range(60))


async def _when(look: Awaitable[list[T]], size: int) -> list[T]:
    found = await look
    return found if len(found) >= size else []


async def _contains(look: Awaitable[list[int]], value: object) -> bool:
    return value in await look
