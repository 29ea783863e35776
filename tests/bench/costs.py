"""What an event costs: CPU and memory of each server, bytes that stay in Kafka and PostgreSQL.

The detector, the notifier and disclosure take a county's history together; approval is asked for awards over HTTP.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg
import orjson

from deploy.demo.simulator import Simulation, Size, told_record
from shared import regions
from shared.contracts import alerts, reference
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.ready_cases import award, prepare
from tests.bench.spent import cpu_seconds, held_mb

_SEED = 11
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
_EVENTS_PER_PLANTING = 40_000
_SERVICES = ("detector", "notifier", "disclosure")
_AWARDS = 300
_SIZES = """
SELECT n.nspname, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' GROUP BY 1
"""
_OUTBOX_EMPTY = "SELECT NOT EXISTS (SELECT FROM detector.outbox)"
_JSON = {"content-type": "application/json"}
Amounts = Mapping[str, float]


async def measure(records: int) -> list[Figure]:
    """On a ground of its own, from registers that are known already."""
    async with Ground() as ground:
        size = Size(records, _UNTIL, planted=max(1, records // _EVENTS_PER_PLANTING))
        county = Simulation(seed=_SEED, size=size, secret=ground.settings.identity_secret)
        await ground.publish(told_record(record) for record in county.records())
        await ground.run(*_SERVICES)
        for dataset in reference.DATASETS:
            await ground.drained("detector", reference.topic(dataset))
        kept, stored, before = ground.broker_bytes(), await _stored(ground), _spent(ground)
        events = await ground.publish(envelope for _, envelope in county.events())
        await _all_taken(ground)
        spent, grown = _less(_spent(ground), before), _less(await _stored(ground), stored)
        log = ground.broker_bytes() - kept
        approving = await _approving(ground)
        held = {name: held_mb(pid) for name, pid in _pids(ground, "approval").items()}
    how = f"{events} simulated events of a county over all rules and read models, its registers known before"
    schemas = ", ".join(f"{schema} {size / events:.0f}" for schema, size in sorted(grown.items()) if size)
    cpu = {name: seconds / events for name, seconds in spent.items()}
    asked = f"{_AWARDS} awards one after another over HTTP, their papers filed before"
    return [
        Figure("cost_kafka_bytes", round(log / events), "bytes", None, f"all topics, one copy, compressed; {how}"),
        Figure(
            "cost_postgres_bytes",
            round(sum(grown.values()) / events),
            "bytes",
            None,
            f"{schemas}; approval's own tables come on top; {how}",
        ),
        Figure("cost_cpu_us_approval", round(approving * 1e6), "us", None, asked),
        *(Figure(f"cost_cpu_us_{name}", round(each * 1e6), "us", None, how) for name, each in cpu.items()),
        *(
            Figure(f"cost_memory_mb_{name}", round(most), "MB", None, f"at the end; {how}")
            for name, most in held.items()
        ),
    ]


def _pids(ground: Ground, *more: str) -> dict[str, int]:
    kafka, postgres = ground.servers
    services = {service: ground.system.pid(service) for service in (*_SERVICES, *more)}
    return {**services, "postgres": postgres.pid, "kafka": kafka.pid}


def _spent(ground: Ground) -> Amounts:
    """Seconds of CPU of each server until now."""
    return {name: cpu_seconds(pid) for name, pid in _pids(ground).items()}


async def _stored(ground: Ground) -> Amounts:
    """Bytes of each schema."""
    conn = await asyncpg.connect(ground.settings.database_url)
    try:
        return {row[0]: float(row[1]) for row in await conn.fetch(_SIZES)}
    finally:
        await conn.close()


def _less(after: Amounts, before: Amounts) -> Amounts:
    return {name: amount - before.get(name, 0) for name, amount in after.items()}


async def _all_taken(ground: Ground) -> None:
    """Wait until everybody has taken the events, and the alerts that came of them."""
    await ground.drained("detector")
    await ground.until(_OUTBOX_EMPTY)
    await ground.drained("notifier", alerts.RAISED_TOPIC)
    for consumer in ("disclosure", "supervision"):
        await ground.drained("disclosure", consumer=consumer)


async def _approving(ground: Ground) -> float:
    """Approval's seconds of CPU for an award."""
    await ground.run("approval")
    drafts = await prepare(ground, _AWARDS, part=9)
    pid = ground.system.pid("approval")
    async with ground.client("approval", f"handler@{regions.COUNTY}") as http:
        began = cpu_seconds(pid)
        for draft in drafts:
            path = f"/v1/cases/{draft.case_id}/complete"
            answer = await http.post(path, content=orjson.dumps(award(draft)), headers=_JSON)
            answer.raise_for_status()
        return (cpu_seconds(pid) - began) / len(drafts)
