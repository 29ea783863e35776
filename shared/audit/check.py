"""Whether the audit logs still are what they were: each against itself and against the heads that were published.

`make audit`: 0 all sound, 1 the first broken entry is named, 2 it could not be checked.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.audit.chain import Break, Walk, genuine
from shared.audit.sealer import COLUMNS, entry_of
from shared.bus import topics
from shared.bus.connection import connection
from shared.bus.envelope import Undecodable, decode
from shared.contracts.audit import TOPIC, AuditSealed
from shared.db import SCHEMAS, Database, Scope
from shared.settings import Settings
from shared.telemetry import AUDIT_CHECKED, AUDIT_SOUND

SOUND, BROKEN, UNKNOWN = 0, 1, 2
# Longer than any deed runs, far longer than the sealer waits.
_PUBLISHED_WITHIN = timedelta(minutes=5)
_PREFETCH = 1000
_POLL_MS = 500
_CHAIN = f"SELECT {COLUMNS} FROM audit_log WHERE number IS NOT NULL ORDER BY number"
_UNSEALED = "SELECT min(at) FROM audit_log WHERE number IS NULL"


@dataclass(frozen=True)
class Verdict:
    """What a check of one service's log came to: sound when nothing is broken."""

    service: str
    entries: int
    hash: str
    heads: int
    at: datetime
    seconds: float
    broken: Break | None = None

    @property
    def sound(self) -> bool:
        """Whether the log is what it was."""
        return self.broken is None


async def published_heads(settings: Settings) -> list[AuditSealed]:
    """All genuine heads of all services, from the first on; raises `KafkaError`."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(settings.kafka_topic_prefix + TOPIC, n) for n in range(topics.partitions(TOPIC))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[AuditSealed] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
            found += [head for records in polled.values() for record in records if (head := _head(record, settings))]
        return found
    finally:
        await consumer.stop()


def _head(record: object, settings: Settings) -> AuditSealed | None:
    """A head in a record; None for what no service of ours has published."""
    try:
        envelope = decode(TOPIC, record.key, record.value, record.headers)  # type: ignore[attr-defined]
        head = AuditSealed.model_validate(envelope.data)
    except (Undecodable, ValueError):
        return None
    return head if genuine(head, settings.identity_secret) else None


async def check(db: Database, heads: Sequence[AuditSealed]) -> Verdict:
    """Walk one service's whole log. The heads must have been read before: what is sealed later leads past them."""
    began, walk = time.monotonic(), Walk(db.schema, heads)
    broken: Break | None = None
    async with db.begin(Scope.system(), readonly=True) as conn:
        oldest = await conn.fetchval(_UNSEALED)
        async for row in conn.cursor(_CHAIN, prefetch=_PREFETCH):
            if broken := walk.step(entry_of(row)):
                break
            if walk.number % _PREFETCH == 0:
                await asyncio.sleep(0)  # others of this process have their turn
    now = datetime.now(UTC)
    broken = broken or walk.end() or _left_open(walk, oldest, now)
    AUDIT_SOUND.labels(db.schema).set(broken is None)
    AUDIT_CHECKED.labels(db.schema).set(now.timestamp())
    return Verdict(db.schema, walk.number, walk.hash, walk.heads, now, time.monotonic() - began, broken)


def _left_open(walk: Walk, unsealed: datetime | None, now: datetime) -> Break | None:
    """What should have been sealed and published long ago and was not: nothing would prove that it is as it was."""
    since = min((at for at in (walk.open_since, unsealed) if at), default=now)
    if since > now - _PUBLISHED_WITHIN:
        return None
    return Break(
        walk.proved + 1,
        f"自 {since:%Y-%m-%d %H:%M} UTC 起没有封存或公布链头",
        f"Not sealed, or no head published, since {since:%Y-%m-%d %H:%M} UTC",
    )


async def check_all(settings: Settings) -> list[Verdict]:
    """Check the logs of all services; raises `KafkaError`, `asyncpg.PostgresError`, `OSError`."""
    heads, verdicts = await published_heads(settings), []
    for schema in SCHEMAS:
        db = Database(settings, schema)
        await db.open()
        try:
            verdicts.append(await check(db, heads))
        finally:
            await db.close()
    return verdicts


def _told(verdict: Verdict) -> str:
    rate = f"{verdict.entries} 条 entries, {verdict.heads} 个链头 heads, {verdict.seconds:.1f} s"
    if verdict.broken is None:
        return f"✓ {verdict.service}: {rate}, {verdict.hash}"
    return f"✗ {verdict.service}: 第 {verdict.broken.number} 条 {verdict.broken.zh} / {verdict.broken.en}"


def main() -> int:
    """`python -m shared.audit.check`."""
    try:
        verdicts = asyncio.run(check_all(Settings()))
    except (KafkaError, asyncpg.PostgresError, OSError) as error:
        print(f"✗ 无法核对 It could not be checked: {error}", file=sys.stderr)
        return UNKNOWN
    for verdict in verdicts:
        print(_told(verdict), file=sys.stdout if verdict.sound else sys.stderr)
    return SOUND if all(verdict.sound for verdict in verdicts) else BROKEN


if __name__ == "__main__":
    sys.exit(main())
