"""The parties that a finding is about: read off the features that its rule has looked at. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.contracts.alerts import About, Bilingual, Evidence, Party

# What features call companies and persons: `company_id` beside `company` or `company_name`, else `name`.
_COMPANIES = ("company", "supplier", "winner", "agent", "loser", "beside", "lessee")
_PERSONS = ("person", "official")
_CREDIT_CODE, _PERSON_KEY = 18, 32


def parties_of(
    features: Iterable[Any], about: Iterable[About], evidence: Iterable[Evidence], explanation: Bilingual
) -> tuple[Party, ...]:
    """The officials it is about, and whom explanation or evidence tells of among the features' companies and persons.

    Each is there once; a person is named only where they name him.
    """
    shown = " ".join((explanation.zh, *(item.value for item in evidence)))
    found = {(party.kind, party.key): party for feature in features for party in _told_of(feature, shown)}
    found |= {(party.kind, party.key): party for party in _officials(about)}
    return tuple(_as_shown(found[key], shown) for key in sorted(found))


def _officials(about: Iterable[About]) -> Iterator[Party]:
    for person in about:
        if person.person_key:
            yield Party(kind="person", key=person.person_key, name=person.name)


def _told_of(feature: Any, shown: str) -> Iterator[Party]:
    kind = type(feature).__name__
    if kind == "Account" and _text(feature, "key"):
        yield Party(kind="account", key=_text(feature, "key"))
    if kind == "Supplier" and len(_text(feature, "id")) == _CREDIT_CODE:
        yield Party(kind="company", key=_text(feature, "id"), name=_text(feature, "name"))
    for word in _COMPANIES:
        name = _name(feature, word)
        if len(key := _text(feature, f"{word}_id")) == _CREDIT_CODE and name and name in shown:
            yield Party(kind="company", key=key, name=name)
    for word in _PERSONS:
        name = _name(feature, word)
        if len(key := _text(feature, f"{word}_key")) == _PERSON_KEY:
            yield Party(kind="person", key=key, name=name)


def _name(feature: Any, word: str) -> str:
    return _text(feature, word) or _text(feature, f"{word}_name") or _text(feature, "name")


def _text(feature: Any, field: str) -> str:
    value = getattr(feature, field, "")
    return value if isinstance(value, str) else ""


def _as_shown(party: Party, shown: str) -> Party:
    hidden = party.kind != "company" and party.name and party.name not in shown
    return party.model_copy(update={"name": ""}) if hidden else party
