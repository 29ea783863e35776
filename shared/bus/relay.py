"""From outbox to Kafka: in order per key, `acks=all`, idempotent, woken by NOTIFY.

Rows are deleted once Kafka has them, so an id that was taken early and commits late is simply found on the next look.
A relay killed between Kafka's answer and the deletion publishes again; consumers leave out ids they have seen.
"""

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.background import woken
from shared.bus import topics
from shared.bus.connection import connection
from shared.bus.envelope import encode_headers
from shared.db import DATABASE_FAULTS, Connection, Database
from shared.settings import Settings
from shared.telemetry import EVENTS_PUBLISHED, OUTBOX_WAITING, logger

BATCH = 2000
_HEADROOM = 64 * 1024
_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 0.5
# A working relay asks every second; one that stands still is not waited for.
_SILENT_MS = 10_000
_TAKE = """
SELECT id, event_id, topic, key, type, source, subject, time, traceparent, data
FROM outbox ORDER BY id LIMIT $1
"""
log = logger("relay")


class Relay:
    """Publishes one service's outbox. Of several instances one works, chosen by an advisory lock."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._broker = connection(settings)
        self._prefix = settings.kafka_topic_prefix
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled; a fault of broker or database is waited out."""
        while True:
            try:
                await self._run_once()
            except (KafkaError, *DATABASE_FAULTS) as error:
                log.warning("relay.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _run_once(self) -> None:
        conn = await self._db.dedicated()
        producer = AIOKafkaProducer(
            **self._broker,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            compression_type="lz4",
            max_request_size=topics.LARGEST_LETTER + _HEADROOM,
        )
        try:
            await producer.start()
            await conn.add_listener(f"{self._db.schema}.outbox", lambda *_: self._woken.set())
            await conn.execute(f"SET idle_session_timeout = {_SILENT_MS}")
            await conn.execute("SELECT pg_advisory_lock(hashtext('relay'), hashtext($1))", self._db.schema)
            while True:
                self._woken.clear()
                if not await self._publish_batch(conn, producer):
                    await woken(self._woken, _IDLE_SECONDS)
        finally:
            await producer.stop()
            await conn.close()

    async def _publish_batch(self, conn: Connection, producer: AIOKafkaProducer) -> bool:
        """Publish what has committed; whether there may be more, of which no notice is to come."""
        rows = await conn.fetch(_TAKE, BATCH)
        OUTBOX_WAITING.labels(self._db.schema).set(len(rows))
        if not rows:
            return False
        sent = [
            await producer.send(
                self._prefix + row["topic"],
                key=row["key"].encode(),
                value=None if row["data"] is None else row["data"].encode(),
                headers=encode_headers(
                    id=str(row["event_id"]),
                    source=row["source"],
                    type=row["type"],
                    time=row["time"],
                    subject=row["subject"],
                    traceparent=row["traceparent"],
                ),
            )
            for row in rows
        ]
        await asyncio.gather(*sent)
        await conn.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        for topic in {row["topic"] for row in rows}:
            EVENTS_PUBLISHED.labels(topic).inc(sum(row["topic"] == topic for row in rows))
        return len(rows) == BATCH
