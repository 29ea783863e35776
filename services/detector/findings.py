"""Findings on record: brought up to date after a judgement, and told to `alerts.raised` by what changed."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.detector import metrics
from services.detector.detection import Detection
from services.detector.rules import Rulebook
from services.detector.verdicts import FindingChange, OnRecord, changes_of
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Connection

_EVENTS = uuid.UUID("0c0f6a55-90f0-5a0e-8a43-2d4f2f4f7d10")
_ON_RECORD = """
SELECT alert_id::text, key, rule_id, grade, revision, state, body_hash, village_code, town_code
FROM findings WHERE key = ANY($1::text[]) OR alert_id = ANY($2::uuid[])
"""
_PUT = """
INSERT INTO findings AS f
    (alert_id, key, rule_id, revision, grade, state, village_code, town_code, body_hash, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::text[], $10::jsonb[])
ON CONFLICT (alert_id) DO UPDATE SET
    key = excluded.key, revision = excluded.revision, grade = excluded.grade, state = excluded.state,
    village_code = excluded.village_code, town_code = excluded.town_code, body_hash = excluded.body_hash,
    body = CASE WHEN excluded.state = 'withdrawn' THEN f.body ELSE excluded.body END, updated_at = now()
"""
_MENDED = """
DELETE FROM rule_faults
WHERE key = ANY($1::text[]) AND (key, rule_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
"""
_FAULTS = """
INSERT INTO rule_faults AS f (key, rule_id, message)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
ON CONFLICT (key, rule_id) DO UPDATE SET message = excluded.message, times = f.times + 1, last_at = now()
"""


async def settle(conn: Connection, detections: Mapping[str, Detection], rulebook: Rulebook, now: datetime) -> None:
    """Write what the judgement of these keys changed, and publish it."""
    await _note_faults(conn, detections)
    changes = changes_of(detections, await _on_record(conn, detections), rulebook, now)
    if not changes:
        return
    await _put(conn, changes)
    await outbox.publish(conn, [_envelope(change, now) for change in changes])
    for change in changes:
        metrics.FINDINGS.labels(change.event.rule_id, change.grade, change.kind).inc()


async def _on_record(conn: Connection, detections: Mapping[str, Detection]) -> list[OnRecord]:
    found = {finding.alert_id for detection in detections.values() for finding in detection.findings}
    return [OnRecord(**row) for row in await conn.fetch(_ON_RECORD, list(detections), list(found))]


async def _put(conn: Connection, changes: Sequence[FindingChange]) -> None:
    events = [change.event for change in changes]
    await conn.execute(
        _PUT,
        [event.alert_id for event in events],
        [change.key for change in changes],
        [event.rule_id for event in events],
        [event.revision for event in events],
        [change.grade for change in changes],
        [change.state for change in changes],
        [event.village_code for event in events],
        [event.town_code for event in events],
        [change.body_hash for change in changes],
        [event.model_dump(mode="json", exclude_defaults=True) for event in events],
    )


async def _note_faults(conn: Connection, detections: Mapping[str, Detection]) -> None:
    """Remember the rules that failed on these keys, and forget those that failed when they were judged before."""
    faults = [fault for detection in detections.values() for fault in detection.faults]
    last = sorted({(fault.key, fault.rule_id): fault.message for fault in faults}.items())
    keys, rules = [key for (key, _), _ in last], [rule for (_, rule), _ in last]
    await conn.execute(_MENDED, list(detections), keys, rules)
    if not faults:
        return
    await conn.execute(_FAULTS, keys, rules, [message for _, message in last])
    for rule, times in Counter(fault.rule_id for fault in faults).items():
        metrics.FAULTS.labels(rule).inc(times)


def _envelope(change: FindingChange, now: datetime) -> Envelope:
    """The event's id is made of what it says: said again after a rebuild, readers know that they have seen it."""
    event = change.event
    return Envelope.of(
        event,
        source="/detector",
        topic=RAISED_TOPIC,
        key=event.alert_id,
        time=now,
        subject=event.alert_id,
        id=str(uuid.uuid5(_EVENTS, f"{event.alert_id}|{event.revision}|{change.kind}|{change.body_hash}")),
    )
