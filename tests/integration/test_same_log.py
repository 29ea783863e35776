"""Same log, same alerts: batches of any size, one instance or four, villages arriving interleaved in any order."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaProducer

from deploy.demo.simulator import Simulation, Size, told_record
from services.detector.consumer import GROUP, TOPICS, DetectorConsumer
from services.detector.judging import Judge
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope, encode
from shared.contracts import rulesets
from shared.contracts.alerts import RAISED_TOPIC, AlertRaised, AlertWithdrawn
from shared.contracts.rulesets import Keeper, RuleChanged
from shared.db import Database, Scope
from shared.regions import COUNTY, town_of
from shared.settings import Settings
from tests.conftest import County, eventually
from tests.detector.rulebook import RULEBOOK

EVENTS = 700
SIZE = Size(EVENTS, datetime(2026, 6, 30, 9, tzinfo=UTC))
KEEPER = Keeper(person_key="k" * 32, name="何规")
# Those that stand. What is raised on half the facts and withdrawn on the others depends on where batches are cut: an
# alert that nobody could have seen isn't owed (decision 1).
_ALERTS = """
SELECT alert_id::text, rule_id, grade, body - 'revision' AS body FROM findings WHERE state = 'open' ORDER BY alert_id
"""
_TOLD = """
SELECT o.subject, o.type, coalesce((o.data::jsonb ->> 'revision')::int, 1) AS revision, f.state, f.revision AS last
FROM outbox o JOIN findings f ON f.alert_id::text = o.subject WHERE o.topic = $1 ORDER BY o.id
"""
Alerts = list[tuple[Any, ...]]


@cache
def history(secret: str) -> tuple[list[Envelope], list[Envelope]]:
    """Registers with changes of rules, and events of a small county in the order of event time."""
    county = Simulation(seed=5, size=SIZE, secret=secret)
    events = [event for _, event in county.events()]
    return [*map(told_record, county.records()), *rules_changed(events)], events


def rules_changed(events: list[Envelope]) -> list[Envelope]:
    """Amid the history: limits moved, a rule off in the busiest town and on again, a rule of the county's own."""
    early, middle, late = (events[len(events) * part // 4].time for part in (1, 2, 3))
    town = town_of(max((event.key for event in events), key=[event.key for event in events].count))
    definition = RULEBOOK.rule("A032").source.read_text(encoding="utf-8")
    own = definition.replace("id: A032", "id: C001").replace("key: white_slip", "key: own_white_slip")
    return [
        rule_changed("A075", 1, COUNTY, early, params={"window_days": 60, "min_parts": 3}, effective_until=late),
        rule_changed("A016", 1, COUNTY, early, params={"red_after_days": 2}),
        rule_changed("A016", 2, town, middle, enabled=False),
        rule_changed("A046", 1, town, middle, enabled=False),
        rule_changed("A046", 2, town, late),
        rule_changed("A061", 1, COUNTY, middle, grade="prompt"),
        rule_changed("C001", 1, COUNTY, early, enabled=True, definition=own),
        rule_changed("C001", 2, town, middle, enabled=False),
    ]


def rule_changed(rule: str, number: int, region: str, since: datetime, **sets: Any) -> Envelope:
    """A change of a rule that was approved when it came into force."""
    change = RuleChanged(
        change_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{rule}|{number}")),
        rule_id=rule,
        number=number,
        region_code=region,
        effective_from=since,
        reason="试行",
        drafted_by=KEEPER,
        approved_by=KEEPER,
        approved_at=since,
        **sets,
    )
    return Envelope.of(change, source="/test", topic=rulesets.TOPIC, key=rule, time=since, id=change.change_id)


async def test_same_log_same_alerts(county: County) -> None:
    expected = await alerts_of(await county(), batch=500)
    assert len(expected) > 50
    versions = {alert[-1]["rule_version"] for alert in expected}
    assert {"1", "1+1"} <= versions
    assert "C001" in {alert[1] for alert in expected}
    assert await alerts_of(await county(), batch=1, registers_first=True) == expected
    assert await alerts_of(await county(), batch=7, registers_first=True) == expected
    assert await alerts_of(await county(), batch=5_000, instances=4) == expected
    assert await alerts_of(await county(), batch=50, instances=4, shuffle=random.Random(3)) == expected


async def alerts_of(
    settings: Settings,
    *,
    batch: int,
    instances: int = 1,
    shuffle: random.Random | None = None,
    registers_first: bool = False,
) -> Alerts:
    """What a fresh detector finds in the history; with `registers_first` they are known before anything happens."""
    registers, events = history(settings.identity_secret)
    if shuffle:
        events = interleaved(events, shuffle)
        registers = shuffle.sample(registers, len(registers))
    at_once = settings.model_copy(update={"database_pool": 3})
    settings = at_once.model_copy(update={"consumer_batch": batch})
    db = Database(settings, "detector")
    await db.open()
    try:
        await publish(settings, registers)
        if registers_first:
            async with consuming(at_once, 1):
                await eventually(partial(all_taken, db, len(registers)), within=60)
        await publish(settings, events)
        async with consuming(settings, instances):
            await eventually(partial(all_taken, db, len(registers) + len(events)), within=240)
        await assert_told_in_order(db)
        return await alerts_in(db)
    finally:
        await db.close()


async def assert_told_in_order(db: Database) -> None:
    """Whatever the batches: raised first, each revision once, withdrawn only what stood, the last word what holds."""
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch(_TOLD, RAISED_TOPIC)
    told: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        told.setdefault(row["subject"], []).append((row["type"], row["revision"]))
    ends = {row["subject"]: (row["state"], row["last"]) for row in rows}
    for alert, course in told.items():
        standing = [False, *(kind != AlertWithdrawn.TYPE for kind, _ in course)]
        assert [number for _, number in course] == list(range(1, len(course) + 1)), (alert, course)
        for stood, (kind, _) in zip(standing, course, strict=False):
            assert (kind == AlertRaised.TYPE) != stood, (alert, course)
        assert ends[alert] == ("open" if standing[-1] else "withdrawn", len(course)), (alert, course)


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
