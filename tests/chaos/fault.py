"""What a fault is: it begins, lasts and ends, and strikes one victim."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault of one victim; `strike` begins it, and ends it when it is left, after between `lasts` seconds."""

    name: str
    victim: str
    strike: Callable[[], AbstractContextManager[None]]
    lasts: tuple[float, float] = (0.0, 0.0)

    @property
    def told(self) -> str:
        """How the timeline names it."""
        return f"{self.name} {self.victim}"
