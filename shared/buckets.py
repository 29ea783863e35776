"""How many requests somebody may make: a bucket of tokens each, in this process's memory. Pure.

Each replica counts for itself: behind a balancer somebody may make as many times the rate as there are replicas.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

_MOST_KEYS = 20_000


@dataclass(frozen=True)
class Taken:
    """What a request was told: whether it may go on, how many may follow at once, and in how many seconds one may."""

    allowed: bool
    left: int
    wait_seconds: float


class Buckets:
    """Buckets of `size` tokens that fill up in `seconds`; the keys that were quiet longest are forgotten."""

    def __init__(self, size: int, seconds: float, most: int = _MOST_KEYS) -> None:
        self.size = size
        self.seconds = seconds
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float, cost: int = 1) -> Taken:
        """Take a request's tokens, at a moment of a clock that never goes back; what costs more than all takes all."""
        cost = min(cost, self.size)
        level, at = self._levels.pop(key, (float(self.size), now))
        level = min(self.size, level + (now - at) * self.size / self.seconds)
        allowed = level >= cost
        level -= cost * allowed
        self._levels[key] = level, now
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        needed = 1 if allowed else cost
        wait = 0.0 if level >= needed else (needed - level) * self.seconds / self.size
        return Taken(allowed, int(level), wait)

    def headers(self, name: str, taken: Taken) -> dict[str, str]:
        """What an answer tells of the limit (draft-ietf-httpapi-ratelimit-headers), with `retry-after` on a refusal."""
        wait = math.ceil(taken.wait_seconds)
        told = {
            "ratelimit-policy": f'"{name}";q={self.size};w={math.ceil(self.seconds)}',
            "ratelimit": f'"{name}";r={taken.left};t={wait}',
        }
        return told if taken.allowed else told | {"retry-after": str(max(1, wait))}
