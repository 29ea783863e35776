"""From an event to what the public may see of it: by an allowlist only, so that a field nobody thought of stays in.

Pure. The list is `masking.yaml`; what this module returns is all that the public tables ever hold of an event.
"""

import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel

from services.disclosure import people
from services.disclosure.free_text import scrub
from services.disclosure.people import NOBODY, People
from services.disclosure.vocabulary import Vocabulary, vocabulary
from shared.contracts.power import (
    BallotCast,
    CaseAmended,
    CaseArchived,
    CaseEvent,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    NodeCompleted,
    NodeFields,
    NodeReturned,
)
from shared.words import Name

FILE = Path(__file__).parent / "masking.yaml"
Until = Literal["award", "notice"]
Named = Literal["private", "party", "official", "thing"]
After = Literal["notice", "end"]
_SPEAKING = frozenset(("text", "code"))
_SAFE_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NODE = re.compile(r"[A-Z]{2}[1-9]-[0-9]{2}")
_PUBLIC_NUMBER = re.compile(r"[0-9A-Za-z一-鿿()\[\]（）〔〕【】_./-]{1,60}")
_A_NAME = re.compile(r"[一-鿿·]{2,6}|[A-Za-z][A-Za-z .'-]{1,40}")
# How fields are called that hold a name of somebody.
_NAMING = re.compile(
    r"(^|_)(names?|holder|owner|payer|payee|lessee|recipient|inspectors?|witness(es)?|members?|persons?|people|applicant"
    r"|agent|manager|contact|bidder|contractor|supplier|auditor|appraiser|drawer|buyer|seller|heir|signers?|voters?)$"
)


@dataclass(frozen=True)
class Rule:
    """How one field is shown, and for which matters or flows."""

    field: str
    rule: str
    places: frozenset[str]
    withheld_until: Until | None
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Term:
    """How long a field stays public, in some matters or flows: days after the end of its notice or of its case."""

    places: frozenset[str]
    days: int
    after: After


@dataclass(frozen=True)
class Masks:
    """The loaded list."""

    rules: Mapping[str, tuple[Rule, ...]]
    names: Mapping[str, Named]
    title_in: frozenset[str]
    documents_in: frozenset[str]
    reasons_in: frozenset[str]
    sums_in: frozenset[str]
    terms: Mapping[str, tuple[Term, ...]]
    ended_because: Mapping[str, Name]
    smallest_group: int
    hidden_unless_sound: frozenset[str]
    standing: Mapping[str, timedelta]
    choice_names: Mapping[str, str]

    def rule(self, field: str, places: Iterable[str]) -> Rule | None:
        """The rule for a field of this matter or flow; None when it isn't public there."""
        here = set(places)
        return next((r for r in self.rules.get(field, ()) if not r.places or here & r.places), None)

    def term(self, field: str, places: Iterable[str]) -> Term | None:
        """How long a field of this matter or flow stays public; None: as long as its case does."""
        here = set(places)
        return next((term for term in self.terms.get(field, ()) if not term.places or here & term.places), None)

    def speaks(self, matter: str, flow: str) -> bool:
        """Whether anything that people write freely is public of such a case."""
        if matter in self.title_in:
            return True
        found = (self.rule(field, (matter, flow)) for field in self.rules)
        return any(rule and rule.rule in _SPEAKING for rule in found)


@cache
def masks() -> Masks:
    """The list in force."""
    return load(FILE, vocabulary())


def load(path: Path, words: Vocabulary) -> Masks:
    """Read and check the list: what in it isn't known, and a field with names that it leaves out, is an error."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules: dict[str, list[Rule]] = {}
    choice_names: dict[str, str] = {}
    places = {*words.matters, *words.flows}
    for part in ("fields", "also"):
        for field, entry in raw.get(part, {}).items():
            options = raw["choices"].get(entry.get("choices"), [])
            rule = Rule(
                field=field,
                rule=entry["rule"],
                places=frozenset(entry.get("in", ())),
                withheld_until=entry.get("withheld_until"),
                choices=tuple((option["word"], option["zh"]) for option in options),
            )
            _check(rule, places)
            choice_names.update({option["zh"]: option["en"] for option in options})
            rules.setdefault(field, []).append(rule)
    for name in ("title_in", "documents_in", "reasons_in", "sums_in", "hidden_unless_sound", "standing_days"):
        _check_places(name, raw[name], places)
    _check_names(raw["names"])
    return Masks(
        rules={field: tuple(entries) for field, entries in rules.items()},
        names=raw["names"],
        title_in=frozenset(raw["title_in"]),
        documents_in=frozenset(raw["documents_in"]),
        reasons_in=frozenset(raw["reasons_in"]),
        sums_in=frozenset(raw["sums_in"]),
        terms=_terms(raw["terms"], rules, places),
        ended_because={code: Name(name["zh"], name["en"]) for code, name in raw["ended_because"].items()},
        smallest_group=int(raw["smallest_group"]),
        hidden_unless_sound=frozenset(raw["hidden_unless_sound"]),
        standing={flow: timedelta(days=days) for flow, days in raw["standing_days"].items()},
        choice_names=choice_names,
    )


def naming_fields(model: type[BaseModel] = NodeFields, path: str = "") -> Iterator[str]:
    """The fields of an event that hold names, those of its lines included: `supplier_name`, `bids.company_name`."""
    for name, info in model.model_fields.items():
        parts = set(_parts(info.annotation))
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from naming_fields(part, f"{path}{name}.")
        if str in parts and (tuple in parts or _NAMING.search(name)):
            yield path + name


def people_of(event: CaseEvent, names: Mapping[str, Named]) -> People:
    """All natural persons whom the event itself names."""
    found: dict[str, set[str]] = {"private": set(), "party": set(), "official": set(people.keys(event.actor.name))}
    for form in _forms(event):
        for path, kind in names.items():
            for text in _values(form, path):
                if kind in ("private", "official") or (kind == "party" and not people.is_organisation(text)):
                    found[kind] |= people.keys(text)
    return People(**{kind: frozenset(keys) for kind, keys in found.items()})


def public_event(event: CaseEvent, masks: Masks, words: Vocabulary, known: People = NOBODY) -> dict[str, Any]:
    """All that the public may ever know of an event, as JSON. `withheld` waits for the award or the notice.

    `known` are persons whom other events of the case named: they are struck out of this one's texts too.
    """
    named = people_of(event, masks.names) | known
    public: dict[str, Any] = {
        "case_id": _code(event.case_id),
        "case_no": _number(event.case_no, named),
        "title": scrub(event.title, named.named) if event.matter in masks.title_in else None,
        "matter": event.matter,
        "flow": event.flow if event.flow in words.flows else "",
        "flow_version": event.flow_version,
        "village_code": event.village_code,
        "town_code": event.town_code,
        "sequence": event.sequence,
        "at": event.occurred_at.isoformat(),
        "role": event.actor.role if event.actor.role in words.roles else "",
    }
    if isinstance(event, CaseOpened | NodeCompleted | CaseAmended):
        shown, withheld = _fields(event, named, masks)
        public |= {"fields": shown, "withheld": withheld}
    if isinstance(event, CaseOpened | NodeCompleted):
        public["next_node"] = _node(event.next_node)
    if isinstance(event, CaseOpened | NodeCompleted | NodeReturned | CaseAmended | CaseResumed):
        public["next_due_at"] = event.next_due_at.isoformat() if event.next_due_at else None
    if isinstance(event, NodeCompleted | NodeReturned | CaseAmended | CaseResumed):
        public["also_waiting"] = [_node(waiting.node) for waiting in event.also_waiting]
    if isinstance(event, NodeReturned | CaseWithdrawn | CaseAmended | CaseSuspended):
        public["reason"] = _reason(event, named, masks)
    match event:
        case CaseOpened():
            public["kind"] = "opened"
        case NodeCompleted():
            public |= {
                "kind": "completed",
                "node": _node(event.node),
                "closes": not event.next_node,
                "notice_ends_at": event.notice_ends_at.isoformat() if event.notice_ends_at else None,
                "left_out": [_node(node) for node in event.left_out],
                "documents": _documents(event, masks, words),
            }
        case NodeReturned():
            public |= {"kind": "returned", "node": _node(event.node), "to_node": _node(event.to_node)}
        case CaseWithdrawn():
            public |= {"kind": "withdrawn", "node": _node(event.node)}
        case CaseAmended():
            changed = [name for name in event.changed if masks.rule(name, (event.matter, event.flow))]
            public |= {"kind": "amended", "node": _node(event.node), "to_node": _node(event.to_node)}
            public |= {"supersedes": event.supersedes, "changed": changed}
        case CaseSuspended():
            public |= {"kind": "suspended", "node": _node(event.node)}
            public["until"] = event.until.isoformat() if event.until else None
        case CaseResumed():
            public |= {"kind": "resumed", "node": _node(event.node)}
        case CaseArchived():
            public["kind"] = "archived"
        case BallotCast():
            # Who voted how is nobody's business: the totals come with the decision.
            public |= {"kind": "ballot", "node": _node(event.node)}
    return public


def strike(fields: Mapping[str, Any], named: People, masks: Masks, places: Iterable[str]) -> dict[str, Any]:
    """Shown fields once more, without the persons whom another event named; a field no longer public goes."""
    here = set(places)
    return {
        field: _STRIKES[rule.rule](value, named) if rule.rule in _STRIKES else value
        for field, value in fields.items()
        if (rule := masks.rule(field, here))
    }


def without_texts(fields: Mapping[str, Any], masks: Masks, places: Iterable[str]) -> dict[str, Any]:
    """Shown fields without what people write freely: nobody remembers any more whom to strike out of it."""
    here = set(places)
    return {
        field: value
        for field, value in fields.items()
        if (rule := masks.rule(field, here)) and rule.rule not in _SPEAKING
    }


def strike_number(text: str, named: People) -> str:
    """A case's number without these persons."""
    return scrub(text, named.named)


def _terms(raw: Iterable[Mapping[str, Any]], rules: Mapping[str, Any], places: set[str]) -> dict[str, tuple[Term, ...]]:
    """How long each field stays public; one that is never public, or an odd length, is an error."""
    found: dict[str, tuple[Term, ...]] = {}
    for entry in raw:
        term = Term(frozenset(entry.get("in", ())), entry["days"], entry["after"])
        for field in entry["fields"]:
            if field not in rules:
                raise ValueError(f"masking.yaml: terms: {field} is never public")
            if type(term.days) is not int or term.days < 0:
                raise ValueError(f"masking.yaml: terms: {field}: days is a whole number, not {term.days}")
            if term.after not in get_args(After):
                raise ValueError(f"masking.yaml: terms: {field}: after is notice or end, not {term.after}")
            _check_places(f"terms: {field}", term.places, places)
            found[field] = (*found.get(field, ()), term)
    return found


def _check(rule: Rule, places: set[str]) -> None:
    where = f"masking.yaml: {rule.field}"
    if rule.field not in NodeFields.model_fields:
        raise ValueError(f"{where} is no field of an event")
    if rule.rule not in RULES:
        raise ValueError(f"{where}: no rule is called {rule.rule}")
    if rule.withheld_until not in (None, *get_args(Until)):
        raise ValueError(f"{where}: withheld_until is award or notice, not {rule.withheld_until}")
    if rule.rule == "choice" and (not rule.choices or rule.choices[-1][0]):
        raise ValueError(f"{where}: its choices need a last entry for all else")
    _check_places(rule.field, rule.places, places)


def _check_places(name: str, found: Iterable[str], places: set[str]) -> None:
    if unknown := sorted(set(found) - places):
        raise ValueError(f"masking.yaml: {name}: {', '.join(unknown)} is no matter and no flow")


def _check_names(names: Mapping[str, str]) -> None:
    for path, kind in names.items():
        if kind not in get_args(Named):
            raise ValueError(f"masking.yaml: names: {path} is private, party, official or thing, not {kind}")
    expected = set(naming_fields())
    if missing := sorted(expected - set(names)):
        raise ValueError(
            f"masking.yaml: names: {', '.join(missing)} is missing: is it private, party, official or a thing?"
        )
    if unknown := sorted(path for path in names if not _has_path(path)):
        raise ValueError(f"masking.yaml: names: {', '.join(unknown)} is no field of an event")


def _has_path(path: str) -> bool:
    model: type[BaseModel] | None = NodeFields
    for name in path.split("."):
        if model is None or name not in model.model_fields:
            return False
        parts = _parts(model.model_fields[name].annotation)
        model = next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), None)
    return True


def _parts(annotation: Any) -> Iterator[Any]:
    """All types that an annotation is made of: `tuple[Bid, ...]` of tuple and Bid."""
    yield typing.get_origin(annotation) or annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _values(fields: BaseModel, path: str) -> Iterator[str]:
    name, _, rest = path.partition(".")
    value = getattr(fields, name)
    for each in value if isinstance(value, tuple) else (value,):
        if rest:
            yield from _values(each, rest)
        elif each:
            yield each


def _forms(event: CaseEvent) -> tuple[NodeFields, ...]:
    if isinstance(event, CaseAmended):
        return event.before, event.fields
    return (event.fields,) if isinstance(event, CaseOpened | NodeCompleted) else ()


def _fields(
    event: CaseOpened | NodeCompleted | CaseAmended, named: People, masks: Masks
) -> tuple[dict[str, Any], dict[str, Any]]:
    shown: dict[str, Any] = {}
    withheld: dict[str, Any] = {}
    for field in masks.rules:
        if isinstance(event, CaseAmended) and field not in event.changed:
            continue
        value = getattr(event.fields, field)
        if value in (None, (), ""):
            continue
        if rule := masks.rule(field, (event.matter, event.flow)):
            (withheld if rule.withheld_until else shown)[field] = RULES[rule.rule](value, named, rule)
    return shown, withheld


def _reason(
    event: NodeReturned | CaseWithdrawn | CaseAmended | CaseSuspended, named: People, masks: Masks
) -> str | None:
    return scrub(event.reason, named.named) if event.matter in masks.reasons_in and event.reason.strip() else None


def _documents(event: NodeCompleted, masks: Masks, words: Vocabulary) -> list[dict[str, str]]:
    if event.matter not in masks.documents_in:
        return []
    return [{"kind": paper.kind, "sha256": paper.sha256} for paper in event.documents if paper.kind in words.papers]


def _node(code: str | None) -> str | None:
    return None if not code else code if _NODE.fullmatch(code) else "other"


def _code(code: str) -> str:
    if not _SAFE_CODE.fullmatch(code):
        raise ValueError("a case id must be letters, digits, '-', '_', '.' or ':'")
    return code


def _number(text: str, named: People) -> str:
    return scrub(text, named.named) if _PUBLIC_NUMBER.fullmatch(text) else "—"


def _party(name: str, named: People) -> str:
    if not people.is_organisation(name):
        return scrub(people.mask(name), is_name=True)
    return scrub(people.organisation(name), named.private, is_name=True)


def _official(name: str, named: People) -> str:
    """In full, as F.2 has it; masked when it is no plain name, or when the case names him for something else too."""
    shown = scrub(name, named.unofficial).strip()
    plain = _A_NAME.fullmatch("".join(people.persons(shown)))
    return shown if plain and not people.keys(name) & named.unofficial else scrub(people.mask(shown))


def _choice(value: str, rule: Rule) -> str:
    return next(shown for word, shown in rule.choices if word in value)


RULES: dict[str, Callable[[Any, People, Rule], Any]] = {
    "text": lambda value, named, rule: scrub(value, named.named),
    "code": lambda value, named, rule: _number(value, named),
    "number": lambda value, named, rule: value,
    "money": lambda value, named, rule: int(value),
    "date": lambda value, named, rule: value.isoformat() if isinstance(value, date) else None,
    "flag": lambda value, named, rule: bool(value),
    "choice": lambda value, named, rule: _choice(value, rule),
    "party": lambda value, named, rule: _party(value, named),
    "person": lambda value, named, rule: scrub(people.mask(value), is_name=True),
    "officials": lambda value, named, rule: [_official(name, named) for name in value],
    "workers": lambda value, named, rule: [
        {"name": scrub(people.mask(w.name), is_name=True), "days": w.days, "wage_fen": w.wage_fen} for w in value
    ],
    "bids": lambda value, named, rule: [
        {"name": _party(b.company_name, named), "price_fen": b.price_fen, "valid": b.valid} for b in value
    ],
}
# What a name that only a later event gave away may still stand in.
_STRIKES: dict[str, Callable[[Any, People], Any]] = {
    "text": lambda value, named: scrub(value, named.named),
    "code": lambda value, named: scrub(value, named.named),
    "party": lambda value, named: scrub(value, named.private, is_name=True),
    "officials": lambda value, named: [_official(name, named) for name in value],
    "bids": lambda value, named: [bid | {"name": scrub(bid["name"], named.private, is_name=True)} for bid in value],
}
