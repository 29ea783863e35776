"""What the alerts of an inquiry have in common. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from services.notifier.standing import Standing
from shared.contracts.alerts import Bilingual

T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """What the alerts of an inquiry share: persons, cases, rules and villages with the number of alerts that name them.

    An official comes with his key, name and the region of his office, a party with its kind, key and name.
    """

    persons: tuple[tuple[str, str, str, int], ...]
    parties: tuple[tuple[str, str, str, int], ...]
    cases: tuple[tuple[str, int], ...]
    rules: tuple[tuple[str, Bilingual, int], ...]
    villages: tuple[tuple[str, int], ...]


def seen_together(alerts: Iterable[Standing]) -> Seen:
    """Who and what the alerts have in common, the most frequent first."""
    persons: Counter[tuple[str, str, str]] = Counter()
    parties: Counter[tuple[str, str, str]] = Counter()
    cases: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    villages: Counter[str] = Counter()
    titles: dict[str, Bilingual] = {}
    for one in alerts:
        alert = one.alert
        persons.update({(person.person_key, person.name, person.region_code) for person in alert.about})
        parties.update({(party.kind, party.key, party.name) for party in alert.parties if party.name})
        cases.update(set(alert.case_nos))
        rules.update([alert.rule_id])
        villages.update([alert.village_code])
        titles[alert.rule_id] = alert.title
    return Seen(
        persons=tuple((*who, many) for who, many in _ranked(persons)),
        parties=tuple((*which, many) for which, many in _ranked(parties)),
        cases=tuple(_ranked(cases)),
        rules=tuple((rule, titles[rule], many) for rule, many in _ranked(rules)),
        villages=tuple(_ranked(villages)),
    )


def _ranked(found: Counter[T]) -> list[tuple[T, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], str(item[0])))
