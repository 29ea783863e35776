"""Alerts as the detector publishes them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from shared.bus.envelope import Envelope, encode
from shared.contracts.alerts import RAISED_TOPIC, Alert, AlertRaised
from tests.bench.ground import Ground


async def publish(ground: Ground, alerts: Sequence[Alert]) -> None:
    """Raise them through the broker; returns when it has them all."""
    now = datetime.now(UTC)
    records = [
        encode(Envelope.of(raised(one), source="/detector", topic=RAISED_TOPIC, key=one.alert_id, time=now))
        for one in alerts
    ]
    producer = AIOKafkaProducer(
        bootstrap_servers=ground.settings.kafka_bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=0
    )
    await producer.start()
    try:
        topic = ground.settings.kafka_topic_prefix + RAISED_TOPIC
        for sent in [
            await producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records
        ]:
            await sent
    finally:
        await producer.stop()


def raised(alert: Alert) -> AlertRaised:
    """The event that raises an alert."""
    return AlertRaised(**alert.model_dump())
