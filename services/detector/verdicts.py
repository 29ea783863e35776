"""What has changed between the findings on record and those of a new judgement. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from services.detector.detection import Detection, Finding
from services.detector.rules import Rulebook
from shared.contracts.alerts import AlertRaised, AlertUpdated, AlertWithdrawn, Bilingual, Grade

State = Literal["open", "withdrawn"]
ChangeKind = Literal["raised", "updated", "withdrawn"]
NO_LONGER_SUPPORTED = Bilingual(
    zh="根据现已掌握的记录,该预警的条件不再成立,系统予以撤回(原预警留痕备查)。",
    en="With the records now known, the conditions of this alert no longer hold; it is withdrawn and kept on record.",
)


@dataclass(frozen=True)
class OnRecord:
    """A finding as it was last told."""

    alert_id: str
    key: str
    rule_id: str
    grade: Grade
    revision: int
    state: State
    body_hash: str
    village_code: str
    town_code: str


@dataclass(frozen=True)
class FindingChange:
    """A finding that is to be told anew, with the event that tells it."""

    kind: ChangeKind
    key: str
    grade: Grade
    body_hash: str
    event: AlertRaised | AlertUpdated | AlertWithdrawn

    @property
    def state(self) -> State:
        """The finding's state from now on."""
        return "withdrawn" if self.kind == "withdrawn" else "open"


def changes_of(
    detections: Mapping[str, Detection], on_record: Iterable[OnRecord], rulebook: Rulebook, now: datetime
) -> list[FindingChange]:
    """What to tell after these keys were judged, in a fixed order.

    A finding whose rule failed on its key stays as it is: not knowing is no reason to withdraw. So does one whose
    rule has left the rulebook: a change of rules never rewrites an old verdict.
    """
    known = {finding.alert_id: finding for finding in on_record}
    found: dict[str, dict[str, Finding]] = {}
    for key, detection in detections.items():
        for finding in detection.findings:
            found.setdefault(finding.alert_id, {})[key] = finding
    changes = []
    for alert_id, by_key in sorted(found.items()):
        old = known.get(alert_id)
        speaker = _speaker(by_key, old, detections)
        change = _told(speaker, by_key[speaker], old, rulebook) if speaker else None
        if change:
            changes.append(change)
    faulted = {(fault.key, fault.rule_id) for detection in detections.values() for fault in detection.faults}
    in_force = {rule.id for rule in rulebook.rules}
    for alert_id, old in sorted(known.items()):
        judged = old.key in detections and old.rule_id in in_force and (old.key, old.rule_id) not in faulted
        if old.state == "open" and judged and alert_id not in found:
            changes.append(_withdrawn(old, now))
    return changes


def _speaker(by_key: Mapping[str, Finding], old: OnRecord | None, judged: Collection[str]) -> str | None:
    """The key that speaks for an alert: the one on record while it holds up, else the first of those that found it."""
    if old and old.state == "open":
        if old.key in by_key:
            return old.key
        if old.key not in judged:
            return None
    return min(by_key)


def _told(key: str, finding: Finding, old: OnRecord | None, rulebook: Rulebook) -> FindingChange | None:
    rule = rulebook.rule(finding.rule_id)
    if old is None or old.state == "withdrawn":
        revision = old.revision + 1 if old else 1
        raised = finding.raised(rule).model_copy(update={"revision": revision})
        return FindingChange("raised", key, finding.grade, _hash(raised), raised)
    updated = finding.updated(rule, old.revision + 1)
    body_hash = _hash(updated)
    return None if body_hash == old.body_hash else FindingChange("updated", key, finding.grade, body_hash, updated)


def _withdrawn(old: OnRecord, now: datetime) -> FindingChange:
    event = AlertWithdrawn(
        alert_id=old.alert_id,
        revision=old.revision + 1,
        rule_id=old.rule_id,
        village_code=old.village_code,
        town_code=old.town_code,
        reason=NO_LONGER_SUPPORTED,
        occurred_at=now,
    )
    return FindingChange("withdrawn", old.key, old.grade, old.body_hash, event)


def _hash(alert: AlertRaised | AlertUpdated) -> str:
    """Of everything that a reader sees, without the count of revisions."""
    body = alert.model_dump(mode="json", exclude={"revision"})
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
