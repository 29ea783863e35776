"""Which fault was on when, and what the client was answered meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.fault import Fault


@dataclass
class Strike:
    """One fault from its begin to its end, in seconds since the run began."""

    fault: Fault
    began: float
    ended: float | None = None


@dataclass
class Timeline:
    """What happened, in order; used from several threads."""

    strikes: list[Strike] = field(default_factory=list)
    # When each case was sent first, and when it was answered.
    cases: dict[str, tuple[float, float]] = field(default_factory=dict)
    answers: list[tuple[float, int, str]] = field(default_factory=list)
    _zero: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._zero

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        """Note that a fault is on."""
        strike = Strike(fault, self.now())
        with self._lock:
            self.strikes.append(strike)
        yield
        strike.ended = self.now()

    def on(self, began: float, ended: float) -> list[Strike]:
        """The faults that were on at any moment between two."""
        return [s for s in self.strikes if s.began <= ended and (s.ended is None or s.ended >= began)]

    def lines(self) -> Iterator[str]:
        """The timeline to be read: when each fault began, how long it lasted, how many cases were fed meanwhile."""
        for s in sorted(self.strikes, key=lambda s: s.began):
            ended = self.now() if s.ended is None else s.ended
            fed = sum(s.began <= sent <= ended for sent, _ in self.cases.values())
            yield f"{s.began:9.2f} s  +{ended - s.began:6.2f} s  {s.fault.told:32}  {fed:4} cases fed"
