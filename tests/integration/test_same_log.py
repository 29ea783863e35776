"""Same log, same alerts: batches of any size, one instance or four, villages arriving interleaved in any order."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import groupby

from aiokafka import AIOKafkaProducer

from deploy.demo.simulator import Simulation, Size, told_record
from services.detector import rules
from services.detector.consumer import GROUP, TOPICS, DetectorConsumer
from services.detector.judging import Judge
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope, encode
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import County, eventually

EVENTS = 700
SIZE = Size(EVENTS, datetime(2026, 6, 30, 9, tzinfo=UTC))
RULEBOOK = rules.load()
_ALERTS = "SELECT alert_id::text, rule_id, grade, state, body - 'revision' AS body FROM findings ORDER BY alert_id"
Alerts = list[tuple[object, ...]]


@cache
def history(secret: str) -> tuple[list[Envelope], list[Envelope]]:
    """Registers and events of a small county, in the order of event time."""
    county = Simulation(seed=5, size=SIZE, secret=secret)
    return [told_record(record) for record in county.records()], [event for _, event in county.events()]


async def test_same_log_same_alerts(county: County) -> None:
    expected = await alerts_of(await county(), batch=500)
    assert len(expected) > 50
    assert await alerts_of(await county(), batch=1) == expected
    assert await alerts_of(await county(), batch=7) == expected
    assert await alerts_of(await county(), batch=5_000, instances=4) == expected
    assert await alerts_of(await county(), batch=50, instances=4, shuffle=random.Random(3)) == expected


async def alerts_of(
    settings: Settings, *, batch: int, instances: int = 1, shuffle: random.Random | None = None
) -> Alerts:
    """What a fresh detector finds in the history."""
    registers, events = history(settings.identity_secret)
    if shuffle:
        events = interleaved(events, shuffle)
        registers = shuffle.sample(registers, len(registers))
    settings = settings.model_copy(update={"consumer_batch": batch, "database_pool": 3})
    db = Database(settings, "detector")
    await db.open()
    try:
        await publish(settings, [*registers, *events])
        async with consuming(settings, instances):
            await eventually(partial(all_taken, db, len(registers) + len(events)), within=120)
        return await alerts_in(db)
    finally:
        await db.close()


def interleaved(events: Iterable[Envelope], dice: random.Random) -> list[Envelope]:
    """Each village's events in their order, the villages in any: what several partitions may do at worst."""
    by_village = [
        list(some)[::-1]
        for _, some in groupby(sorted(events, key=lambda one: (one.key, one.time)), lambda one: one.key)
    ]
    mixed = []
    while by_village:
        village = dice.choice(by_village)
        mixed.append(village.pop())
        if not village:
            by_village.remove(village)
    return mixed


async def publish(settings: Settings, envelopes: Iterable[Envelope]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        for envelope in envelopes:
            key, value, headers = encode(envelope)
            await producer.send(settings.kafka_topic_prefix + envelope.topic, key=key, value=value, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(settings: Settings, instances: int) -> AsyncIterator[None]:
    """Detectors that share the topics, each with a pool and a memory of its own."""
    pools = [Database(settings, "detector") for _ in range(instances)]
    for pool in pools:
        await pool.open()
    tasks = [
        asyncio.create_task(
            Consumer(
                pool, settings, group=GROUP, topics=TOPICS, handle=DetectorConsumer(Judge(RULEBOOK)).handle_batch
            ).run()
        )
        for pool in pools
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for pool in pools:
            await pool.close()


async def all_taken(db: Database, published: int) -> bool:
    """Whether every event has taken effect."""
    async with db.begin(Scope.system(), readonly=True) as conn:
        taken = await conn.fetchval("SELECT coalesce(sum(next_offset), 0) FROM consumer_offsets")
    assert taken <= published, "something was published beside the history"
    return bool(taken == published)


async def alerts_in(db: Database) -> Alerts:
    async with db.begin(Scope.system(), readonly=True) as conn:
        return [tuple(row) for row in await conn.fetch(_ALERTS)]
