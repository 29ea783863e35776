"""Events that commit with the change they tell of; the relay brings them to Kafka."""

from collections.abc import Sequence

import orjson

from shared.bus.envelope import Envelope
from shared.bus.topics import largest
from shared.db import Connection

_INSERT = """
WITH put AS (
    INSERT INTO outbox (event_id, topic, key, type, source, subject, time, traceparent, data)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                         $7::timestamptz[], $8::text[], $9::text[]))
SELECT pg_notify(current_schema() || '.outbox', '')
"""


class EventTooLarge(Exception):
    """An event that Kafka would refuse: it must not commit, or everything behind it would wait for it."""


async def publish(conn: Connection, envelopes: Sequence[Envelope]) -> None:
    """Put events into the outbox within the caller's transaction, in their order, and wake the relay at commit.

    Raises `EventTooLarge`, which undoes the transaction.
    """
    if not envelopes:
        return
    values = [None if e.data is None else orjson.dumps(e.data) for e in envelopes]
    for envelope, value in zip(envelopes, values, strict=True):
        if value and len(value) > largest(envelope.topic):
            raise EventTooLarge(f"{envelope.type} {envelope.id} has {len(value)} bytes")
    await conn.execute(
        _INSERT,
        [e.id for e in envelopes],
        [e.topic for e in envelopes],
        [e.key for e in envelopes],
        [e.type for e in envelopes],
        [e.source for e in envelopes],
        [e.subject for e in envelopes],
        [e.time for e in envelopes],
        [e.traceparent for e in envelopes],
        [value.decode() if value else None for value in values],
    )
