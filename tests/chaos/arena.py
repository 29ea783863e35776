"""What `make chaos` runs on: three brokers, a database, lines that can be cut, and disks that can be filled."""

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deploy.local import processes
from deploy.local.environment import CLIENT_ID
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.prepare import prepare
from shared.db import SCHEMAS
from shared.settings import Settings
from tests.chaos.brokers import brokers, start_all
from tests.chaos.stage import Stage
from tests.chaos.wire import Exchange, Wire
from tests.system import System

_ISSUER = "http://issuer.chaos"
_HOURS = 12
_MEGABYTES = {"PostgreSQL": 1500, "data": 64}
_MEGABYTES_OF_A_BROKER = 800
# What dies here is a process, never the machine; the log must fit on the disk that can be filled.
_TUNING = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


class Arena:
    """A stage of its own, in a folder that is removed at the end; what its services said stays in `logs`.

    `broken` names the broken build that runs.
    """

    def __init__(self, logs: Path, *, copies: int = 3, broken: str = "") -> None:
        self._logs = logs
        self._over = ExitStack()
        self._copies = copies
        self._broken = broken
        self._key = RSAKey.generate_key(2048, {"kid": "chaos", "use": "sig", "alg": "RS256"})
        self.stage: Stage

    async def __aenter__(self) -> Self:
        try:
            self.stage = await self._made()
        except BaseException:
            self._over.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.close()

    def token(self, *grants: str) -> str:
        """A token with these grants."""
        claims = {"iss": _ISSUER, "aud": CLIENT_ID, "sub": "chaos", "name": "变故", "groups": list(grants)}
        return jwt.encode(
            {"alg": "RS256", "kid": "chaos"}, claims | {"exp": int(time.time()) + _HOURS * 3600}, self._key
        )

    async def _made(self) -> Stage:
        folder = Path(self._over.enter_context(TemporaryDirectory(prefix="yunjing-chaos-", ignore_cleanup_errors=True)))
        shutil.rmtree(self._logs, ignore_errors=True)
        hands = self._over.enter_context(ThreadPoolExecutor(32))
        exchange = Exchange()
        self._over.callback(exchange.close)
        disks = self._disks(folder)
        nodes, wires = self._brokers(folder, exchange)
        postgres = Postgres(folder / "PostgreSQL", tuning=_TUNING)
        self._over.callback(postgres.stop)
        database_url = postgres.start()
        start_all(nodes, hands)
        settings = self._settings(database_url, nodes, folder / "data")
        own = self._own(settings, nodes, wires, postgres, exchange)
        await prepare(settings)
        program = "tests.chaos.broken" if self._broken else "uvicorn"
        first, second = (System(settings, self._logs / name, own=own, program=program) for name in ("first", "second"))
        for system in (second, first):
            self._over.callback(system.stop)
        lines = {f"{name} - {far}": some for (name, far), some in wires.items()}
        (versions := folder / "versions").mkdir()
        return Stage(hands, first, second, nodes, postgres, exchange, lines, disks, own, versions)

    def _disks(self, folder: Path) -> dict[str, Path]:
        """A small disk for each server and for the files, where we may mount: root may."""
        names = {f"Kafka {n}": _MEGABYTES_OF_A_BROKER for n in range(1, self._copies + 1)} | _MEGABYTES
        for name in names:
            (folder / name).mkdir()
        if os.geteuid() != 0:
            return {}
        disks = {}
        for name, size in names.items():
            made = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0711", "yunjing-chaos", str(folder / name)],
                capture_output=True,
                check=False,
            )
            if made.returncode == 0:
                disks[name] = folder / name
                self._over.callback(subprocess.run, ["umount", "-l", str(folder / name)], check=False)
        return disks

    def _brokers(self, folder: Path, exchange: Exchange) -> tuple[list[Kafka], dict[tuple[str, str], list[Wire]]]:
        wires: dict[tuple[str, str], list[Wire]] = {}
        doors: list[dict[str, tuple[int, int]]] = []
        for _ in range(self._copies):
            door = {}
            for service in SCHEMAS:
                wire = exchange.wire(port := processes.free_port())
                wires.setdefault((service, "brokers"), []).append(wire)
                door[service] = (port, wire.port)
            doors.append(door)
        nodes = brokers([folder / f"Kafka {n}" for n in range(1, self._copies + 1)], doors)
        for node in nodes:
            self._over.callback(node.kill)
        return nodes, wires

    def _own(
        self,
        settings: Settings,
        nodes: list[Kafka],
        wires: dict[tuple[str, str], list[Wire]],
        postgres: Postgres,
        exchange: Exchange,
    ) -> dict[str, dict[str, str]]:
        """Each service reaches the servers by its own wires only."""
        own = {}
        for service in SCHEMAS:
            wire = exchange.wire(postgres.port)
            url = urlsplit(settings.database_url)
            login = url.netloc.rpartition("@")[0]
            own[service] = {
                "DATABASE_URL": urlunsplit(url._replace(netloc=f"{login}@{processes.HOST}:{wire.port}")),
                "KAFKA_BOOTSTRAP_SERVERS": ",".join(
                    f"{processes.HOST}:{each.port}" for each in wires[service, "brokers"]
                ),
                "CHAOS_BROKEN": self._broken,
            }
            wires[service, "database"] = [wire]
        return own

    def _settings(self, database_url: str, nodes: list[Kafka], data_dir: Path) -> Settings:
        return Settings(
            database_url=database_url,
            kafka_bootstrap_servers=",".join(node.bootstrap for node in nodes),
            kafka_replication=self._copies,
            identity_secret="identity-secret-of-the-chaos",
            session_secret="session-secret-of-the-chaos",
            paper_log_key="ca" * 32,
            oidc_issuer=_ISSUER,
            oidc_jwks=json.dumps(KeySet([self._key]).as_dict(private=False)),
            oidc_client_id=CLIENT_ID,
            data_dir=data_dir,
        )
