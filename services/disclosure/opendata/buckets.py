"""How many requests an address may make: a bucket of tokens each, in this process's memory. Pure.

Each replica counts for itself: behind a balancer an address may make as many times the rate as there are replicas.
"""

from collections import OrderedDict
from dataclasses import dataclass

_MOST_ADDRESSES = 20_000


@dataclass(frozen=True)
class Taken:
    """What a request was told: whether it may go on, how many may follow at once, and in how many seconds one may."""

    allowed: bool
    left: int
    wait_seconds: float


class Buckets:
    """Buckets of `size` tokens that fill up in `seconds`; the addresses that were quiet longest are forgotten."""

    def __init__(self, size: int, seconds: float, most: int = _MOST_ADDRESSES) -> None:
        self.size = size
        self.seconds = seconds
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float) -> Taken:
        """Take one token, at a moment of a clock that never goes back."""
        level, at = self._levels.pop(address, (float(self.size), now))
        level = min(self.size, level + (now - at) * self.size / self.seconds)
        allowed = level >= 1
        level -= allowed
        self._levels[address] = level, now
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return Taken(allowed, int(level), 0.0 if level >= 1 else (1 - level) * self.seconds / self.size)
