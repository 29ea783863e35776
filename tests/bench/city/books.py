"""The books compared when all is quiet: what was accepted against what each part of the system made of it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer

from services.notifier.reckoning import book
from shared import regions
from shared.audit.check import check_all
from shared.bus import topics
from shared.contracts import power
from shared.contracts.alerts import RAISED_TOPIC
from tests.bench.city.watch import FOLLOWERS, end_of, taken_by
from tests.bench.ground import Ground

_RAISED_AND_NOT_THERE = """
SELECT count(*) FROM detector.findings f FULL JOIN notifier.alerts a USING (alert_id)
WHERE (a.alert_id IS NULL AND f.state = 'open') OR f.alert_id IS NULL
"""
_WITHOUT_DESK = """
SELECT count(*) FROM notifier.alerts a WHERE NOT a.finished AND a.state <> 'withdrawn' AND NOT EXISTS (
    SELECT 1 FROM notifier.inbox i WHERE i.alert_id = a.alert_id AND i.removed_at IS NULL)
"""
_ON_WRONG_DESK = """
SELECT count(*) FROM notifier.inbox i JOIN notifier.alerts a USING (alert_id)
WHERE i.removed_at IS NULL AND split_part(i.desk, '@', 2) NOT IN (a.village_code, a.town_code, $1)
"""
_NOT_PUBLIC = """
SELECT count(*) FROM approval.cases a FULL JOIN disclosure.cases d ON a.case_id::text = d.case_id::text
WHERE a.case_id IS NULL OR d.case_id IS NULL
"""


@dataclass(frozen=True)
class Line:
    """One comparison: what it is about, and by how many its two sides differ."""

    name: str
    differs: int
    how: str


async def compare(ground: Ground, accepted: int, hooks: tuple[str, int]) -> list[Line]:
    """All of them; `hooks` is the town that another system follows, and how many changes it was told of."""
    conn = await asyncpg.connect(ground.settings.database_url)
    kafka = AIOKafkaConsumer(bootstrap_servers=ground.settings.kafka_bootstrap_servers)
    await kafka.start()
    try:
        return [
            *await _events(conn, kafka, accepted),
            *await _alerts(conn),
            await _webhook(conn, *hooks),
            await _dead(kafka),
            await _audit(ground),
            await _heartbeat(ground, conn),
        ]
    finally:
        await kafka.stop()
        await conn.close()


async def _events(conn: asyncpg.Connection, kafka: AIOKafkaConsumer, accepted: int) -> list[Line]:
    kept = int(await conn.fetchval("SELECT count(*) FROM approval.case_events"))
    ends = {topic: await end_of(kafka, topic) for topic in (power.TOPIC, RAISED_TOPIC)}
    lines = [
        Line("accepted_unkept", abs(accepted - kept), f"{accepted:,} accepted by the API, {kept:,} in approval's log"),
        Line("kept_unpublished", abs(kept - ends[power.TOPIC]), f"{ends[power.TOPIC]:,} events on the bus"),
    ]
    for name, schema, consumer, topic in FOLLOWERS:
        taken = await taken_by(conn, schema, consumer, topic)
        lines.append(Line(f"untaken_by_{name}", abs(ends[topic] - taken), f"{taken:,} of {ends[topic]:,} of {topic}"))
    missing, cases = (
        await conn.fetchval(_NOT_PUBLIC),
        await conn.fetchval("SELECT count(*) FROM approval.cases"),
    )
    return [*lines, Line("cases_not_public", missing, f"{cases:,} cases")]


async def _alerts(conn: asyncpg.Connection) -> list[Line]:
    raised = await conn.fetchval("SELECT count(*) FROM detector.findings")
    faults = await conn.fetchval("SELECT count(*) FROM detector.rule_faults")
    on_desks = await conn.fetchval("SELECT count(*) FROM notifier.inbox WHERE removed_at IS NULL")
    return [
        Line("alerts_lost", await conn.fetchval(_RAISED_AND_NOT_THERE), f"{raised:,} findings of the detector"),
        Line("alerts_without_desk", await conn.fetchval(_WITHOUT_DESK), f"{on_desks:,} on desks"),
        Line("alerts_on_wrong_desk", await conn.fetchval(_ON_WRONG_DESK, regions.COUNTY), "by village, town, county"),
        Line("rule_faults", faults, "keys that a rule could not be evaluated on"),
    ]


async def _webhook(conn: asyncpg.Connection, town: str, came: int) -> Line:
    kept = await conn.fetchval(
        "SELECT count(*) FROM approval.case_events JOIN approval.cases c USING (case_id) WHERE c.village_code LIKE $1",
        f"{town[:9]}%",
    )
    return Line("webhook_missing", max(0, kept - came), f"{came:,} messages for {kept:,} changes of one town")


async def _dead(kafka: AIOKafkaConsumer) -> Line:
    names = [name for name in topics.configurations() if name.endswith(".dlq")]
    found = {name: await end_of(kafka, name) for name in names}
    told = ", ".join(f"{count} in {name}" for name, count in found.items() if count)
    return Line("dead_letters", sum(found.values()), told or f"{len(names)} topics")


async def _audit(ground: Ground) -> Line:
    verdicts = await check_all(ground.settings)
    told = ", ".join(f"{one.service} {one.entries:,}" for one in verdicts)
    return Line("audit_broken", sum(not one.sound for one in verdicts), f"entries that verify: {told}")


async def _heartbeat(ground: Ground, conn: asyncpg.Connection) -> Line:
    """Whether the auditor of notices lives and has found none missing; what nobody has read yet is no loss."""
    stale = timedelta(seconds=book().stale_after_seconds)
    beat = await conn.fetchval("SELECT at FROM notifier.reckoning_beat")
    holes = await conn.fetch(
        "SELECT kind, count(*) AS n FROM notifier.reckoning_findings WHERE ended_at IS NULL GROUP BY 1"
    )
    ready = (await asyncio.to_thread(httpx.get, f"{ground.system.url('notifier')}/readyz", trust_env=False)).is_success
    green = ready and beat is not None and datetime.now(UTC) - beat < stale
    told = ", ".join(f"{row['n']} {row['kind']}" for row in holes) or "no hole"
    return Line("heartbeat_red", int(not green) + sum(row["n"] for row in holes), told)
