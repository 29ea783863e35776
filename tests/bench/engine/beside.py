"""Our detector and an established engine on one machine, broker and database: how fast, how dear, and the same alerts?

Each of three takes the same log from its beginning, one after another: our detector with all rules, our detector with
the rules that the engine is asked, the engine. Then both are shown, at a steady pace, second uses of invoices.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from deploy.demo.simulator import Simulation, Size, told_record
from deploy.local.prepare import tables
from shared.contracts import reference
from tests.bench.engine import ours, registers
from tests.bench.engine.esper import Esper
from tests.bench.engine.invoices import PER_SECOND, Invoices
from tests.bench.engine.same import Alert, Compared, compare
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground
from tests.bench.spent import cpu_seconds, peak_mb

_SEED = 11
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
_EVENTS_PER_PLANTING = 40_000
_PATIENCE_SECONDS = 900.0
_GROUP = "engine"
_SUBSET = "tests.bench.engine.ours:create"
_WHOLE = "services.detector.app:create"


@dataclass(frozen=True)
class Run:
    """One side's way through the log."""

    events: int
    seconds: float
    cpu: float
    database_cpu: float
    broker_cpu: float
    memory_mb: float

    @property
    def pace(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for an event, database and broker included."""
        return (self.cpu + self.database_cpu + self.broker_cpu) / self.events * 1e6

    def told(self) -> str:
        """For people."""
        return (
            f"{self.events} events in {self.seconds:.1f} s; seconds of CPU: {self.cpu:.1f} its own, "
            f"{self.database_cpu:.1f} the database, {self.broker_cpu:.1f} the broker; {self.memory_mb:.0f} MB at most"
        )


async def measure(records: int) -> list[Figure]:
    """On a ground of its own, for each side must begin with nothing."""
    with TemporaryDirectory(prefix="yunjing-engine-") as folder:
        async with Ground() as ground:
            return await _measure(ground, records, Path(folder))


async def _measure(ground: Ground, records: int, folder: Path) -> list[Figure]:
    size = Size(records, _UNTIL, planted=max(1, records // _EVENTS_PER_PLANTING))
    county = Simulation(seed=_SEED, size=size, secret=ground.settings.identity_secret)
    known, whole_url = county.records(), ground.settings.database_url
    await ground.publish(told_record(record) for record in known)
    subset_url = await _second_database(ground)
    for url, factory in ((whole_url, _WHOLE), (subset_url, _SUBSET)):
        await _run(ground, url, factory)
        for dataset in reference.DATASETS:
            await ground.drained("detector", reference.topic(dataset))
        ground.stop("detector")
    await registers.fill(subset_url, known)
    invoices = Invoices(subset_url)
    events = await ground.publish(invoices.seen(envelope) for _, envelope in county.events())

    whole = await _ours(ground, whole_url, _WHOLE, events)
    ground.stop("detector")
    subset = await _ours(ground, subset_url, _SUBSET, events)
    await _silence_judged(subset_url)
    ground.stop("detector")
    mine = await _found(subset_url, "SELECT rule_id, body->>'dedupe_key' FROM detector.findings WHERE state = 'open'")

    esper = Esper(folder, ground.settings.kafka_bootstrap_servers, subset_url, ours.rulebook())
    await asyncio.to_thread(esper.start)
    try:
        engine = await _theirs(ground, esper, events)
        yours = await _found(subset_url, "SELECT rule_id, about FROM engine.alerts")
        engine_lags = await invoices.at_pace(ground, "engine", lambda more: _taken(ground, events + more))
    finally:
        esper.stop()
    await _run(ground, subset_url, _SUBSET)
    await ground.drained("detector")
    our_lags = await invoices.at_pace(ground, "ours", lambda _: ground.drained("detector"))
    return _figures(whole, subset, engine, compare(mine, yours), our_lags, engine_lags)


async def _second_database(ground: Ground) -> str:
    """A database beside the first one, on the same server, with all tables; its address as the owner."""
    at = urlsplit(ground.settings.database_url)
    url = urlunsplit(at._replace(path="/subset"))
    conn = await asyncpg.connect(ground.settings.database_url)
    try:
        await conn.execute("CREATE DATABASE subset")
    finally:
        await conn.close()
    await tables(ground.settings.model_copy(update={"database_url": url}))
    return url


async def _run(ground: Ground, url: str, factory: str) -> None:
    ground.system.factories["detector"] = factory
    await ground.restart("detector", database_url=url)


async def _ours(ground: Ground, url: str, factory: str, events: int) -> Run:
    await _run(ground, url, factory)
    before = await ground.consumed("detector")
    return await _timed(ground, ground.system.pid("detector"), events - before, lambda: ground.drained("detector"))


async def _theirs(ground: Ground, esper: Esper, events: int) -> Run:
    return await _timed(ground, esper.pid, events, lambda: _taken(ground, events))


async def _timed(ground: Ground, pid: int, events: int, drained: Callable[[], Awaitable[None]]) -> Run:
    """What it takes until the rest of the log is taken and its alerts are committed."""
    kafka, postgres = ground.servers
    pids = (pid, postgres.pid, kafka.pid)
    spent, began = [cpu_seconds(one) for one in pids], time.perf_counter()
    await drained()
    seconds = time.perf_counter() - began
    own, database, broker = (cpu_seconds(one) - earlier for one, earlier in zip(pids, spent, strict=True))
    return Run(events, seconds, own, database, broker, peak_mb(pid))


async def _taken(ground: Ground, events: int) -> None:
    """Wait until the engine has taken so many events, by the offsets that it commits after its alerts."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                offsets = (await admin.list_consumer_group_offsets(_GROUP)).values()
                if sum(one.offset for one in offsets) >= events:
                    return
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def _silence_judged(url: str) -> None:
    """Wait until our clock has judged every term that has passed until now."""
    conn = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                if not await conn.fetchval("SELECT EXISTS (SELECT FROM detector.deadlines WHERE due_at <= now())"):
                    return
                await asyncio.sleep(0.5)
    finally:
        await conn.close()


async def _found(url: str, query: str) -> list[Alert]:
    conn = await asyncpg.connect(url)
    try:
        return [(row[0], row[1]) for row in await conn.fetch(query)]
    finally:
        await conn.close()


def _figures(
    whole: Run, subset: Run, engine: Run, found: Compared, our_lags: Sequence[float], engine_lags: Sequence[float]
) -> list[Figure]:
    asked = f"{len(ours.RULES)} rules ({', '.join(sorted(ours.RULES))})"
    beside = (
        f"Esper 9.0 {engine.told()}; our detector with all rules {whole.pace:.0f} events/s ({whole.told()}); {asked}; "
        f"{found.told()}. The engine keeps its state in memory alone: after a crash it reads the log from its "
        "beginning, may write twice, doesn't judge again when a register or an earlier fact comes late, withdraws "
        "nothing and keeps no evidence; our detector does, in PostgreSQL, within the figure"
    )
    lags = f"{len(our_lags)} second uses of invoices at {PER_SECOND}/s, from before the event is sent to the row seen"
    return [
        Figure("engine_events_per_s", round(engine.pace), "events/s", None, f"{engine.told()}; {asked}"),
        Figure("detector_subset_events_per_s", round(subset.pace), "events/s", None, f"{subset.told()}; {asked}"),
        Figure("detector_whole_events_per_s", round(whole.pace), "events/s", None, f"{whole.told()}; all rules"),
        Figure("engine_over_subset", round(engine.pace / subset.pace, 2), "ratio", None, beside),
        *(
            figure
            for side, run in (("engine", engine), ("detector_subset", subset))
            for figure in (
                Figure(f"{side}_cpu_us", round(run.cpu_us), "us", None, f"database and broker included; {run.told()}"),
                Figure(f"{side}_memory_mb", round(run.memory_mb), "MB", None, run.told()),
            )
        ),
        Figure("engine_alerts_differing", found.differing, "alerts", 0, found.told()),
        Figure("engine_alert_p50_ms", round(quantile(engine_lags, 0.5), 1), "ms", None, lags),
        Figure("engine_alert_p99_ms", round(quantile(engine_lags, 0.99), 1), "ms", None, lags),
        Figure("detector_alert_p50_ms", round(quantile(our_lags, 0.5), 1), "ms", None, lags),
        Figure("detector_alert_p99_ms", round(quantile(our_lags, 0.99), 1), "ms", None, lags),
    ]
