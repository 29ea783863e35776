"""What rules judge: a subject reads the facts of one kind of key and offers occasions, each with typed features."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.detector.distil import Fact
from services.detector.registers import Reference
from shared.contracts.alerts import About, Evidence

Params = Mapping[str, Any]


class View:
    """All that is known of one key. `memo` keeps what several rules would compute again."""

    def __init__(self, key: str, facts: Sequence[Fact], reference: Reference, now: datetime) -> None:
        self.key = key
        self.facts = facts
        self.reference = reference
        self.now = now
        self.memo: dict[Any, Any] = {}

    def once(self, name: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once a view."""
        if name not in self.memo:
            self.memo[name] = make()
        return self.memo[name]


@dataclass(eq=False)
class Occasion:
    """One thing that a rule may judge. A feature is computed when the first rule asks for it."""

    features: Mapping[str, Callable[[], Any]]
    given: frozenset[str]
    matter: str
    village_code: str
    town_code: str
    cases: tuple[tuple[str, str], ...]
    occurred_at: datetime
    flow: str = ""
    node: str | None = None
    handler_key: str | None = None
    about: tuple[About, ...] = ()
    trail: tuple[Evidence, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)


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
