"""Builds that are wrong on purpose, to see that the chaos finds them: `python -m tests.chaos.broken` serves one.

The product holds no switch for this: a process of the chaos runs uvicorn after something was taken out of the bus.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence

import uvicorn
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from shared.bus import outbox, relay
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope, decode, encode_headers
from shared.db import Connection, Database, Scope

# A kill must be able to come in between in a short run as in a long one.
_BETWEEN_SECONDS = float(os.environ.get("CHAOS_BETWEEN_SECONDS", "0.3"))
_tasks: set[asyncio.Task[None]] = set()


def offsets_before_results() -> None:
    """The offsets commit first, the results in a transaction of their own: a kill in between loses events."""

    async def commit(self: Consumer, records: Sequence[ConsumerRecord]) -> None:
        envelopes = [decode(self._topic(r), r.key, r.value, r.headers) for r in records]
        async with self._db.begin(Scope.system()) as conn:
            await self._advance(conn, records)
            fresh = await self._unseen(conn, envelopes)
        await asyncio.sleep(_BETWEEN_SECONDS)
        async with self._db.begin(Scope.system()) as conn:
            if fresh:
                await self._handle(conn, fresh)

    Consumer._commit = commit  # type: ignore[method-assign]


def outbox_off() -> None:
    """Events go to the outbox after the change committed, by themselves: a kill in between loses them."""
    opened: list[Database] = []
    publish, init = outbox.publish, Database.__init__

    def remember(self: Database, *told: object, **more: object) -> None:
        init(self, *told, **more)  # type: ignore[arg-type]
        opened.append(self)

    async def later(envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(_BETWEEN_SECONDS)
        async with opened[0].begin(Scope.system()) as conn:
            await publish(conn, envelopes)

    async def detached(conn: Connection, envelopes: Sequence[Envelope]) -> None:
        task = asyncio.create_task(later(list(envelopes)))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    Database.__init__ = remember  # type: ignore[method-assign]
    outbox.publish = detached


def relay_forgets() -> None:
    """The relay deletes what it sent before Kafka has it: a kill of broker or service in between loses events."""

    async def publish_batch(self: relay.Relay, conn: Connection, producer: AIOKafkaProducer) -> bool:
        rows = await conn.fetch("DELETE FROM outbox RETURNING *")
        await asyncio.sleep(_BETWEEN_SECONDS if rows else 0.0)
        for row in sorted(rows, key=lambda row: row["id"]):
            headers = encode_headers(
                id=str(row["event_id"]),
                source=row["source"],
                type=row["type"],
                time=row["time"],
                subject=row["subject"],
                traceparent=row["traceparent"],
            )
            value = None if row["data"] is None else row["data"].encode()
            await producer.send(self._prefix + row["topic"], key=row["key"].encode(), value=value, headers=headers)
        return bool(rows)

    relay.Relay._publish_batch = publish_batch  # type: ignore[method-assign]


def no_fence() -> None:
    """Whoever has a batch stores its offsets and results, the owner of the partition or not; seen ids don't count."""

    async def advance(self: Consumer, conn: Connection, records: Sequence[ConsumerRecord]) -> None:
        # Only who stands still before he holds a row's lock lets another overtake him.
        await asyncio.sleep(_BETWEEN_SECONDS)
        ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        for place in sorted(ends):
            await conn.execute(
                "UPDATE consumer_offsets SET next_offset = $4 WHERE consumer = $1 AND topic = $2 AND partition = $3",
                self._group,
                place.topic,
                place.partition,
                ends[place],
            )

    Consumer._advance = advance  # type: ignore[method-assign]
    no_dedup()


def no_dedup() -> None:
    """An event that comes again takes effect again."""

    async def unseen(self: Consumer, conn: Connection, envelopes: list[Envelope]) -> list[Envelope]:
        return envelopes

    Consumer._unseen = unseen  # type: ignore[method-assign]


BUILDS: Mapping[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "offsets-before-results": offsets_before_results,
    "outbox-off": outbox_off,
    "relay-forgets": relay_forgets,
    "no-fence": no_fence,
    "no-dedup": no_dedup,
}

if __name__ == "__main__":
    BUILDS[os.environ["CHAOS_BROKEN"]]()
    uvicorn.main()
