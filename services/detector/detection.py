"""From the facts of one key to findings. Pure: the same set of facts gives the same findings, whatever came last.

For the service around it, in the order of use:

    facts = facts_of(envelope)                                   # file each fact under its key
    needs = needs_of(key, facts, reference)                      # again with what was found, until nothing is new
    detection = detect(rulebook, key, facts, reference, now)     # all facts of the key; any order, duplicates allowed
    detection.findings, detection.faults, detection.again_at     # judge the key again at these moments of silence
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.detector.distil import Fact, facts_of
from services.detector.registers import Need, Reference, lookups_of
from services.detector.rules import Rule, Rulebook
from shared.contracts.alerts import About, AlertRaised, AlertUpdated, AlertWithdrawn, Bilingual, Evidence, Grade
from shared.contracts.power import Matter

__all__ = [
    "Detection",
    "Fact",
    "Fault",
    "Finding",
    "Need",
    "Reference",
    "alert_id",
    "detect",
    "facts_of",
    "lookups_of",
    "needs_of",
]
ALERTS = uuid.UUID("6f6b2f0e-6d0b-5f0c-9d2b-1c1f0a7f9a11")


@dataclass(frozen=True)
class Finding:
    """What one rule found about one subject. `occurred_at` is the event time of the latest fact it rests on."""

    rule_id: str
    rule_version: str
    dedupe_key: str
    grade: Grade
    matter: Matter
    village_code: str
    town_code: str
    case_ids: tuple[str, ...]
    case_nos: tuple[str, ...]
    node: str | None
    handler_key: str | None
    explanation: Bilingual
    evidence: tuple[Evidence, ...]
    params: dict[str, float | int | str]
    about: tuple[About, ...]
    occurred_at: datetime
    village_visible: bool

    @property
    def alert_id(self) -> str:
        """The id of its alert, the same on every replay."""
        return alert_id(self.rule_id, self.dedupe_key)

    def raised(self, rule: Rule) -> AlertRaised:
        """The event that tells of it for the first time."""
        raise NotImplementedError

    def updated(self, rule: Rule, revision: int) -> AlertUpdated:
        """The event that tells of its change."""
        raise NotImplementedError

    def withdrawn(self, revision: int, occurred_at: datetime) -> AlertWithdrawn:
        """The event that takes it back, because what is known now no longer supports it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Fault:
    """A rule that could not be evaluated on a key: operators see and count it, it is never a silent false."""

    rule_id: str
    key: str
    message: str


@dataclass(frozen=True)
class Detection:
    """The verdict on one key: all its findings, not only new ones. `again_at` is in the future of `now`."""

    findings: tuple[Finding, ...] = ()
    faults: tuple[Fault, ...] = ()
    again_at: tuple[datetime, ...] = ()


def alert_id(rule_id: str, dedupe_key: str) -> str:
    """UUIDv5 of the rule and what the finding is about."""
    return str(uuid.uuid5(ALERTS, f"{rule_id}|{dedupe_key}"))


def needs_of(key: str, facts: Sequence[Fact], reference: Reference) -> frozenset[Need]:
    """Which records the key's verdict rests on, as far as `reference` (what was found so far) lets one see.

    Call it again with the records found until it names nothing new: a company leads to its owners, they to their kin.
    """
    raise NotImplementedError


def detect(rulebook: Rulebook, key: str, facts: Sequence[Fact], reference: Reference, now: datetime) -> Detection:
    """Judge all facts of one key by every rule that concerns its kind."""
    raise NotImplementedError
