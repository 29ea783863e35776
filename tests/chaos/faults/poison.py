"""Records that nobody can read or handle: bytes, headers without sense, events without their fields, and huge ones."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from aiokafka import AIOKafkaProducer

from shared.bus.connection import connection
from shared.bus.envelope import Headers
from shared.contracts import alerts, power
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

POISONER = b"/chaos"
_HUGE = 900_000


def faults(stage: Stage) -> Iterator[Fault]:
    """One a topic of events."""
    for topic in (power.TOPIC, alerts.RAISED_TOPIC):
        yield Fault("poison", topic, partial(_strike, stage, topic))


@contextmanager
def _strike(stage: Stage, topic: str) -> Iterator[None]:
    # A broker that is away for the moment would have us not know what was written.
    with stage.hold(*(broker.name for broker in stage.brokers)):
        asyncio.run(_poison(stage, topic))
    yield


async def _poison(stage: Stage, topic: str) -> None:
    settings = stage.first.settings
    # Each is written once, whatever befalls the broker, so that we know where it lies.
    producer = AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True, max_request_size=2 * _HUGE)
    await producer.start()
    try:
        for value, headers in _draughts(topic):
            name = settings.kafka_topic_prefix + topic
            at = await producer.send_and_wait(name, key=b"330421103201", value=value, headers=headers)
            stage.poisoned.append((name, at.partition, at.offset))
    finally:
        await producer.stop()


def _draughts(topic: str) -> Iterator[tuple[bytes | None, Headers]]:
    kind = power.CaseOpened.TYPE if topic == power.TOPIC else alerts.AlertRaised.TYPE
    yield b"\x00\xff\xfe no JSON", []
    yield b"{}", _headers("no uuid", kind)
    yield b'{"case_id": 1}', _headers(str(uuid.uuid4()), kind)
    yield b"[1, 2]", _headers(str(uuid.uuid4()), kind)
    yield b'"' + b"\xe4\xba\x91" * (_HUGE // 3), _headers(str(uuid.uuid4()), kind)


def _headers(id: str, kind: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", POISONER),
        ("ce_type", kind.encode()),
        ("ce_time", b"2026-03-02T01:00:00+00:00"),
    ]
