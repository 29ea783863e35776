"""When all events have taken effect, and what the county then sees."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus import topics
from shared.db import Database, Scope
from shared.settings import Settings

_PENDING = "SELECT count(*) FROM outbox"
_UNSENT = "SELECT (SELECT position FROM delivery_progress) < (SELECT latest FROM stream_ends)"
_OFFSETS = "SELECT topic, partition, next_offset FROM consumer_offsets WHERE consumer = $1"
_SEEN = {
    "detector": (
        "SELECT alert_id::text, rule_id, grade, state, village_code, body - 'revision' AS body"
        " FROM findings ORDER BY alert_id",
    ),
    "notifier": (
        "SELECT alert_id::text, rule_id, grade, state, desks, body - 'revision' AS body FROM alerts ORDER BY alert_id",
        "SELECT alert_id::text, desk, why FROM inbox WHERE removed_at IS NULL ORDER BY alert_id, desk",
        "SELECT DISTINCT alert_id::text, channel FROM deliveries WHERE kind = 'raised' ORDER BY 1",
    ),
    "disclosure": (
        "SELECT case_id, case_no, title, matter, flow, flow_version, village_code, state, updated_at::text,"
        " public_until::text, card, history FROM cases ORDER BY case_id",
        "SELECT case_id, fields, people FROM withheld ORDER BY case_id",
        # How many revisions an alert took, and thus its marks, depends on the size of the detector's batches.
        "SELECT DISTINCT ON (alert_id) alert_id::text, village_code, counts FROM alert_marks"
        " ORDER BY alert_id, revision DESC",
        # Notices are left out: which of them still run depends on the moment of the last change.
        "SELECT village_code, running, closed, withdrawn, whole - 'notices' AS whole FROM villages"
        " ORDER BY village_code",
    ),
    "approval": ("SELECT case_no, village_code, status, node, sequence FROM cases ORDER BY case_no",),
}
# What must not be, in a disturbed run or in a quiet one: each of these finds nothing.
_NEVER = (
    # How often an alert was updated, and at which of its villages it was first seen, depends on the detector's
    # batches; that whoever may read it now was told of it does not.
    "SELECT alert_id::text FROM alerts a WHERE NOT array_remove(readers, 'system') <@"
    " ARRAY(SELECT unnest(e.readers) FROM stream_events e WHERE e.alert_id = a.alert_id)",
    # Nothing happened that the stream doesn't tell, and it tells nothing that did not happen.
    "SELECT alert_id::text, kind, at::text FROM history EXCEPT ALL"
    " SELECT alert_id::text, kind, at::text FROM stream_events",
    "SELECT alert_id::text, kind, at::text FROM stream_events WHERE kind NOT IN ('raised', 'removed') EXCEPT ALL"
    " SELECT alert_id::text, kind, at::text FROM history",
    # Nothing was told to a desk without a message to who subscribed to it.
    "SELECT e.alert_id::text, e.kind FROM stream_events e JOIN subscriptions s ON s.desks && e.readers"
    " AND e.position > s.since AND (cardinality(s.grades) = 0 OR e.body -> 'grade' ->> 'code' = ANY (s.grades))"
    " WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.position = e.position"
    " AND d.subscription_id = s.subscription_id)",
)


async def quiet(settings: Settings, pools: dict[str, Database]) -> bool:
    """Whether every outbox is empty, every consumer has taken in all there is, and all told has become messages."""
    for pool in pools.values():
        async with pool.begin(Scope.system()) as conn:
            if await conn.fetchval(_PENDING):
                return False
    async with pools["notifier"].begin(Scope.system()) as conn:
        if await conn.fetchval(_UNSENT):
            return False
    ends = await _ends(settings)
    for group in ("detector", "notifier", "disclosure"):
        async with pools[group].begin(Scope.system()) as conn:
            done = {(row["topic"], row["partition"]): row["next_offset"] for row in await conn.fetch(_OFFSETS, group)}
        if any(done.get(place, 0) < end for place, end in ends.items() if place[0] in {topic for topic, _ in done}):
            return False
        if not done:
            return False
    return True


async def _ends(settings: Settings) -> dict[tuple[str, int], int]:
    prefix = settings.kafka_topic_prefix
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
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


async def seen(pools: dict[str, Database]) -> dict[str, list[dict[str, Any]]]:
    """Cases, findings, alerts, inboxes and public tables, without what tells only when a machine wrote them.

    Fails when the notifier's stream, desks and messages don't agree among themselves.
    """
    async with pools["notifier"].begin(Scope.system()) as conn:
        for query in _NEVER:
            broken = await conn.fetch(query)
            assert not broken, f"{query}: {[dict(row) for row in broken[:5]]}"
    found: dict[str, list[dict[str, Any]]] = {}
    for service, queries in _SEEN.items():
        async with pools[service].begin(Scope.system()) as conn:
            for query in queries:
                found[query] = [dict(row) for row in await conn.fetch(query)]
    return found
