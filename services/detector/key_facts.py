"""A key's facts, put together by case. Pure.

A village's ledger grows for years, and of its thousands of facts a new event adds one. So what a feature makes of one
case is kept with that case's facts for as long as they stay the same, and what it makes of several cases (a day's, a
month's) for as long as each of these does: judging a key again costs a look at what is known already, and the work of
the few that are new or have gone on. Nothing is left out that way, so the verdict is that over all facts.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar, overload

from services.detector.amendments import RESTS, as_told_now
from services.detector.distil import AMENDED, PAPER_READ, Fact

T = TypeVar("T")
Kept = dict[Hashable, tuple[tuple[Any, ...], Any]]


class CaseFacts:
    """What one key holds of one case: its facts by event time. They never change."""

    __slots__ = ("_memo", "facts")

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self.facts = facts
        self._memo: dict[Hashable, Any] = {}

    def once(self, name: Hashable, make: "Callable[[CaseFacts], T]") -> T:
        """What `make` gives, made once for these facts: it may look at nothing else, and `name` must tell all it is."""
        if name not in self._memo:
            self._memo[name] = make(self)
        made: T = self._memo[name]
        return made

    @property
    def course(self) -> "CaseFacts":
        """The facts as they are told now; none when an amendment has taken them all away from this key."""
        return self.once("course", lambda case: CaseFacts(tuple(as_told_now(_deeds(case.facts)))))

    @property
    def by_sequence(self) -> tuple[Fact, ...]:
        """The facts in the case's own order, whatever times they state."""
        return self.once("by_sequence", _by_sequence)


class KeyFacts(Sequence[Fact]):
    """The set of a key's facts, each event once, in the order of event time; and the same by case."""

    __slots__ = ("_cases", "_kept", "_ordered", "_retold")

    def __init__(
        self,
        ordered: list[Fact],
        cases: dict[str, CaseFacts],
        retold: frozenset[str] = frozenset(),
        kept: Kept | None = None,
    ) -> None:
        self._ordered = ordered
        self._cases = cases
        self._retold = retold
        self._kept: Kept = {} if kept is None else kept

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> "KeyFacts":
        """These facts."""
        return facts if isinstance(facts, cls) else cls([], {}).with_(facts)

    def with_(self, new: Iterable[Fact]) -> "KeyFacts":
        """These and further ones; what is known of cases that they don't touch is shared."""
        touched: dict[str, dict[str, Fact]] = defaultdict(dict)
        for fact in new:
            if not self.has(fact):
                touched[fact.data["case_id"]][fact.event_id] = fact
        if not touched:
            return self
        cases = dict(self._cases)
        for case_id, further in touched.items():
            before = cases[case_id].facts if case_id in cases else ()
            cases[case_id] = CaseFacts(tuple(sorted((*before, *further.values()), key=_turn)))
        added = [fact for further in touched.values() for fact in further.values()]
        retold = self._retold | {fact.data["case_id"] for fact in added if fact.kind in _RETOLD}
        return KeyFacts(_merged(self._ordered, added), _in_turn(cases, self._cases, touched), retold, self._kept)

    def kept(self, name: Hashable, parts: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gives of these parts, kept (also when further facts come) until one of them has changed.

        It may look at nothing else, and `name` must tell all it is: which group, made into what, by which parameters.
        """
        before = self._kept.get(name)
        made: T = before[1] if before and before[0] == parts else make()
        self._kept[name] = (parts, made)
        return made

    @property
    def cases(self) -> Iterable[CaseFacts]:
        """The facts of each case, by the time of its first."""
        return self._cases.values()

    def before(self, moment: datetime) -> "KeyFacts":
        """The facts before a moment."""
        return KeyFacts([], {}).with_(fact for fact in self._ordered if fact.occurred_at < moment)

    @property
    def course(self) -> "KeyFacts":
        """What was done, as it is told now: put right where it was amended, without the times of rest."""
        if not self._retold:
            return self
        told = {id: case.course if id in self._retold else case for id, case in self._cases.items()}
        cases = {id: case for id, case in told.items() if case.facts}
        ordered = sorted((fact for case in cases.values() for fact in case.facts), key=_turn)
        return KeyFacts(ordered, dict(sorted(cases.items(), key=lambda item: _first(item[1]))), kept=self._kept)

    def of_kind(self, *kinds: str) -> list[Fact]:
        """The facts of these kinds, which tell others anew, by event time."""
        if not self._retold:
            return []
        some = (fact for id in self._retold for fact in self._cases[id].facts if fact.kind in kinds)
        return sorted(some, key=_turn)

    def has(self, fact: Fact) -> bool:
        """Whether the fact's event is among these."""
        case = self._cases.get(fact.data["case_id"])
        return case is not None and any(fact.event_id == known.event_id for known in case.facts)

    def __len__(self) -> int:
        return len(self._ordered)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._ordered)

    def __reversed__(self) -> Iterator[Fact]:
        return reversed(self._ordered)

    @overload
    def __getitem__(self, at: int) -> Fact: ...
    @overload
    def __getitem__(self, at: slice) -> list[Fact]: ...
    def __getitem__(self, at: int | slice) -> Fact | list[Fact]:
        return self._ordered[at]


_RETOLD = (AMENDED, PAPER_READ, *RESTS)
_FEW = 8


def _deeds(facts: Iterable[Fact]) -> list[Fact]:
    """Without the times of rest; what was read on its papers is no step of a case either."""
    return [fact for fact in facts if fact.kind not in RESTS and not (fact.kind == PAPER_READ and _of_case(fact))]


def _of_case(fact: Fact) -> bool:
    return fact.key.startswith("case:")


def _turn(fact: Fact) -> tuple[datetime, int, str]:
    return fact.occurred_at, fact.data["sequence"], fact.event_id


def _by_sequence(case: CaseFacts) -> tuple[Fact, ...]:
    return tuple(sorted(case.facts, key=lambda fact: int(fact.data["sequence"])))


def _merged(ordered: list[Fact], added: list[Fact]) -> list[Fact]:
    if len(added) > _FEW:
        return sorted((*ordered, *added), key=_turn)
    merged = ordered.copy()
    for fact in added:
        insort(merged, fact, key=_turn)
    return merged


def _in_turn(cases: dict[str, CaseFacts], before: dict[str, CaseFacts], touched: Iterable[str]) -> dict[str, CaseFacts]:
    """The cases by the time of their first facts. Sorted only where one begins earlier than was known, or amid others:
    most are the latest."""
    new = [_first(cases[case_id]) for case_id in touched if case_id not in before]
    latest = _first(next(reversed(before.values()))) if before else None
    as_known = all(cases[id].facts[0] is before[id].facts[0] for id in touched if id in before)
    if as_known and (not new or (latest and latest < min(new) and len(new) == 1)):
        return cases
    return dict(sorted(cases.items(), key=lambda item: _first(item[1])))


def _first(case: CaseFacts) -> tuple[datetime, int, str]:
    return _turn(case.facts[0])
