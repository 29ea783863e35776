"""A county's whole history through one detector, Kafka to committed alerts, and the nightly batch beside it."""

import time
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.simulator import Simulation, Size, told_record
from shared.contracts import power, reference
from shared.db import Database, Scope
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.nightly import Nightly

_REACH = 10_000
_SEED = 11
_EVENTS_PER_PLANTING = 40_000
_STEPS = "yunjing_detector_step_seconds"
_WAIT = (
    "from an event to the batch of 02:00 Beijing time, mean over the same history; ours is told while it happens: "
    "see push_p50_ms and detector_alert_p50_ms"
)
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)


async def measure(ground: Ground, records: int) -> list[Figure]:
    """Publish a simulated county as approval's relay would, then let a fresh detector take it."""
    size = Size(records, _UNTIL, planted=max(1, records // _EVENTS_PER_PLANTING))
    county = Simulation(seed=_SEED, size=size, secret=ground.settings.identity_secret)
    registers = county.records()
    await ground.publish(told_record(record) for record in registers)
    await ground.run("detector")
    for dataset in reference.DATASETS:
        await ground.drained("detector", reference.topic(dataset))
    ground.stop("detector")
    nightly = Nightly(registers)
    events = await ground.publish(nightly.take(envelope) for _, envelope in county.events())
    await ground.run("detector")
    before, began = await ground.consumed("detector"), time.perf_counter()
    await ground.drained("detector", power.TOPIC)
    seconds = time.perf_counter() - began
    pace = (events - before) / seconds
    how = (
        f"{events} simulated events and {len(registers)} register records, {await _alerts(ground)} alerts, one "
        f"detector process, timed over the {events - before} events left when it was ready; {await _parts(ground)}"
    )
    batch, found = await nightly.run(ground.settings.database_url)
    days = (size.period.until - size.period.since).days
    ours = events / days / pace
    beside = (
        f"one night's SQL batch over all {events} events takes {batch:.2f} s ({found} rows; tables filled and indexed "
        f"beforehand, 11 questions beside our 123 rules), the {events / days:.0f} events of a mean day take us "
        f"{ours:.3f} s at the pace of this run, each answered as it comes instead of in the morning; to read the whole "
        f"history once takes us {events / pace:.1f} s"
    )
    return [
        Figure("replay_events_per_s", round(pace, 1), "events/s", _REACH, how),
        Figure("replay_over_batch", round(batch / ours, 1), "ratio", 10, beside),
        Figure("nightly_wait_h", round(nightly.mean_wait, 1), "h", 0, _WAIT),
    ]


async def _parts(ground: Ground) -> str:
    """Where the detector's time went, by its own metrics: seconds of each step, of whole batches, and of CPU."""
    async with ground.client("detector") as http:
        told = (await http.get("/metrics")).text
    samples = [one for family in text_string_to_metric_families(told) for one in family.samples]
    steps = [f"{one.labels['step']} {one.value:.1f}" for one in samples if one.name == f"{_STEPS}_total"]
    batches = sum(one.value for one in samples if one.name == "yunjing_batch_seconds_sum")
    cpu = sum(one.value for one in samples if one.name == "process_cpu_seconds_total")
    return f"seconds: {', '.join(steps)}, batches in all {batches:.1f}, CPU of the process {cpu:.1f}"


async def _alerts(ground: Ground) -> int:
    db = Database(ground.settings, "detector")
    await db.open()
    try:
        async with db.begin(Scope.system(), readonly=True) as conn:
            return int(await conn.fetchval("SELECT count(*) FROM findings"))
    finally:
        await db.close()
