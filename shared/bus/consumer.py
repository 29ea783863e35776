"""Kafka to database, each event's effect exactly once.

Results and offsets commit in one transaction. On assignment the partition's epoch is raised and the stored offset
sought, so a batch of an instance that lost the partition (a zombie) fails at commit. Ids seen before are left out.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from asyncpg import Record

from shared.bus import outbox
from shared.bus.connection import connection, let_go
from shared.bus.dlq import dead_letter
from shared.bus.envelope import Envelope, Undecodable, decode
from shared.bus.faults import passing
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from shared.telemetry import (
    BATCH_SECONDS,
    CONSUMER_LAG,
    EVENTS_CONSUMED,
    EVENTS_DEAD,
    EVENTS_DUPLICATE,
    consuming,
    logger,
)

Handle = Callable[[Connection, list[Envelope]], Awaitable[None]]
_POLL_MS = 1000
_RETRY_SECONDS = 0.5
_PRUNE_SECONDS = 3600.0
_LAG_SECONDS = 1.0
log = logger("consumer")


class Fenced(Exception):
    """Another instance has taken a partition of this batch; nothing of the batch was kept."""


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Feeds batches of a group's topics to `handle`, inside one system-scope transaction each."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        *,
        group: str,
        topics: Sequence[str],
        handle: Handle,
        most_at_once: int | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._group = group
        self._prefix = settings.kafka_topic_prefix
        self._topics = list(topics)
        self._handle = handle
        self._most_at_once = min(settings.consumer_batch, most_at_once or settings.consumer_batch)
        self._epochs: dict[TopicPartition, int] = {}
        self._kafka: AIOKafkaConsumer | None = None
        self._places: dict[TopicPartition, int] = {}
        self._pruned = self._lag_told = -math.inf
        self._assigning = self._unassigned = False

    async def run(self) -> None:
        """Consume until cancelled. Passing faults (broker, database, lost partitions) are waited out."""
        while True:
            try:
                await self._run_once()
            except Exception as error:
                if not _to_wait_out(error):
                    raise
                log.warning("consumer.interrupted", group=self._group, error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _run_once(self) -> None:
        self._kafka = AIOKafkaConsumer(
            **connection(self._settings),
            group_id=self._prefix + self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._assigning = self._unassigned = False
        self._kafka.subscribe([self._prefix + topic for topic in self._topics], listener=self)
        try:
            await self._kafka.start()
            while True:
                polled = await self._kafka.getmany(timeout_ms=_POLL_MS, max_records=self._most_at_once)
                if self._unassigned and not self._assigning:
                    raise Fenced
                # Kafka gives us records of a partition before we have made it ours, which a slow database may let take
                # long; we seek behind that, and they come again.
                records = [] if self._assigning else [record for batch in polled.values() for record in batch]
                self._tell_lag()
                if records:
                    await self._take(records)
                await self._prune()
        finally:
            await let_go(self._kafka)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Forget the epochs of what is no longer ours."""
        for partition in revoked:
            self._epochs.pop(partition, None)
            self._places.pop(partition, None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Raise the epoch of each partition and seek to where its effects ended.

        The client logs what is raised here and goes on: `_unassigned` says so.
        """
        self._assigning = self._unassigned = True
        try:
            rows = await self._raise_epochs(sorted(assigned))
        finally:
            self._assigning = False
        assert self._kafka
        # All at once, behind the last wait: what is polled before this comes again, and what comes after is ours.
        for partition, row in rows.items():
            self._epochs[partition] = row["epoch"]
            self._places[partition] = row["next_offset"]
            self._kafka.seek(partition, row["next_offset"])
        self._unassigned = False
        self._lag_told = -math.inf

    async def _raise_epochs(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Record]:
        raised: dict[TopicPartition, Record] = {}
        async with self._db.begin(Scope.system()) as conn:
            for partition in partitions:
                row = await conn.fetchrow(
                    "INSERT INTO consumer_offsets AS o (consumer, topic, partition, epoch) VALUES ($1, $2, $3, 1)"
                    " ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = o.epoch + 1"
                    " RETURNING epoch, next_offset",
                    self._group,
                    partition.topic,
                    partition.partition,
                )
                assert row
                raised[partition] = row
        return raised

    def _topic(self, record: ConsumerRecord) -> str:
        return str(record.topic).removeprefix(self._prefix)

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        with BATCH_SECONDS.labels(self._group).time(), consuming(self._group, (_traceparent(r) for r in records)):
            await self._halve(records)
        for record in records:
            EVENTS_CONSUMED.labels(self._group, self._topic(record)).inc()
            self._places[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def _halve(self, records: Sequence[ConsumerRecord]) -> None:
        """Commit all at once, or else each half: what spoils a batch is found in few steps, and only that left out."""
        try:
            await self._commit(records)
        except Exception as error:
            if _to_wait_out(error):
                raise
            if len(records) == 1:
                await self._give_up(records[0], error)
                return
            log.warning("consumer.batch_failed", group=self._group, error=type(error).__name__, size=len(records))
            middle = len(records) // 2
            await self._halve(records[:middle])
            await self._halve(records[middle:])

    async def _commit(self, records: Sequence[ConsumerRecord]) -> None:
        envelopes = [decode(self._topic(r), r.key, r.value, r.headers) for r in records]
        async with self._db.begin(Scope.system()) as conn:
            await self._advance(conn, records)
            fresh = await self._unseen(conn, envelopes)
            if fresh:
                await self._handle(conn, fresh)

    async def _give_up(self, record: ConsumerRecord, error: Exception) -> None:
        reason = str(error) if isinstance(error, Undecodable) else f"{type(error).__name__}: {error}"
        log.error(
            "consumer.dead_letter",
            group=self._group,
            topic=record.topic,
            offset=record.offset,
            error=type(error).__name__,
        )
        async with self._db.begin(Scope.system()) as conn:
            await self._advance(conn, [record])
            letter = dead_letter(record, topic=self._topic(record), group=self._group, reason=reason)
            await outbox.publish(conn, [letter])
        EVENTS_DEAD.labels(self._group, self._topic(record)).inc()

    async def _advance(self, conn: Connection, records: Sequence[ConsumerRecord]) -> None:
        """Store the offsets behind these records first: the row locks keep a zombie out until we commit."""
        ends: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            ends[partition] = max(ends.get(partition, 0), record.offset + 1)
        ordered = sorted(ends)
        done = await conn.fetch(
            "UPDATE consumer_offsets o SET next_offset = n.next_offset"
            " FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[])"
            " AS n (topic, partition, next_offset, epoch)"
            " WHERE o.consumer = $1 AND o.topic = n.topic AND o.partition = n.partition AND o.epoch = n.epoch"
            " RETURNING 1",
            self._group,
            [p.topic for p in ordered],
            [p.partition for p in ordered],
            [ends[p] for p in ordered],
            [self._epochs.get(p, -1) for p in ordered],
        )
        if len(done) != len(ends):
            raise Fenced

    async def _unseen(self, conn: Connection, envelopes: list[Envelope]) -> list[Envelope]:
        rows = await conn.fetch(
            "INSERT INTO seen_events (event_id, consumer) SELECT DISTINCT e, $2 FROM unnest($1::uuid[]) AS e"
            " ON CONFLICT DO NOTHING RETURNING event_id",
            [e.id for e in envelopes],
            self._group,
        )
        new = {str(row["event_id"]) for row in rows}
        fresh = []
        for envelope in envelopes:
            if envelope.id in new:
                new.discard(envelope.id)
                fresh.append(envelope)
        EVENTS_DUPLICATE.labels(self._group).inc(len(envelopes) - len(fresh))
        return fresh

    def _tell_lag(self) -> None:
        """Tell at most once a second how many events wait, of the partitions that are ours and were asked for."""
        if not self._kafka or time.monotonic() - self._lag_told < _LAG_SECONDS:
            return
        self._lag_told = time.monotonic()
        waiting = dict.fromkeys(self._topics, 0)
        for partition in self._kafka.assignment():
            end, place = self._kafka.highwater(partition), self._places.get(partition)
            if end is not None and place is not None:
                waiting[partition.topic.removeprefix(self._prefix)] += max(0, end - place)
        for topic, count in waiting.items():
            CONSUMER_LAG.labels(self._group, topic).set(count)

    async def _prune(self) -> None:
        """Forget now and then the ids that can't come again: dead letters, which may be replayed, live 30 days."""
        if time.monotonic() - self._pruned < _PRUNE_SECONDS:
            return
        self._pruned = time.monotonic()
        async with self._db.begin(Scope.system()) as conn:
            await conn.execute(
                "DELETE FROM seen_events WHERE consumer = $1 AND seen_at < now() - interval '40 days'", self._group
            )


def _to_wait_out(error: Exception) -> bool:
    return isinstance(error, Fenced) or passing(error)


def _traceparent(record: ConsumerRecord) -> str | None:
    return next((value.decode(errors="replace") for name, value in record.headers if name == "traceparent"), None)
