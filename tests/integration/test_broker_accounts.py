"""A county's brokers ask for TLS and an account: an event goes its whole way, and nobody without the word gets in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local.kafka import Kafka
from deploy.local.processes import HOST, free_port
from shared.bus import dlq, outbox, topics
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope
from shared.bus.relay import Relay
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.integration.test_bus import running

_BROKER = """
listeners=SECURE://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=SECURE://{host}:{port}
controller.quorum.voters=1@{host}:{controller}
listener.security.protocol.map=SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SECURE
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN
ssl.keystore.type=PEM
ssl.keystore.location={pem}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="broker" password="between brokers" user_broker="between brokers" user_detector="word of the detector";
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key with its own certificate for this machine, and the certificate alone for those who shall trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka.county.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (both := folder / "broker.pem").write_bytes(key.private_bytes(*form) + signed)
    (alone := folder / "ca.pem").write_bytes(signed)
    return both, alone


@pytest.fixture
async def guarded(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """The county at a broker that lets nobody in unknown."""
    pem, ca = certificate(tmp_path)
    port = free_port()
    broker = Kafka(
        tmp_path / "kafka",
        port,
        more=_BROKER.format(host=HOST, port=port, controller=free_port(), pem=pem, ca=ca),
    )
    broker.start()
    told = {
        "kafka_bootstrap_servers": broker.bootstrap,
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_username": "detector",
        "kafka_password": "word of the detector",
        "kafka_ca_file": ca,
    }
    yield settings.model_copy(update=told)
    broker.stop()


@pytest.mark.without_broker
async def test_an_account_and_tls_are_enough_and_needed(guarded: Settings) -> None:
    await topics.create(guarded)
    db = Database(guarded, "detector")
    await db.open()
    event = Envelope(
        id="0b9d2f0e-3d0c-5c7e-9f0a-6a3a35c7d0a1",
        source="/test",
        type="test.v1",
        time=datetime(2026, 3, 2, 1, tzinfo=UTC),
        key="330421103201",
        topic="power.events",
        data={"n": 1},
    )
    came: list[Envelope] = []

    async def handle(_: Connection, batch: list[Envelope]) -> None:
        came.extend(batch)
        raise ValueError("not to be handled")

    async with db.begin(Scope.system()) as conn:
        await outbox.publish(conn, [event])
    consumer = Consumer(db, guarded, group="detector", topics=["power.events"], handle=handle)
    async with running(Relay(db, guarded).run, consumer.run):
        topic = f"{guarded.kafka_topic_prefix}power.events"
        ((_, _, letter),) = await eventually(lambda: dlq.read(guarded, topic))
    await db.close()
    assert came[0].id == event.id
    assert "not to be handled" in letter["reason"]
    for stranger in ({"kafka_password": "guessed"}, {"kafka_security_protocol": "PLAINTEXT"}):
        with pytest.raises(KafkaConnectionError):
            await topics.create(guarded.model_copy(update=stranger))


def test_an_account_is_asked_for_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="KAFKA_USERNAME"):
        Settings(
            database_url="postgresql://unused",
            kafka_bootstrap_servers="unused",
            kafka_security_protocol="SASL_SSL",
            identity_secret="identity-secret-of-the-tests",
            session_secret="session-secret-of-the-tests",
            oidc_issuer="http://issuer.test",
        )
