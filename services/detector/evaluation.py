"""What an intended step would raise: judged beside what is known, and nothing of it kept.

A company or a person is judged by what it did in all villages, so the connection of one who may know that sees all
of them, and what is answered is bound to the step's own village. One from the village gets a connection that sees no
other, and the few rules that ask a case and nothing else: the others would answer questions about the registers.
"""

import uuid
from datetime import UTC, datetime

from services.detector.detection import Finding
from services.detector.distil import facts_of
from services.detector.judging import Judge
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.db import Connection
from shared.regions import town_of

_GRAVEST_FIRST = ("red", "yellow", "prompt")


async def would_raise(conn: Connection, judge: Judge, step: power.NodeCompleted) -> list[Finding]:
    """The findings that the step would bring about or change, of its own village, the gravest first.

    The id of another village's case is answered as one that nobody knows.
    """
    step = step.model_copy(update={"town_code": town_of(step.village_code)})
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
    foreign = await _foreign(conn, judge, step)
    after = await judge.judge(conn, keys, until=step.occurred_at, fresh=fresh, unknown=foreign)
    own = {
        key: found
        for key, one in after.detections.items()
        if (found := [finding for finding in one.findings if finding.village_code == step.village_code])
    }
    # Where nothing is found with the step there is nothing to compare: most keys aren't judged a second time.
    before = await judge.judge(conn, own.keys(), until=step.occurred_at, unknown=foreign) if own else after
    known = [finding for one in before.detections.values() for finding in one.findings]
    new = [finding for found in own.values() for finding in found if finding not in known]
    return sorted(new, key=lambda finding: (_GRAVEST_FIRST.index(finding.grade), finding.rule_id, finding.dedupe_key))


async def _foreign(conn: Connection, judge: Judge, step: power.NodeCompleted) -> set[str]:
    """The key of the step's case if it is a case of another village: it would take on the step's village."""
    key = f"case:{step.case_id}"
    stored = (await judge.facts.load(conn, [key]))[key]
    return {key} if any(fact.village_code != step.village_code for fact in stored) else set()
