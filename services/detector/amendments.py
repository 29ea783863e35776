"""What was put right holds in the place of what was said before: the facts of a key, each as it is told now. Pure.

The old value stays on record as evidence in a case's trail; it is not counted a second time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.detector.distil import AMENDED, COMPLETED, OPENED, RESUMED, SUSPENDED, Fact

RESTS = (SUSPENDED, RESUMED)
_OWN = ("documents", "amends", "by_sequence", "done_at", "gone", "put_right", "reason")


def as_told_now(facts: Sequence[Fact]) -> list[Fact]:
    """The facts, by event time, with each one that was amended as its last amendment tells it."""
    if not any(fact.kind == AMENDED for fact in facts):
        return list(facts)
    latest = _latest(facts)
    told = [_put_right(fact, latest.pop(_place(fact), None)) for fact in facts if fact.kind != AMENDED]
    new = (_stands_alone(fact) for fact in latest.values())
    return sorted(
        (fact for fact in (*told, *new) if fact is not None),
        key=lambda fact: (fact.occurred_at, fact.data["sequence"], fact.event_id),
    )


def amendments(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Each amendment itself, in the order of their times."""
    return (fact for fact in facts if fact.kind == AMENDED)


def _latest(facts: Iterable[Fact]) -> dict[tuple[str, int], Fact]:
    last: dict[tuple[str, int], Fact] = {}
    for fact in sorted(amendments(facts), key=lambda fact: int(fact.data["by_sequence"])):
        last[fact.data["case_id"], int(fact.data["amends"])] = fact
    return last


def _place(fact: Fact) -> tuple[str, int]:
    return fact.data["case_id"], int(fact.data["sequence"]) if fact.kind in (OPENED, COMPLETED) else 0


def _put_right(fact: Fact, amendment: Fact | None) -> Fact | None:
    if amendment is None:
        return fact
    if amendment.data.get("gone"):
        return None
    if fact.key.startswith("case:"):
        return replace(fact, data={**fact.data, "fields": amendment.data["fields"]})
    return replace(fact, data={**fact.data, **_without(amendment.data)})


def _stands_alone(amendment: Fact) -> Fact | None:
    """A fact under a key that only the amended form names."""
    if amendment.data.get("gone"):
        return None
    kind = COMPLETED if amendment.data.get("node") else OPENED
    done_at = datetime.fromisoformat(amendment.data["done_at"])
    documents = {"documents": amendment.data["documents"]} if "documents" in amendment.data else {}
    return replace(amendment, kind=kind, occurred_at=done_at, data=_without(amendment.data) | documents)


def _without(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _OWN}
