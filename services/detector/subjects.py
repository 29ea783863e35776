"""What rules judge: a subject reads the facts of one kind of key and offers occasions, each with typed features."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.detector.amendments import RESTS
from services.detector.distil import AMENDED, Fact
from services.detector.key_facts import KeyFacts
from services.detector.registers import Reference
from shared.contracts.alerts import About, Evidence

Params = Mapping[str, Any]
T = TypeVar("T")
INSTANT = timedelta(microseconds=1)


class View:
    """All that is known of one key. `memo` keeps what several rules would compute again.

    `facts` are as they are told now; `amended` says what was put right, `rests` when a case rested.
    """

    def __init__(
        self,
        key: str,
        facts: Iterable[Fact],
        reference: Reference,
        now: datetime,
        *,
        amended: Sequence[Fact] = (),
        rests: Sequence[Fact] = (),
    ) -> None:
        self.key = key
        self.facts = KeyFacts.of(facts)
        self.reference = reference
        self.now = now
        self.amended = amended
        self.rests = rests
        self.memo: dict[Any, Any] = {}
        self._messages: dict[int, tuple[Any, Any]] = {}

    @classmethod
    def of(cls, key: str, facts: Iterable[Fact], reference: Reference, now: datetime) -> "View":
        """The view over all facts of a key."""
        known = KeyFacts.of(facts)
        return cls(key, known.course, reference, now, amended=known.of_kind(AMENDED), rests=known.of_kind(*RESTS))

    def once(self, name: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once a view."""
        if name not in self.memo:
            self.memo[name] = make()
        return self.memo[name]

    def before(self, moment: datetime) -> "View":
        """What was known of the key by the facts before a moment."""
        earlier: View = self.once(("before", moment), lambda: self._before(moment))
        return earlier

    def _before(self, moment: datetime) -> "View":
        facts, amended, rests = (
            [fact for fact in some if fact.occurred_at < moment] for some in (self.facts, self.amended, self.rests)
        )
        return View(self.key, facts, self.reference, min(self.now, moment - INSTANT), amended=amended, rests=rests)

    def forget(self) -> None:
        """Let go of what was made: occasions hold the view that holds them, and only the collector would find them."""
        self.memo.clear()
        self._messages.clear()

    def message(self, feature: Any, make: Callable[[Any], Any]) -> Any:
        """The message of a feature, made once a view. (The feature is kept, so that its identity isn't used again.)"""
        if id(feature) not in self._messages:
            self._messages[id(feature)] = (feature, make(feature))
        return self._messages[id(feature)][1]


def at_hand(feature: T) -> Callable[[], T]:
    """A feature that is there already, where an occasion wants one that is computed when asked for."""
    return lambda: feature


@dataclass(eq=False)
class Occasion:
    """One thing that a rule may judge. A feature is computed when the first rule asks for it.

    `trail` gives the records it rests on; `given` holds the form fields filled in and the papers due. Once `settled`,
    silence can change nothing any more. `judged` is what each rule made of it: an occasion that is kept from one
    judgement to the next (`KeyFacts.kept`) is not judged again.
    """

    features: Mapping[str, Callable[[], Any]]
    given: frozenset[str]
    matter: str
    village_code: str
    town_code: str
    cases: tuple[tuple[str, str], ...]
    occurred_at: datetime
    flow: str = ""
    node: str | None = None
    about: tuple[About, ...] = ()
    trail: Callable[[], tuple[Evidence, ...]] = tuple
    settled: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    judged: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A kind of thing judged: which keys hold its facts, which features it offers, which parameters shape them."""

    name: str
    zh: str
    en: str
    keys: frozenset[str]
    features: Mapping[str, type]
    occasions: Callable[[View, Params], Iterable[Occasion]]
    params: Mapping[str, type] = field(default_factory=dict)
