"""What an honest county keeps apart: no two works of a village alike, near in time, or by the same firm."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")
_APART = timedelta(days=400)
# An honest village declares an emergency twice in that time, and not a third time.
EMERGENCIES = ("PR4", "EN6")
RARELY = ("first", "second")


class Ledger:
    """When something was used in a place: a kind of works, a street, a firm."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._used: dict[str, dict[object, list[datetime]]] = defaultdict(lambda: defaultdict(list))

    def choose(self, where: str, among: Iterable[T], now: datetime) -> T | None:
        """Something not used there of late, now noted as used; None when all of it was."""
        used = self._used[where]
        free = [each for each in among if _apart(used.get(_name(each), ()), now)]
        if not free:
            return None
        chosen = self._rng.choice(free)
        self.note(where, chosen, now)
        return chosen

    def untouched(self, where: str, now: datetime) -> bool:
        """Whether nothing was used there of late."""
        return all(_apart(moments, now) for moments in self._used[where].values())

    def note(self, where: str, what: object, now: datetime) -> None:
        """Remember a use."""
        self._used[where][_name(what)].append(now)


def _apart(moments: Iterable[datetime], now: datetime) -> bool:
    return all(abs(now - moment) > _APART for moment in moments)


def _name(each: object) -> object:
    return getattr(each, "id", each)
