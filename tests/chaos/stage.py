"""All that runs and can be struck: services, brokers, the database, the lines between them and their disks."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.faults import ServerFailed
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from shared.db import SCHEMAS
from tests.chaos.timeline import Timeline
from tests.chaos.wire import Exchange, Wire
from tests.system import System

CONSUMING = ("detector", "notifier", "disclosure")
_PATIENCE = 180.0


@dataclass
class Stage:
    """A system with what a fault may lay hands on; `second` are further instances of its services, none at first."""

    # Whatever is started by a thread ends with it: these live as long as the stage.
    hands: Executor
    first: System
    second: System
    brokers: Sequence[Kafka]
    postgres: Postgres | None = None
    exchange: Exchange | None = None
    wires: Mapping[str, Sequence[Wire]] = field(default_factory=dict)
    disks: Mapping[str, Path] = field(default_factory=dict)
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    # Where further versions of the services may be laid.
    versions: Path | None = None
    # How much of the history has been sent: 0 to 1.
    fed: float = 0.0
    timeline: Timeline = field(default_factory=Timeline)
    # Topic, partition and offset of each record that nobody can read.
    poisoned: list[tuple[str, int, int]] = field(default_factory=list)
    _holds: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    @property
    def servers(self) -> dict[str, Kafka | Postgres]:
        """The brokers and the database by their names."""
        every: list[Kafka | Postgres] = [*self.brokers, *([self.postgres] if self.postgres else [])]
        return {server.name: server for server in every}

    @contextmanager
    def hold(self, *names: str) -> Iterator[None]:
        """Have some to ourselves: two faults at once may not both stop and start the same process."""
        with ExitStack() as holds:
            for name in sorted(names):
                holds.enter_context(self._holds[name])
            yield

    def kill(self, name: str) -> None:
        """kill -9."""
        if name in SCHEMAS:
            self.first.kill(name)
        else:
            self.servers[name].kill()

    def revive(self, name: str) -> None:
        """Start it until it serves: who watches over processes does so when it ends because another is away."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._start(name)
                return
            except ServerFailed:
                if time.monotonic() > deadline:
                    raise
                self.kill(name)

    def _start(self, name: str) -> None:
        if name in SCHEMAS:
            self.first.start(name)
        else:
            self.servers[name].start()
