"""What figures are measured on: a database, a broker and services of its own, with tokens signed here."""

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deploy.local.environment import CLIENT_ID
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.prepare import prepare
from shared import db
from shared.bus import topics
from shared.bus.envelope import Envelope, encode
from shared.contracts import power
from shared.settings import Settings
from tests.bench import profiled
from tests.system import System

_ISSUER = "http://issuer.bench"
_HOURS = 6
_STALLED_SECONDS = 120.0
# A server closes what is idle for five seconds; a client must not send into it just then.
_IDLE_SECONDS = 2.0
LIMITS = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)


class Ground:
    """Everything on this machine, in a folder that is removed at the end; services leave profiles in `profiles`."""

    def __init__(self, profiles: Path | None = None) -> None:
        self._profiles = profiles
        self._folder = TemporaryDirectory(prefix="yunjing-bench-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name)
        self._postgres = Postgres(self._path / "postgres")
        self._kafka = Kafka(self._path / "kafka")
        self._key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
        self._running: set[str] = set()
        self.system: System

    async def __aenter__(self) -> Self:
        database_url, brokers = await asyncio.gather(
            asyncio.to_thread(self._postgres.start), asyncio.to_thread(self._kafka.start)
        )
        settings = Settings(
            database_url=database_url,
            kafka_bootstrap_servers=brokers,
            identity_secret="identity-secret-of-the-bench",
            session_secret="session-secret-of-the-bench",
            paper_log_key="be" * 32,
            oidc_issuer=_ISSUER,
            oidc_jwks=json.dumps(KeySet([self._key]).as_dict(private=False)),
            oidc_client_id=CLIENT_ID,
            data_dir=self._path / "data",
        )
        self.system = System(settings, self._path, **self._profiled())
        await prepare(self.settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.system.stop()
        self._kafka.stop()
        self._postgres.stop()
        self._folder.cleanup()

    def _profiled(self) -> dict[str, Any]:
        if self._profiles is None:
            return {}
        folder = {profiled.FOLDER: str(self._profiles)}
        return {"program": profiled.__name__, "own": dict.fromkeys(db.SCHEMAS, folder)}

    @property
    def settings(self) -> Settings:
        """What the services run with."""
        return self.system.settings

    async def run(self, *names: str) -> None:
        """Start services that don't run yet and wait until they are ready."""
        for name in names:
            if name not in self._running:
                await asyncio.to_thread(self.system.start, name)
                self._running.add(name)

    async def restart(self, name: str, **changed: object) -> None:
        """Start a service, anew where it runs, with these settings changed for it and all that start later."""
        self.stop(name)
        self.system.settings = self.settings.model_copy(update=changed)
        await self.run(name)

    def stop(self, name: str) -> None:
        """End a service at once, if it runs; it loses nothing."""
        if name in self._running:
            self.system.kill(name)
            self._running.remove(name)

    def client(self, service: str, *grants: str) -> httpx.AsyncClient:
        """A client of a service, signed in with these grants, or a visitor without any."""
        headers = {"authorization": f"Bearer {self.token(*grants)}"} if grants else {}
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=_IDLE_SECONDS)
        return httpx.AsyncClient(
            base_url=self.system.url(service), headers=headers, timeout=60, trust_env=False, limits=limits
        )

    async def consumed(self, schema: str, topic: str = power.TOPIC, *, consumer: str | None = None) -> int:
        """How many records of a topic a service has taken, by the committed offsets of the consumer of its name."""
        database = db.Database(self.settings, schema)
        conn = await database.dedicated()
        try:
            return int(
                await conn.fetchval(
                    "SELECT coalesce(sum(next_offset), 0) FROM consumer_offsets WHERE topic = $1 AND consumer = $2",
                    topic,
                    consumer or schema,
                )
            )
        finally:
            await conn.close()

    async def drained(self, schema: str, topic: str = power.TOPIC, *, consumer: str | None = None) -> None:
        """Wait until a service has taken all of a topic; raises `TimeoutError` when it makes no progress."""
        end, seen, moved = await self._end(topic), -1, time.monotonic()
        while (now := await self.consumed(schema, topic, consumer=consumer)) < end:
            if now != seen:
                seen, moved = now, time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise TimeoutError(f"{schema} stopped at {now} of {end} in {topic}")
            await asyncio.sleep(0.05)

    async def until(self, query: str) -> None:
        """Wait until the database answers a query with true; raises `TimeoutError`."""
        conn = await asyncpg.connect(self.settings.database_url)
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                while True:
                    if await conn.fetchval(query):
                        return
                    await asyncio.sleep(0.05)
        finally:
            await conn.close()

    def broker_bytes(self) -> int:
        """How much the broker's log holds on disk, all topics together."""
        return sum(path.stat().st_size for path in (self._path / "kafka" / "data").glob("*/*.log"))

    async def publish(self, envelopes: Iterable[Envelope]) -> int:
        """Publish events as a relay would; returns how many."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, acks="all", compression_type="lz4", linger_ms=20
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

    async def _end(self, topic: str) -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await consumer.start()
        try:
            parts = [TopicPartition(topic, number) for number in range(topics.partitions(topic))]
            return sum((await consumer.end_offsets(parts)).values())
        finally:
            await consumer.stop()

    @property
    def servers(self) -> tuple[Kafka, Postgres]:
        """The broker and the database."""
        return self._kafka, self._postgres

    def token(self, *grants: str, subject: str = "bench") -> str:
        """A token with these grants."""
        claims = {"iss": _ISSUER, "aud": CLIENT_ID, "sub": subject, "name": "测速", "groups": list(grants)}
        return jwt.encode(
            {"alg": "RS256", "kid": "bench"}, claims | {"exp": int(time.time()) + _HOURS * 3600}, self._key
        )
