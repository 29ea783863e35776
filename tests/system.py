"""The four services as processes of their own: what the chaos tests, the journeys and the bench run against."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx

from deploy.local import processes
from shared.db import SCHEMAS
from shared.settings import Settings


class System:
    """Services on free ports over the database and broker of `settings`; `factories` says what makes each."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        own: Mapping[str, Mapping[str, str]] | None = None,
        program: str = "uvicorn",
    ) -> None:
        self._folder = folder
        self._own = own or {}
        self._program = program
        self._ports = {service: processes.free_port() for service in SCHEMAS}
        urls = {f"{service}_url": self.url(service) for service in SCHEMAS}
        self.settings = settings.model_copy(update={"rate_limits": False, **urls})
        self.factories = {service: f"services.{service}.app:create" for service in SCHEMAS}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def port(self, service: str) -> int:
        """Where a service listens."""
        return self._ports[service]

    def url(self, service: str) -> str:
        """Where a service answers."""
        return f"http://{processes.HOST}:{self._ports[service]}"

    def pid(self, service: str) -> int:
        """The process of a running service."""
        return self._running[service].pid

    def start(self, *services: str) -> None:
        """Start services (all when none is named) and wait until each is ready."""
        for service in services or SCHEMAS:
            self._running[service] = processes.start(
                [
                    sys.executable,
                    "-m",
                    self._program,
                    "--factory",
                    self.factories[service],
                    "--port",
                    str(self._ports[service]),
                    "--no-access-log",
                ],
                log=self.log(service),
                env=os.environ | as_environment(self.settings) | dict(self._own.get(service, {})),
            )
        for service in services or SCHEMAS:
            look = partial(_ready, self.url(service))
            processes.await_ready(self._running[service], look, name=service, log=self.log(service))

    def kill(self, service: str) -> None:
        """kill -9."""
        processes.kill(self._running.pop(service))

    def freeze(self, service: str) -> None:
        """SIGSTOP: it holds all it has and does nothing, until it is thawed."""
        os.kill(self.pid(service), signal.SIGSTOP)

    def thaw(self, service: str) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        os.kill(self.pid(service), signal.SIGCONT)

    def end(self, service: str, within: float) -> None:
        """SIGTERM; raises `subprocess.TimeoutExpired` when it doesn't end by itself."""
        process = self._running[service]
        process.terminate()
        process.wait(within)
        processes.kill(self._running.pop(service))

    def stop(self) -> None:
        """End all that runs."""
        for process in self._running.values():
            processes.stop(process)
        self._running.clear()

    def log(self, service: str) -> Path:
        """What a service said."""
        return self._folder / f"{service}.log"


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as variables of a process."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {name.upper(): str(value) for name, value in values.items()}


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
