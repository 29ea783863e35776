"""A simulated history in which clerks wrote what they must not: names, numbers and addresses into every free text.

Whoever is simulated has a name of characters that stand nowhere else (`secrets.GIVEN`). What is planted is remembered,
and so is every name, number and keyed hash of the simulation: these are the secrets. Public are only the names of
who inspected works, purchases and assets for the village, as the masks have it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, ClassVar, cast

from pydantic import BaseModel

from deploy.demo.cases import Recorded
from deploy.demo.simulator import Simulation
from deploy.demo.words import WORDS
from services.disclosure.masking import masks, naming_fields
from services.disclosure.people import is_organisation
from shared.contracts.power import CaseEvent, CaseOpened, NodeCompleted, NodeReturned, PowerEvent
from shared.identity import normalise_id_no
from tests.privacy.secrets import GIVEN, Secrets

_SHARE, _TRADERS, _SENT_BACK = 0.3, 0.15, 0.3
_SPOKEN = (
    *("item", "category", "reason", "location", "unit", "funding_source", "selection_method", "position"),
    *("seal_purpose", "asset_name", "relief_kind", "opinion", "risk_note"),
)
_OFFICIALS, _THINGS = "inspectors", {"asset_name", "bill.name"}
_PLATES = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@contextmanager
def marked_names() -> Iterator[None]:
    """Everybody who is simulated within has such a name."""
    usual, WORDS["given"] = WORDS["given"], GIVEN
    try:
        yield
    finally:
        WORDS["given"] = usual


class Sown:
    """What was planted, by its kind; each of it is planted once."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.kinds: dict[str, str] = {}

    def words(self, names: list[str], most: int = 3) -> str:
        """A few words that a clerk might add: persons of the case, one who is only spoken of, numbers of theirs."""
        known = [f"{name}" for name in names] or [self._spoken_of()]
        said = [self._number(kind) for kind in self._rng.sample(sorted(self._made), most)]
        return f"({'、'.join(self._rng.sample(known, min(2, len(known))))},{self._spoken_of()},{','.join(said)})"

    def name(self) -> str:
        """A new person's name."""
        name = _marked_name(self._rng)
        self.kinds[name] = "name"
        return name

    def _spoken_of(self) -> str:
        return f"{self._rng.choice(('联系人', '村民', '户主', '经手人'))}{self.name()}"

    def _number(self, kind: str) -> str:
        called, made = self._made[kind]
        number = made(self._rng)
        self.kinds[number] = kind
        return f"{called}{number}"

    _made: ClassVar[Mapping[str, tuple[str, Callable[[Random], str]]]] = {
        "telephone": ("电话", lambda rng: f"1{rng.choice('3578')}{rng.randrange(10**9):09d}"),
        "landline": ("", lambda rng: f"0573-8{rng.randrange(10**7):07d}"),
        "identity": (
            "身份证",
            lambda rng: normalise_id_no(
                f"330499{rng.randint(60, 99)}0{rng.randint(1, 9)}1{rng.randint(0, 9)}{rng.randint(1, 999):03d}"
            ),
        ),
        "account": ("卡号", lambda rng: _with_check_digit(f"622848{rng.randrange(10**12):012d}")),
        "mail": ("邮箱", lambda rng: f"p{rng.randrange(10**6)}@example.com"),
        "plate": ("", lambda rng: f"浙F{rng.choice(_PLATES)}{rng.randrange(10**4):04d}"),
        "address": ("住址", lambda rng: f"银杏新村{rng.randint(1, 999)}幢{rng.randint(1, 9999)}室"),
    }


class Planting:
    """Writes into cases what must not be public, and remembers all that is secret of them."""

    def __init__(self) -> None:
        self.sown = Sown(Random("planted"))
        self._names: set[str] = set()
        self._officials: set[str] = set()

    def into(self, events: tuple[CaseEvent, ...]) -> tuple[CaseEvent, ...]:
        """A case's events, of some cases with what a clerk wrote into them."""
        rng = Random(events[0].case_id)
        if rng.random() < _TRADERS:
            events = tuple(self._of_a_trader(events))
        names = self._remember(events)
        if rng.random() >= _SHARE:
            return events
        title = events[0].title + self.sown.words(names)
        events = tuple(self._written_into(event, title, names, rng) for event in events)
        first, last = events[0], events[-1]
        if isinstance(last, NodeCompleted) and last.next_node and rng.random() < _SENT_BACK:
            to_node = first.next_node if isinstance(first, CaseOpened) else last.node
            return (*events, self._sent_back(last, to_node, names))
        return events

    def secrets(self, *more: Sown, **known: Iterable[str]) -> Secrets:
        """All that must not be public, with what else was sown or is known by its kind, and who may be named."""
        kinds = {word: kind for each in (self.sown, *more) for word, kind in each.kinds.items()}
        kinds |= {word: kind for kind, words in known.items() for word in words} | dict.fromkeys(self._names, "name")
        public = frozenset(self._officials)
        return Secrets({word: kind for word, kind in kinds.items() if word not in public}, public)

    def _remember(self, events: tuple[CaseEvent, ...]) -> list[str]:
        """Whom a case names in private; those who inspect may be read in some matters."""
        private: set[str] = set()
        for event in events:
            for path, name in named_in(event):
                if path == _OFFICIALS and masks().rule(path, (event.matter, event.flow)):
                    self._officials.add(name)
                elif not is_organisation(name) and any(char in GIVEN for char in name):
                    private.add(name)
        self._names |= private
        return sorted(private)

    def _of_a_trader(self, events: tuple[CaseEvent, ...]) -> Iterator[CaseEvent]:
        """The firm is a single trader, known by his own name."""
        trader = self.sown.name()
        for event in events:
            if isinstance(event, CaseOpened | NodeCompleted):
                changed: dict[str, Any] = {
                    name: trader for name in ("supplier_name", "payee_name") if getattr(event.fields, name)
                }
                event = event.model_copy(update={"fields": event.fields.model_copy(update=changed)})
            yield event

    def _written_into(self, event: CaseEvent, title: str, names: list[str], rng: Random) -> CaseEvent:
        changed: dict[str, Any] = {"title": title}
        if isinstance(event, CaseOpened | NodeCompleted):
            there = [name for name in _SPOKEN if getattr(event.fields, name)]
            if there:
                name = rng.choice(there)
                said = {name: f"{getattr(event.fields, name)}{self.sown.words(names)}"}
                changed["fields"] = event.fields.model_copy(update=said)
        return event.model_copy(update=changed)

    def _sent_back(self, last: NodeCompleted, to_node: str, names: list[str]) -> NodeReturned:
        about = last.model_dump(include=set(CaseEvent.model_fields))
        return NodeReturned(
            **about | {"sequence": last.sequence + 1},
            node=last.next_node or last.node,
            to_node=to_node,
            reason=f"材料不全{self.sown.words(names)}",
        )


class PlantedCity(Simulation):
    """A simulation whose cases hold what was planted; `secrets` is whole once all cases were walked."""

    def __init__(self, **size: Any) -> None:
        self._planting = Planting()
        with marked_names():
            super().__init__(**size)

    def cases(self) -> Iterator[Recorded]:
        """Every case, some with what a clerk wrote into it."""
        with marked_names():
            for each in super().cases():
                yield Recorded(each.case, cast("tuple[PowerEvent, ...]", self._planting.into(each.events)))

    def secrets(self, *more: Sown) -> Secrets:
        """All that must not be public of it, and of what else was sown, and who may be named."""
        places = [self.county.county, *self.county.towns.values(), *self.county.villages.values()]
        people = {person.name for place in places for person in place.posts.values()}
        people |= {company.owner.name for company in self.county.companies}
        return self._planting.secrets(*more, name=people, address={each.address for each in self.county.companies})


def marked(events: Sequence[CaseEvent], rng: Random) -> list[CaseEvent]:
    """Events in which everybody has such a name, the same in all of them."""
    names = {name for event in events for _, name in named_in(event) if not is_organisation(name)}
    table = {name: _marked_name(rng) for name in sorted(names)}
    anybody = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    return [
        type(event).model_validate_json(anybody.sub(lambda found: table[found[0]], event.model_dump_json()))
        for event in events
    ]


def named_in(event: CaseEvent) -> Iterator[tuple[str, str]]:
    """Whom the form of an event names, and in which of its fields."""
    if isinstance(event, CaseOpened | NodeCompleted):
        for path in set(naming_fields()) - _THINGS:
            yield from ((path, name) for name in _values(event.fields, path.split(".")))


def _marked_name(rng: Random) -> str:
    return str(rng.choice(WORDS["surnames"])) + "".join(rng.choices(GIVEN, k=2))


def _values(fields: BaseModel, path: list[str]) -> Iterator[str]:
    value = getattr(fields, path[0])
    for each in value if isinstance(value, tuple) else (value,):
        if each and len(path) > 1:
            yield from _values(each, path[1:])
        elif each:
            yield each


def _with_check_digit(body: str) -> str:
    """A card's number by Luhn."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(sum(divmod(value, 10)) for value in doubled) % 10)
