"""What an intended step would raise: judged beside all that is known, and nothing of it kept."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from services.detector.detection import Finding, facts_of
from services.detector.judging import Judge, Judgement
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.db import Connection

_GRAVEST_FIRST = ("red", "yellow", "prompt")


async def would_raise(conn: Connection, judge: Judge, step: power.NodeCompleted) -> list[Finding]:
    """The findings that the step would bring about or change, of its own case's village, the gravest first."""
    envelope = Envelope.of(
        step,
        source="/detector/evaluate",
        topic=power.TOPIC,
        key=step.village_code,
        time=datetime.now(UTC),
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"intended|{step.case_id}|{step.sequence}")),
    )
    fresh = {fact.key: [fact] for fact in facts_of(envelope)}
    keys = sorted(fresh)
    before = await judge.judge(conn, keys, until=step.occurred_at)
    after = await judge.judge(conn, keys, until=step.occurred_at, fresh=fresh)
    known = list(_findings(before))
    new = [finding for finding in _findings(after) if finding not in known]
    own = [finding for finding in new if finding.village_code == step.village_code]
    return sorted(own, key=lambda finding: (_GRAVEST_FIRST.index(finding.grade), finding.rule_id, finding.dedupe_key))


def _findings(judgement: Judgement) -> Iterator[Finding]:
    for detection in judgement.detections.values():
        yield from detection.findings
