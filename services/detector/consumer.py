"""A batch from Kafka, start to end: facts and registers in, verdicts out, all in the consumer's one transaction."""

from collections.abc import Iterable
from datetime import UTC, datetime

from services.detector import locks, metrics
from services.detector.appeal_records import appeal_of
from services.detector.distil import Fact, facts_of
from services.detector.judging import Judge
from services.detector.reference import TOPICS as REFERENCE_TOPICS
from services.detector.reference import RecordChange
from services.detector.rule_changes import change_of
from shared.bus.envelope import Envelope
from shared.contracts import appeals, papers, power, rulesets
from shared.contracts.base import Contract
from shared.db import Connection

GROUP = "detector"
TOPICS = (power.TOPIC, *REFERENCE_TOPICS, rulesets.TOPIC, appeals.TOPIC)
_KEYS_AT_ONCE = 1_000
_POWER_EVENTS: dict[str, type[Contract]] = {event.TYPE: event for event in power.EVENTS}  # type: ignore[attr-defined]
_POWER_EVENTS[papers.PaperRead.TYPE] = papers.PaperRead


class DetectorConsumer:
    """Handles batches of `power.events`, `reference.*`, `rules.changes` and `appeals.events`."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def handle_batch(self, conn: Connection, batch: list[Envelope]) -> None:
        """Take a batch in; raises on an event that doesn't fit its contract."""
        with metrics.step("read"):
            fresh = _by_key(fact for event in batch if event.topic == power.TOPIC for fact in _facts(event))
        records = [change for event in batch if (change := _record(event))]
        changes = [change_of(event) for event in batch if event.topic == rulesets.TOPIC]
        touched: frozenset[str] = frozenset()
        if records or changes:
            await locks.lock_registers(conn)
            touched = await self._judge.registers.apply(conn, records) if records else touched
            touched |= await self._judge.rules.apply(conn, changes)
        else:
            await locks.lock_keys(conn, fresh)
        metrics.BATCH_EVENTS.observe(len(batch))
        metrics.BATCH_KEYS.observe(len(touched | fresh.keys()))
        await self._settle(conn, sorted(fresh), fresh)
        again = sorted(touched - fresh.keys())
        for start in range(0, len(again), _KEYS_AT_ONCE):
            await self._settle(conn, again[start : start + _KEYS_AT_ONCE], {})

    async def _settle(self, conn: Connection, keys: list[str], fresh: dict[str, list[Fact]]) -> None:
        if keys:
            judgement = await self._judge.judge(conn, keys, fresh=fresh)
            await self._judge.keep(conn, judgement, datetime.now(UTC))


def _record(event: Envelope) -> RecordChange | None:
    """What an event says of a register's record."""
    if event.topic == appeals.TOPIC:
        return appeal_of(event)
    return RecordChange.of(event) if event.topic in REFERENCE_TOPICS else None


def _facts(event: Envelope) -> list[Fact]:
    """The facts of an event of a case that fits its contract; none of a type that came later than this code."""
    contract = _POWER_EVENTS.get(event.type)
    if contract is None:
        return []
    contract.model_validate(event.data)
    return facts_of(event)


def _by_key(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    grouped: dict[str, list[Fact]] = {}
    for fact in facts:
        grouped.setdefault(fact.key, []).append(fact)
    return grouped
