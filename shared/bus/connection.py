"""How every client of ours reaches the brokers: their addresses, encryption and the account of the service."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.helpers import create_ssl_context

from shared.settings import Settings


def connection(settings: Settings) -> dict[str, Any]:
    """The arguments of a Kafka client; raises `OSError` when a certificate file can't be read."""
    told: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        told["ssl_context"] = create_ssl_context(
            cafile=settings.kafka_ca_file, certfile=settings.kafka_cert_file, keyfile=settings.kafka_key_file
        )
    if settings.kafka_security_protocol.startswith("SASL"):
        told |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
    return told


async def let_go(kafka: AIOKafkaConsumer) -> None:
    """Leave the group and close the connections.

    aiokafka cancels its own fetches and, where one waits to be tried again (a broker died just now), raises that at
    whoever stops it: a cancellation that nobody asked our task for isn't ours, and would end its work for ever.
    """
    try:
        await kafka.stop()
    except asyncio.CancelledError:
        ours = asyncio.current_task()
        if ours and ours.cancelling():
            raise
        await kafka._client.close()
