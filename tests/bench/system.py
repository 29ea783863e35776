"""A system of its own for measuring: database, broker, and the services as processes, with tokens signed here."""

import asyncio
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deploy.local import processes
from deploy.local.environment import CLIENT_ID, port_variable, url
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.service import Service
from shared import db
from shared.bus import topics
from shared.contracts import power
from shared.settings import Settings

_ISSUER = "http://issuer.bench"
_HOURS = 6
_STALLED_SECONDS = 120.0


class System:
    """Everything on this machine, in a folder that is removed at the end."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="yunjing-bench-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._postgres = Postgres(self.path / "postgres")
        self._kafka = Kafka(self.path / "kafka")
        self._key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
        self._services: dict[str, Service] = {}
        self.settings: Settings

    async def __aenter__(self) -> Self:
        for service in db.SCHEMAS:
            os.environ[port_variable(service)] = str(processes.free_port())
        database_url, brokers = await asyncio.gather(
            asyncio.to_thread(self._postgres.start), asyncio.to_thread(self._kafka.start)
        )
        self.settings = Settings(
            database_url=database_url,
            kafka_bootstrap_servers=brokers,
            identity_secret="identity-secret-of-the-bench",
            session_secret="session-secret-of-the-bench",
            oidc_issuer=_ISSUER,
            oidc_jwks=json.dumps(KeySet([self._key]).as_dict(private=False)),
            oidc_client_id=CLIENT_ID,
            data_dir=self.path / "data",
            approval_url=url("approval"),
            detector_url=url("detector"),
            notifier_url=url("notifier"),
            disclosure_url=url("disclosure"),
        )
        await db.provision(self.settings)
        for schema in db.SCHEMAS:
            await db.migrate(self.settings, schema)
        await topics.create(brokers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._services.values():
            service.stop()
        self._kafka.stop()
        self._postgres.stop()
        self._folder.cleanup()

    async def run(self, *names: str) -> None:
        """Start services that don't run yet and wait until they are ready."""
        new = [name for name in names if name not in self._services]
        for name in new:
            self._services[name] = Service(name, self._environment(), self.path / "logs")
            self._services[name].start()
        for name in new:
            await asyncio.to_thread(self._services[name].await_ready)

    async def stop(self, name: str) -> None:
        """End a service."""
        await asyncio.to_thread(self._services.pop(name).stop)

    def client(self, service: str, *grants: str) -> httpx.AsyncClient:
        """A client of a service, signed in with these grants, or a visitor without any."""
        headers = {"authorization": f"Bearer {self._token(grants)}"} if grants else {}
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        return httpx.AsyncClient(base_url=url(service), headers=headers, timeout=60, trust_env=False, limits=limits)

    async def consumed(self, schema: str, topic: str = power.TOPIC) -> int:
        """How many records of a topic a service has taken, by its own committed offsets."""
        database = db.Database(self.settings, schema)
        conn = await database.dedicated()
        try:
            return int(
                await conn.fetchval(
                    "SELECT coalesce(sum(next_offset), 0) FROM consumer_offsets WHERE topic = $1", topic
                )
            )
        finally:
            await conn.close()

    async def drained(self, schema: str, topic: str = power.TOPIC) -> None:
        """Wait until a service has taken all of a topic; raises `TimeoutError` when it makes no progress."""
        end, seen, moved = await self._end(topic), -1, time.monotonic()
        while (now := await self.consumed(schema, topic)) < end:
            if now != seen:
                seen, moved = now, time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise TimeoutError(f"{schema} stopped at {now} of {end} in {topic}")
            await asyncio.sleep(0.05)

    async def _end(self, topic: str) -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await consumer.start()
        try:
            parts = [TopicPartition(topic, number) for number in range(topics.PARTITIONS)]
            return sum((await consumer.end_offsets(parts)).values())
        finally:
            await consumer.stop()

    def _environment(self) -> dict[str, str]:
        values = self.settings.model_dump(mode="json", exclude_none=True)
        return os.environ | {name.upper(): str(value) for name, value in values.items()}

    def _token(self, grants: tuple[str, ...]) -> str:
        claims = {"iss": _ISSUER, "aud": CLIENT_ID, "sub": "bench", "name": "测速", "groups": list(grants)}
        return jwt.encode(
            {"alg": "RS256", "kid": "bench"}, claims | {"exp": int(time.time()) + _HOURS * 3600}, self._key
        )
