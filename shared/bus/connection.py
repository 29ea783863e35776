"""How every client of ours reaches the brokers: their addresses, encryption and the account of the service."""

from typing import Any

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
