"""Brings servers that died back to life, each at its own growing intervals."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from deploy.local.faults import Fault

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LOOK_EVERY = 0.2


class Server(Protocol):
    """What can be watched."""

    name: str

    @property
    def running(self) -> bool:
        """Whether its process lives."""

    def start(self) -> object:
        """Start it; raises a `Fault`."""


class Supervisor:
    """Watches servers; one that keeps dying is tried ever more rarely, up to every 30 s."""

    def __init__(self, servers: Sequence[Server], say: Callable[[str], None]) -> None:
        self._servers = servers
        self._say = say
        self._pauses: dict[str, float] = {}
        self._not_before: dict[str, float] = {}

    def watch(self) -> None:
        """Watch until interrupted."""
        while True:
            self.look()
            time.sleep(_LOOK_EVERY)

    def look(self) -> None:
        """One look at each server, in their order."""
        now = time.monotonic()
        for server in self._servers:
            if not server.running and now >= self._not_before.get(server.name, 0.0):
                self._revive(server, now)

    def _revive(self, server: Server, now: float) -> None:
        died_at_once = now - self._not_before.get(server.name, float("-inf")) < _LONGEST_PAUSE
        pause = min(self._pauses.get(server.name, _FIRST_PAUSE) * 2, _LONGEST_PAUSE) if died_at_once else _FIRST_PAUSE
        self._pauses[server.name] = pause
        self._not_before[server.name] = now + pause
        self._say(f"{server.name} 已退出,正在重新启动 · {server.name} ended, starting it again")
        try:
            server.start()
        except Fault as fault:
            self._say(f"{fault.zh} · {fault.en}")
