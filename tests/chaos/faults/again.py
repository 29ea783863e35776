"""Records that are on a topic already come again, in another order."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from aiokafka import AIOKafkaProducer

from shared.bus.connection import connection
from shared.contracts import alerts, power
from shared.settings import Settings
from tests.chaos.fault import Fault
from tests.chaos.faults.poison import POISONER
from tests.chaos.faults.topics import records
from tests.chaos.stage import Stage

_MOST = 500
# At the begin of a run nothing lies there yet that could come again.
_PATIENCE, _LOOK_SECONDS = 30.0, 0.3
_FOREIGN = (None, POISONER)


def faults(stage: Stage) -> Iterator[Fault]:
    """One a topic of events."""
    for topic in (power.TOPIC, alerts.RAISED_TOPIC, alerts.LIFECYCLE_TOPIC):
        yield Fault("again", topic, partial(_strike, stage, topic))


@contextmanager
def _strike(stage: Stage, topic: str) -> Iterator[None]:
    # A broker that is away for the moment would have us not know what was written.
    with stage.hold(*(broker.name for broker in stage.brokers)):
        deadline = time.monotonic() + _PATIENCE
        while not asyncio.run(_publish_again(stage.first.settings, topic)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
    yield


async def _publish_again(settings: Settings, topic: str) -> int:
    name = settings.kafka_topic_prefix + topic
    # As a relay published them: what came again before needs not come a third time, and no poison comes twice.
    ours = [record for record in await records(settings, name) if dict(record.headers).get("ce_source") not in _FOREIGN]
    once = {dict(record.headers)["ce_id"]: record for record in ours}
    some = list(once.values())[-_MOST:]
    random.Random(topic).shuffle(some)
    producer = AIOKafkaProducer(**connection(settings), acks="all")
    await producer.start()
    try:
        sent = [await producer.send(name, key=r.key, value=r.value, headers=list(r.headers)) for r in some]
        await asyncio.gather(*sent)
        return len(sent)
    finally:
        await producer.stop()
