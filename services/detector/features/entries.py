"""A ledger's cases: the entries of each put together, without those that were withdrawn."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.detector.distil import WITHDRAWN, Fact
from services.detector.key_facts import CaseFacts
from services.detector.subjects import Occasion, View
from shared.contracts.alerts import Bilingual, Evidence


@dataclass(frozen=True)
class Entry:
    """What a ledger says of one case. `told` holds each field as it was last filled in."""

    facts: tuple[Fact, ...]
    told: dict[str, Any] = field(repr=False)

    @property
    def case_id(self) -> str:
        """The case."""
        return str(self.facts[0].data["case_id"])

    @property
    def title(self) -> str:
        """What the case is called."""
        return str(self.facts[-1].data["title"])

    @property
    def flow(self) -> str:
        """The power flow that it walks."""
        return str(self.facts[0].data["flow"])

    @property
    def village(self) -> str:
        """Its village."""
        return str(self.facts[0].data["village_code"])

    @property
    def at(self) -> datetime:
        """When the ledger first heard of it."""
        return self.facts[0].occurred_at

    @property
    def told_at(self) -> datetime:
        """When the ledger last heard of it."""
        return self.facts[-1].occurred_at

    def evidence(self, value: str = "") -> Evidence:
        """The case as a line of evidence."""
        last = self.facts[-1]
        return Evidence(
            label=Bilingual(zh="相关案件", en="Case"),
            value=f"{last.data['case_no']} {last.data['title']} {value}".rstrip(),
            source=last.event_id,
            occurred_at=self.at,
        )


def entries(view: View) -> list[Entry]:
    """The cases of the view's ledger, by the time it first heard of them."""
    found: list[Entry] = view.once(Entry, lambda: [entry for case in view.facts.cases if (entry := entry_of(case))])
    return found


def entry_of(case: CaseFacts) -> Entry | None:
    """What is put together of one case; None once it was withdrawn."""
    return case.once(Entry, lambda case: _entry(case.facts))


def entries_of(facts: Iterable[Fact]) -> list[Entry]:
    """The cases of some facts, which are in the order of their time."""
    by_case: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_case[fact.data["case_id"]].append(fact)
    return [entry for some in by_case.values() if (entry := _entry(tuple(some)))]


def _entry(facts: tuple[Fact, ...]) -> Entry | None:
    return None if any(fact.kind == WITHDRAWN for fact in facts) else Entry(facts, _told(facts))


def _told(facts: Sequence[Fact]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for fact in facts:
        told.update(fact.data.get("fields", {}))
    return told


def ledger_occasion(
    some: Sequence[Entry], *, lines: Sequence[str] = (), further: Sequence[Evidence] = (), **more: Any
) -> Occasion:
    """An occasion that rests on these cases; `lines` says of each what it adds to the evidence, `further` what else."""
    first = some[0].facts[0].data
    values = lines or [""] * len(some)
    return Occasion(
        given=frozenset(),
        matter=first["matter"],
        village_code=first["village_code"],
        town_code=first["town_code"],
        cases=tuple((entry.case_id, entry.facts[0].data["case_no"]) for entry in some),
        occurred_at=more.pop("occurred_at", max(entry.told_at for entry in some)),
        trail=lambda: (*_trail(some, values), *further),
        **more,
    )


def _trail(some: Sequence[Entry], values: Sequence[str]) -> Iterator[Evidence]:
    for entry, value in zip(some, values, strict=True):
        yield entry.evidence(value)
