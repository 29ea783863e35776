"""What the stage's consumers read, and the records of a topic."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.bus.connection import connection
from shared.db import Database, Scope
from shared.settings import Settings

_READ = "SELECT DISTINCT consumer, topic FROM consumer_offsets ORDER BY consumer, topic"


async def read_by(settings: Settings, services: Iterable[str]) -> dict[str, list[str]]:
    """The topics, prefix and all, of each consumer of these services."""
    found: dict[str, list[str]] = {}
    for service in services:
        db = Database(settings, service)
        await db.open()
        try:
            async with db.begin(Scope.system()) as conn:
                for row in await conn.fetch(_READ):
                    found.setdefault(row["consumer"], []).append(row["topic"])
        finally:
            await db.close()
    return found


async def records(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """All records of a topic as they lie there."""
    consumer = AIOKafkaConsumer(topic, **connection(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = consumer.assignment()
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: list[ConsumerRecord] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for some in (await consumer.getmany(timeout_ms=500)).values():
                found += some
        return found
    finally:
        await consumer.stop()
