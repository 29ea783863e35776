"""A whole history judged at once by the detector's pure core, without database or broker."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from services.detector.detection import Detection, detect, needs_of
from services.detector.distil import Fact, facts_of
from services.detector.registers import Need, Reference, lookups_of
from services.detector.rules import Rulebook
from shared.bus.envelope import Envelope
from shared.contracts.reference import Record


class Registers:
    """All records of the county by the questions that they answer."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._found: dict[Need, list[Record]] = defaultdict(list)
        for record in records:
            for need in lookups_of(record):
                self._found[need].append(record)

    def for_key(self, key: str, facts: Sequence[Fact]) -> Reference:
        """The records that a key's verdict rests on: asked for until nothing new comes."""
        found: dict[Need, tuple[Record, ...]] = {}
        while new := needs_of(key, facts, Reference(found)) - found.keys():
            found |= {need: tuple(self._found.get(need, ())) for need in new}
        return Reference(found)


def judge(rulebook: Rulebook, events: Iterable[Envelope], registers: Registers, now: datetime) -> dict[str, Detection]:
    """The verdict on every key of a history, as of a moment."""
    by_key: dict[str, list[Fact]] = defaultdict(list)
    for envelope in events:
        for fact in facts_of(envelope):
            by_key[fact.key].append(fact)
    return {
        key: detect(rulebook, key, facts, registers.for_key(key, facts), now) for key, facts in sorted(by_key.items())
    }
