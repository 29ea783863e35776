"""What an honest county keeps apart: no two works of a village alike, near in time, or by the same firm."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")
_APART = timedelta(days=400)
_DRAWS = 4
# An honest village declares an emergency twice in that time, and not a third time.
EMERGENCIES = ("PR4", "EN6")
RARELY = ("first", "second")


class Ledger:
    """When something was used in a place: a kind of works, a street, a firm."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._used: dict[str, dict[object, list[datetime]]] = defaultdict(lambda: defaultdict(list))

    def choose(self, where: str, among: Sequence[T], now: datetime) -> T | None:
        """Something not used there of late, now noted as used; None when all of it was."""
        chosen = self._drawn(where, among, now)
        if chosen is not None:
            self.note(where, chosen, now)
        return chosen

    def _drawn(self, where: str, among: Sequence[T], now: datetime) -> T | None:
        """Of very many something free is soon drawn by chance; only when it isn't are all looked at."""
        used = self._used[where]
        for each in self._rng.choices(among, k=_DRAWS):
            if _apart(used.get(_name(each), ()), now):
                return each
        free = [each for each in among if _apart(used.get(_name(each), ()), now)]
        return self._rng.choice(free) if free else None

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
