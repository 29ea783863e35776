"""What a change would have done to the whole history: the same facts judged without and with it. Pure.

The day doesn't count here: both sides hold for all times, as they will stand on the day the change begins. So what
differs comes of this change alone, not of others that held for a while.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from services.detector.detection import Finding, detect
from services.detector.distil import Fact
from services.detector.registers import Reference
from services.detector.rules import Rule, Rulebook
from services.detector.rulesets import Timeline
from shared.contracts.alerts import Bilingual, Grade
from shared.contracts.rulesets import RuleChanged

State = Literal["running", "done", "failed", "cancelled"]
Kind = Literal["more", "fewer", "regraded"]
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Difference:
    """One alert that the change adds, takes away or grades otherwise."""

    kind: Kind
    alert_id: str
    grade_before: Grade | None
    grade_after: Grade | None
    village_code: str
    case_nos: tuple[str, ...]
    explanation: Bilingual


@dataclass(frozen=True)
class Sides:
    """One rule without and with the change."""

    before: Rulebook
    after: Rulebook

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of keys that either side judges."""
        return frozenset(
            kind for side in (self.before, self.after) for rule in side.rules for kind in rule.subject.keys
        )

    @classmethod
    def of(cls, rule: Rule, changes: Iterable[RuleChanged], change: RuleChanged) -> "Sides":
        """The rule under the changes known, and under `change` besides, as on the day that `change` begins."""
        known = [one for one in changes if one.rule_id == rule.id]
        at = change.effective_from
        return cls(_constant(rule, known, at), _constant(rule, [*known, change], at))


@dataclass
class Tally:
    """Both sides' findings over all keys judged so far, by alert: several keys may find the same one."""

    sides: Sides
    faults: int = 0
    before: dict[str, Finding] = field(default_factory=dict)
    after: dict[str, Finding] = field(default_factory=dict)

    def judge(self, key: str, facts: Sequence[Fact], reference: Reference, now: datetime) -> None:
        """Judge one key by both sides."""
        for rulebook, found in ((self.sides.before, self.before), (self.sides.after, self.after)):
            detection = detect(rulebook, key, facts, reference, now)
            found.update({finding.alert_id: finding for finding in detection.findings})
        self.faults += len(detection.faults)

    def differences(self) -> list[Difference]:
        """What differs, in a fixed order."""
        told = []
        for id in sorted(self.before.keys() | self.after.keys()):
            old, new = self.before.get(id), self.after.get(id)
            if old and new and old.grade == new.grade:
                continue
            finding = new or old
            assert finding
            kind: Kind = "regraded" if old and new else "more" if new else "fewer"
            told.append(
                Difference(
                    kind=kind,
                    alert_id=id,
                    grade_before=old.grade if old else None,
                    grade_after=new.grade if new else None,
                    village_code=finding.village_code,
                    case_nos=finding.case_nos,
                    explanation=finding.explanation,
                )
            )
        return told


def _constant(rule: Rule, changes: Iterable[RuleChanged], at: datetime) -> Rulebook:
    """The rule with what is in force of its changes at a moment, for all times."""
    standing: dict[str, RuleChanged] = {}
    for change in Timeline(changes).changes:
        if change.effective_from <= at and (change.effective_until is None or at < change.effective_until):
            standing[change.region_code] = change
    always = {"effective_from": _ALWAYS, "effective_until": None}
    return Rulebook([rule], {rule.id: Timeline(change.model_copy(update=always) for change in standing.values())})
