"""`python -m tests.bench.history --events 600000`: what an event costs after so long a history, database and all.

The history is written by the detector's own reading of events, without judging it: 600,000 events are a county's of
some 24 years. What goes beyond stands for further counties beside it, with villages and people of their own, but the
same companies, accounts, agents and auditors: keys that cross villages go on growing. Then the latest events take the
consumer's own way, in processes that share the villages as they would share Kafka's partitions. With `--awards` the
latest events are awards as `push` has them, each of which raises a red alert: `--awards --batch 5` is about its pace.
"""

import argparse
import asyncio
import pickle
import re
import resource
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import asyncpg
import orjson
import psutil
from uvicorn.loops.auto import auto_loop_factory

from deploy.demo.simulator import Simulation, Size, told_record
from deploy.local.postgres import Postgres
from services.detector import locks, rules
from services.detector.consumer import GROUP, DetectorConsumer
from services.detector.distil import Fact, facts_of
from services.detector.judging import Judge
from shared import db
from shared.background import spare_collector
from shared.bus.envelope import Envelope, Headers, decode, encode
from shared.db import Database, Scope
from shared.regions import COUNTY
from shared.settings import Settings
from tests.bench.awards import awarded

COUNTY_EVENTS = 600_000
_SEED = 11
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
_ROWS_AT_ONCE, _RECORDS_AT_ONCE, _KEYS_AT_ONCE = 50_000, 1_000, 1_000
_FACTS = ("key", "event_id", "kind", "occurred_at", "village_code", "data")
_TUNING = {"wal_level": "minimal", "max_wal_senders": "0"}
_OWN = re.compile(rb'"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})"')
_SIZES = """
SELECT c.relname, c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c WHERE c.relnamespace = 'detector'::regnamespace AND c.relkind = 'r'
ORDER BY bytes DESC LIMIT 6
"""
_PATIENCE_SECONDS = 7_200
Record = tuple[str, bytes, bytes | None, Headers]
T = TypeVar("T")
_ready: Barrier


@dataclass(frozen=True)
class Task:
    """The latest events, in a file, and how they are to be judged; `server` is PostgreSQL's process."""

    settings: Settings
    server: int
    latest: Path
    instances: int
    batch: int


@dataclass(frozen=True)
class Cost:
    """What one process spent on its share of the latest events, in seconds (CPU: its own, the database's) and MB."""

    events: int
    keys: int
    warming: float
    wall: float
    cpu: float
    database: float
    resident: int


def told(events: int, latest: deque[Envelope], settings: Settings) -> tuple[list[Envelope], Iterator[Envelope]]:
    """A county's registers, and its events with those of the counties beside it; its `latest` are kept back."""
    counties = max(1, round(events / COUNTY_EVENTS))
    county = Simulation(seed=_SEED, size=Size(events // counties, _UNTIL), secret=settings.identity_secret)

    def past() -> Iterator[Envelope]:
        for _, envelope in county.events():
            if len(latest) == latest.maxlen:
                yield latest.popleft()
            latest.append(envelope)
            for number in range(1, counties):
                yield beside(envelope, number)

    return [told_record(record) for record in county.records()], past()


def beside(envelope: Envelope, number: int) -> Envelope:
    """The same event in a county beside: other villages, cases, people and invoices, the same companies."""
    village, mark = f"{int(COUNTY[:6]) + number}".encode(), f"{number:03x}".encode()
    text = orjson.dumps([envelope.id, envelope.key, envelope.subject, envelope.data])
    text = _OWN.sub(lambda found: b'"%03x%b"' % (int(found[1][:3], 16) ^ number, found[1][3:]), text)
    text = text.replace(b'"' + COUNTY[:6].encode(), b'"' + village)
    text = text.replace(b'"invoice_no":"', b'"invoice_no":"' + mark)
    id, key, subject, data = orjson.loads(text)
    return Envelope(id, envelope.source, envelope.type, envelope.time, key, envelope.topic, data, subject)


async def build(settings: Settings, registers: Iterable[Envelope], past: Iterable[Envelope]) -> int:
    """Registers by the consumer's own way, the history's facts in bulk; returns how many events."""
    consumer, pool = DetectorConsumer(Judge(rules.load())), Database(settings, "detector")
    await pool.open()
    for records in _chunks(registers, _RECORDS_AT_ONCE):
        async with pool.begin(Scope.system()) as conn:
            await consumer.handle_batch(conn, records)
    await pool.close()
    conn = await asyncpg.connect(settings.database_url, server_settings={"search_path": "detector"})
    count, began = 0, time.monotonic()
    try:
        for events in _chunks(past, _ROWS_AT_ONCE):
            rows = [_row(fact) for event in events for fact in facts_of(event)]
            await conn.copy_records_to_table("facts", columns=_FACTS, records=rows)
            seen = [(event.id, GROUP) for event in events]
            await conn.copy_records_to_table("seen_events", columns=("event_id", "consumer"), records=seen)
            count += len(events)
            print(f"  {count:,} events written, {time.monotonic() - began:.0f} s", flush=True)
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()
    return count


def _row(fact: Fact) -> tuple[object, ...]:
    text = orjson.dumps(fact.data).decode()
    return fact.key, fact.event_id, fact.kind, fact.occurred_at, fact.village_code, text


def share(task: Task, part: int) -> Cost:
    """Judge one share of the latest events, in batches, after the keys they touch are judged as they stood."""
    latest: list[Envelope] = pickle.loads(task.latest.read_bytes())
    mine = [one for one in latest if zlib.crc32(one.key.encode()) % task.instances == part]
    # The loop and the collector as the service has them.
    with asyncio.Runner(loop_factory=auto_loop_factory(use_subprocess=True)) as runner:
        return runner.run(_judged(task, [(one.topic, *encode(one)) for one in mine]))


async def _judged(task: Task, records: list[Record]) -> Cost:
    judge, pool = Judge(rules.load()), Database(task.settings, "detector")
    consumer, server = DetectorConsumer(judge), psutil.Process(task.server)
    await pool.open()
    spare_collector()
    keys = sorted({fact.key for record in records for fact in facts_of(decode(*record))})
    began = time.perf_counter()
    for some in _chunks(keys, _KEYS_AT_ONCE):
        async with pool.begin(Scope.system()) as conn:
            await locks.lock_keys(conn, some)
            await judge.keep(conn, await judge.judge(conn, some), _UNTIL)
    warming = time.perf_counter() - began
    await asyncio.to_thread(_ready.wait)
    began, cpu, database = time.perf_counter(), time.process_time(), _busy(server)
    for taken in _chunks(records, task.batch):
        envelopes = [decode(*record) for record in taken]
        async with pool.begin(Scope.system()) as conn:
            await consumer.handle_batch(conn, envelopes)
    wall, cpu, database = time.perf_counter() - began, time.process_time() - cpu, _busy(server) - database
    await pool.close()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Cost(len(records), len(keys), warming, wall, cpu, database, resident)


def measure(task: Task) -> None:
    """Let the processes judge the latest events at once, and print what it cost."""
    context = get_context("spawn")
    ready = context.Barrier(task.instances, timeout=_PATIENCE_SECONDS)
    with ProcessPoolExecutor(task.instances, context, _await, (ready,)) as pool:
        costs = list(pool.map(share, [task] * task.instances, range(task.instances)))
    events = sum(cost.events for cost in costs)
    keys, warming = sum(cost.keys for cost in costs), max(cost.warming for cost in costs)
    cpu, database = sum(cost.cpu for cost in costs), max(cost.database for cost in costs)
    print(
        f"{events:,} events in batches of {task.batch}, {task.instances} process(es): "
        f"{events / max(cost.wall for cost in costs):,.0f} events/s; an event: {cpu / events * 1e6:,.0f} us CPU, "
        f"{database / events * 1e6:,.0f} us CPU of PostgreSQL, "
        f"{sum(cost.wall for cost in costs) / events * 1e6:,.0f} us of a process's time; "
        f"resident {max(cost.resident for cost in costs):,} MB at most. "
        f"Before that {keys:,} keys from a cold start in {warming:.1f} s",
        flush=True,
    )


def _await(ready: Barrier) -> None:
    global _ready
    _ready = ready


def _busy(server: psutil.Process) -> float:
    """CPU seconds of the database so far, with its sessions, also those that have ended."""
    own = server.cpu_times()
    sessions = [session.cpu_times() for session in server.children(recursive=True)]
    ended = own.children_user + own.children_system
    return float(ended + sum(one.user + one.system for one in (own, *sessions)))


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


async def _sizes(settings: Settings) -> str:
    conn = await asyncpg.connect(settings.database_url)
    try:
        rows = await conn.fetch(_SIZES)
    finally:
        await conn.close()
    return ", ".join(f"{row['relname']} {row['bytes'] / 2**20:,.0f} MB ({max(0, row['rows']):,} rows)" for row in rows)


def _built(settings: Settings, events: int, file: Path, most: int, awards: bool) -> int:
    """Make the tables and the history, keep the latest events in a file; runs in a process of its own."""
    latest: deque[Envelope] = deque(maxlen=1 if awards else most)
    registers, past = told(events, latest, settings)
    if awards:
        before, told_last = awarded(most, settings.identity_secret, _UNTIL)
        past, latest = chain(past, before), deque(told_last)

    async def make() -> int:
        await db.provision(settings)
        await db.migrate(settings, "detector")
        return await build(settings, registers, past)

    count = asyncio.run(make())
    file.write_bytes(pickle.dumps(list(latest)))
    return count


def run(wanted: argparse.Namespace, folder: Path) -> None:
    """Build the history in a database of its own, and measure."""
    postgres = Postgres(folder / "postgres", tuning=_TUNING)
    settings = Settings(
        database_url=postgres.start(),
        kafka_bootstrap_servers="127.0.0.1:1",
        identity_secret="identity-secret-of-the-bench",
        session_secret="session-secret-of-the-bench",
        paper_log_key="be" * 32,
        oidc_issuer="http://issuer.bench",
    )
    file, began = folder / "latest", time.monotonic()
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            count = pool.submit(_built, settings, wanted.events, file, wanted.latest, wanted.awards).result()
        print(f"{count:,} events of history in {time.monotonic() - began:.0f} s: {asyncio.run(_sizes(settings))}")
        server = int((folder / "postgres" / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        measure(Task(settings, server, file, wanted.instances, wanted.batch))
    finally:
        postgres.stop()


def main() -> None:
    """Read what is wanted, measure it, leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="of history and latest together")
    parser.add_argument("--latest", type=int, default=2_000, help="events that are judged and timed")
    parser.add_argument("--awards", action="store_true", help="the latest events are awards, beside the history")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--instances", type=int, default=1, help="detector processes")
    wanted = parser.parse_args()
    with TemporaryDirectory(prefix="yunjing-history-", ignore_cleanup_errors=True) as folder:
        run(wanted, Path(folder))


if __name__ == "__main__":
    main()
