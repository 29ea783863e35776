"""When all events have taken effect, and what the county then sees."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.audit.check import check, published_heads
from shared.bus import dlq, topics
from shared.bus.connection import connection
from shared.db import DATABASE_FAULTS, SCHEMAS, Database, Scope
from shared.settings import Settings
from tests.chaos.difference import Difference, Seen
from tests.chaos.stage import CONSUMING, Stage

Pools = Mapping[str, Database]
_LOOK_SECONDS = 0.1

_PENDING = "SELECT count(*) FROM outbox"
_UNSENT = "SELECT (SELECT position FROM delivery_progress) < (SELECT latest FROM stream_ends)"
_OFFSETS = "SELECT consumer, topic, partition, next_offset FROM consumer_offsets"
_UNSEALED = "SELECT count(*) FROM audit_log WHERE number IS NULL"
# What is compared, by the name a difference is told with: the service, the columns that say which row, the query.
_SEEN = {
    "findings": (
        "detector",
        ("alert_id",),
        "SELECT alert_id::text, rule_id, grade, state, village_code, body - 'revision' AS body FROM findings",
    ),
    "alerts": (
        "notifier",
        ("alert_id",),
        "SELECT alert_id::text, rule_id, grade, state, desks, body - 'revision' AS body FROM alerts",
    ),
    "inboxes": (
        "notifier",
        ("alert_id", "desk"),
        "SELECT alert_id::text, desk, why FROM inbox WHERE removed_at IS NULL",
    ),
    # What a batch knows at once is red from the start; of two batches the first raises it yellow, at another desk, and
    # the second makes it red: a desk hears either the one or the other as news.
    "messages": (
        "notifier",
        ("alert_id", "channel"),
        "SELECT DISTINCT alert_id::text, channel FROM deliveries WHERE kind IN ('raised', 'aggravated')",
    ),
    "public cases": (
        "disclosure",
        ("case_no", "village_code"),
        "SELECT case_id, case_no, title, matter, flow, flow_version, village_code, state, updated_at::text,"
        " public_until::text, card, history FROM cases",
    ),
    "what is withheld": ("disclosure", ("case_id",), "SELECT case_id, fields, people FROM withheld"),
    # How many revisions an alert took, and thus its marks, depends on the size of the detector's batches.
    "public counts of alerts": (
        "disclosure",
        ("alert_id",),
        "SELECT DISTINCT ON (alert_id) alert_id::text, village_code, counts FROM alert_marks"
        " ORDER BY alert_id, revision DESC",
    ),
    # Notices are left out: which of them still run depends on the moment of the last change.
    "village pages": (
        "disclosure",
        ("village_code",),
        "SELECT village_code, running, closed, withdrawn, whole - 'notices' AS whole FROM villages",
    ),
    # A set: what comes twice is there once.
    "facts": (
        "detector",
        ("key", "kind", "occurred_at"),
        "SELECT key, kind, occurred_at::text, count(*) FROM facts GROUP BY key, kind, occurred_at",
    ),
    "cases": (
        "approval",
        ("case_no", "village_code"),
        "SELECT case_no, village_code, status, node, sequence FROM cases",
    ),
}
# What must not be, in a disturbed run or in a quiet one: each of these finds nothing.
_NEVER = {
    # How often an alert was updated, and at which of its villages it was first seen, depends on the detector's
    # batches; that whoever may read it now was told of it does not.
    "not told to whoever may read it": (
        "SELECT alert_id::text FROM alerts a WHERE NOT array_remove(readers, 'system') <@"
        " ARRAY(SELECT unnest(e.readers) FROM stream_events e WHERE e.alert_id = a.alert_id)"
    ),
    # Nothing happened that the stream doesn't tell, and it tells nothing that did not happen.
    "in the history, not in the stream": (
        "SELECT alert_id::text, kind, at::text FROM history EXCEPT ALL"
        " SELECT alert_id::text, kind, at::text FROM stream_events"
    ),
    "in the stream, not in the history": (
        "SELECT alert_id::text, kind, at::text FROM stream_events WHERE kind NOT IN ('raised', 'removed') EXCEPT ALL"
        " SELECT alert_id::text, kind, at::text FROM history"
    ),
    # Nothing was told to a whole desk without a message to who subscribed to it and may see it.
    "told without a message": (
        "SELECT e.alert_id::text, e.kind FROM stream_events e JOIN subscriptions s ON s.desks && e.readers"
        " AND e.position > s.since AND (cardinality(s.grades) = 0 OR e.body -> 'grade' ->> 'code' = ANY (s.grades))"
        " AND e.only_for IS NULL AND s.person_key <> ALL (e.barred)"
        " WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.position = e.position"
        " AND d.subscription_id = s.subscription_id)"
    ),
}


async def at_rest(stage: Stage, *, within: float) -> Seen:
    """What the county sees once all events have taken effect; raises `Difference` when that does not come."""
    async with _pools(stage.first.settings) as pools:
        deadline = time.monotonic() + within
        while waiting := await _waiting(stage.first.settings, pools):
            if time.monotonic() > deadline:
                raise Difference("not at rest", waiting[0], f"still so after {within:.0f} s", None)
            await asyncio.sleep(_LOOK_SECONDS)
        await _hold(stage, pools)
        return await _seen(pools)


@asynccontextmanager
async def _pools(settings: Settings) -> AsyncIterator[Pools]:
    async with AsyncExitStack() as opened:
        pools = {}
        for schema in SCHEMAS:
            pools[schema] = Database(settings, schema)
            await pools[schema].open()
            opened.push_async_callback(pools[schema].close)
        yield pools


async def _waiting(settings: Settings, pools: Pools) -> list[str]:
    """What is still under way: outboxes, consumers, messages, audit entries."""
    try:
        # First what sends, then what takes: nothing that is sent meanwhile is overlooked.
        found = [line for schema, pool in pools.items() for line in await _unsent(schema, pool)]
        ends = await _ends(settings)
        for service in CONSUMING:
            found += [line async for line in _untaken(service, pools[service], ends)]
        return found or [line for schema, pool in pools.items() for line in await _unsent(schema, pool)]
    except (KafkaError, *DATABASE_FAULTS) as error:
        return [f"no answer: {type(error).__name__}"]


async def _unsent(schema: str, pool: Database) -> list[str]:
    async with pool.begin(Scope.system()) as conn:
        found = []
        if pending := await conn.fetchval(_PENDING):
            found.append(f"{pending} events in the outbox of {schema}")
        if unsealed := await conn.fetchval(_UNSEALED):
            found.append(f"{unsealed} entries of the audit log of {schema} not sealed")
        if schema == "notifier" and await conn.fetchval(_UNSENT):
            found.append("events of the stream that are no messages yet")
        return found


async def _untaken(service: str, pool: Database, ends: Mapping[tuple[str, int], int]) -> AsyncIterator[str]:
    async with pool.begin(Scope.system()) as conn:
        rows = await conn.fetch(_OFFSETS)
    done = {(row["consumer"], row["topic"], row["partition"]): row["next_offset"] for row in rows}
    read = {(row["consumer"], row["topic"]) for row in rows}
    if not read:
        yield f"{service} has read nothing"
    for consumer, topic in sorted(read):
        for (name, partition), end in ends.items():
            taken = done.get((consumer, topic, partition), 0)
            if name == topic and taken < end:
                yield f"{consumer} of {service} took {taken} of {end} in {topic} {partition}"


async def _ends(settings: Settings) -> dict[tuple[str, int], int]:
    prefix = settings.kafka_topic_prefix
    consumer = AIOKafkaConsumer(**connection(settings))
    await consumer.start()
    try:
        partitions = [
            TopicPartition(prefix + topic, number)
            for topic in topics.configurations()
            if not topic.endswith(".dlq")
            for number in range(topics.partitions(topic))
        ]
        found = await consumer.end_offsets(partitions)
        return {(place.topic, place.partition): end for place, end in found.items()}
    finally:
        await consumer.stop()


async def _hold(stage: Stage, pools: Pools) -> None:
    """Raise `Difference` for what must not be in any run, disturbed or quiet."""
    async with pools["notifier"].begin(Scope.system()) as conn:
        for name, query in _NEVER.items():
            if broken := await conn.fetch(query):
                raise Difference(name, str(dict(broken[0])), f"{len(broken)} such rows", None)
    heads = await published_heads(stage.first.settings)
    for pool in pools.values():
        verdict = await check(pool, heads)
        if verdict.broken:
            raise Difference("audit log", f"{verdict.service} {verdict.broken.number}", verdict.broken.en, None)
    for line in await _letters(stage, pools):
        raise Difference("dead letters", line, "", None)


async def _letters(stage: Stage, pools: Pools) -> list[str]:
    """What is wrong with the dead letters: each poison has one of each reader that it was for, nothing else has any."""
    settings, wrong = stage.first.settings, []
    readers = await _readers(pools)
    found: dict[tuple[str, str, int, int], str] = {}
    for topic in topics.configurations():
        if not topic.endswith(dlq.SUFFIX):
            for _, _, letter in await dlq.read(settings, settings.kafka_topic_prefix + topic):
                found[letter["group"], letter["topic"], letter["partition"], letter["offset"]] = letter["reason"]
    poisoned = set(stage.poisoned)
    wrong += [f"{place} was no poison: {why}" for place, why in sorted(found.items()) if place[1:] not in poisoned]
    wrong += [
        f"{(consumer, *place)} is missing"
        for consumer, topic in sorted(readers)
        for place in sorted(poisoned)
        if place[0] == topic and (consumer, *place) not in found
    ]
    return wrong


async def _readers(pools: Pools) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for pool in pools.values():
        async with pool.begin(Scope.system()) as conn:
            found |= {(row["consumer"], row["topic"]) for row in await conn.fetch(_OFFSETS)}
    return found


async def _seen(pools: Pools) -> Seen:
    """Cases, findings, alerts, inboxes and public tables, without what tells only when a machine wrote them."""
    found: Seen = {}
    for name, (service, keys, query) in _SEEN.items():
        async with pools[service].begin(Scope.system()) as conn:
            rows = [dict(row) for row in await conn.fetch(query)]
        found[name] = {" ".join(str(row[key]) for key in keys): row for row in rows}
        if len(found[name]) < len(rows):
            raise Difference(name, "rows", f"{len(rows) - len(found[name])} are there twice", None)
    return found
