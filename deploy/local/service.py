"""One of our four services as a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local import processes
from deploy.local.environment import port, url


class Service:
    """A service under uvicorn on its port."""

    def __init__(self, name: str, env: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self._env = env
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it without waiting."""
        factory = f"services.{self.name}.app:create"
        where = ["--host", processes.HOST, "--port", str(port(self.name))]
        self._process = processes.start(
            [sys.executable, "-m", "uvicorn", "--factory", factory, *where, "--no-access-log"],
            log=self._log,
            env=self._env,
        )

    def await_ready(self) -> None:
        """Wait until it can serve; raises `ServerFailed`."""
        assert self._process, "start() first"
        processes.await_ready(self._process, self._ready, name=self.name, log=self._log)

    def stop(self) -> None:
        """End it."""
        if self._process:
            processes.stop(self._process)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{url(self.name)}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
