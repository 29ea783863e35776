"""Kills services, broker and database at moments drawn from a seed, and starts them again."""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.db import SCHEMAS
from tests.system import System


class Server(Protocol):
    """What is no service of ours and can be killed all the same."""

    def start(self) -> str:
        """Start it and wait until it serves."""

    def kill(self) -> None:
        """kill -9."""


class Killer:
    """Strikes at least `wanted` times, each victim in turn."""

    def __init__(
        self, servers: Sequence[Server], *, seed: int, wanted: int, struck: Callable[[], None] = lambda: None
    ) -> None:
        self._servers = servers
        self._dice = random.Random(seed)
        self._wanted = wanted
        self._struck = struck
        self.kills = 0

    def rage(self, system: System, fed: threading.Event) -> None:
        """Go on while the history is being fed, and until all have been killed often enough."""
        victims: list[str | Server] = [*SCHEMAS, *self._servers]
        while self.kills < self._wanted or not fed.is_set():
            for victim in self._dice.sample(victims, len(victims)):
                fed.wait(self._dice.uniform(0.0, 0.6))
                self._strike(system, victim)

    def _strike(self, system: System, victim: str | Server) -> None:
        self.kills += 1
        self._struck()
        if isinstance(victim, str):
            system.kill(victim)
            system.start(victim)
        else:
            victim.kill()
            victim.start()
