"""Events per second of a county's whole history through one detector: Kafka to committed alerts."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from deploy.demo.simulator import Simulation, Size, told_record
from shared.bus.envelope import Envelope, encode
from shared.contracts import power, reference
from shared.db import Database, Scope
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_REACH = 10_000
_SEED = 11
_EVENTS_PER_PLANTING = 40_000
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)


async def measure(ground: Ground, records: int) -> list[Figure]:
    """Publish a simulated county as approval's relay would, then let a fresh detector take it."""
    county = Simulation(
        seed=_SEED,
        size=Size(records, _UNTIL, planted=max(1, records // 40_000)),
        secret=ground.settings.identity_secret,
    )
    registers = county.records()
    await _publish(ground, (told_record(record) for record in registers))
    await ground.run("detector")
    for dataset in reference.DATASETS:
        await ground.drained("detector", reference.topic(dataset))
    ground.stop("detector")
    events = await _publish(ground, (envelope for _, envelope in county.events()))
    await ground.run("detector")
    before, began = await ground.consumed("detector"), time.perf_counter()
    await ground.drained("detector", power.TOPIC)
    seconds = time.perf_counter() - began
    alerts = await _alerts(ground)
    how = (
        f"{events} simulated events and {len(registers)} register records, {alerts} alerts, one detector process, "
        f"timed over the {events - before} events left when it was ready"
    )
    return [Figure("replay_events_per_s", round((events - before) / seconds, 1), "events/s", _REACH, how)]


async def _publish(ground: Ground, envelopes: Iterable[Envelope]) -> int:
    producer = AIOKafkaProducer(
        bootstrap_servers=ground.settings.kafka_bootstrap_servers, acks="all", compression_type="lz4", linger_ms=20
    )
    await producer.start()
    count = 0
    try:
        for envelope in envelopes:
            count += 1
            key, value, headers = encode(envelope)
            await producer.send(envelope.topic, key=key, value=value, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()
    return count


async def _alerts(ground: Ground) -> int:
    db = Database(ground.settings, "detector")
    await db.open()
    try:
        async with db.begin(Scope.system(), readonly=True) as conn:
            return int(await conn.fetchval("SELECT count(*) FROM findings"))
    finally:
        await db.close()
