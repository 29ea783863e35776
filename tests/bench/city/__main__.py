"""`make city [RECORDS=622600]`: disclosure with a city's history, read by its villagers, rebuilt -> build/bench.json.

The regions of a service are those of one file. So the file of an invented city is written first, and all that is
measured runs in a process that was started with it.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from deploy.demo.simulator import Simulation, Size
from deploy.local import processes
from services.disclosure.read_models import MODELS, SUPERVISION, ReadModel
from services.disclosure.rebuild import rebuild
from shared.background import stopped
from shared.bus.envelope import Envelope
from tests.bench import figures
from tests.bench.city import places, visits
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_INSIDE = "YUNJING_BENCH_CITY"
_SEED = 11
_PER_SECOND = 20
_GOING_ON = 2_000
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
console = Console()


async def run(records: int, seconds: float) -> None:
    """Take in a history, serve it, build it anew; the figures as they come."""
    async with Ground() as ground:
        later = deque[Envelope]()
        _tell(await _taken(ground, records, later))
        async with ground.client("disclosure") as http, _going_on(ground, later):
            _tell(await visits.measure(http, seconds))
        _tell([await _rebuilt(ground, model) for model in MODELS.values()])


async def _taken(ground: Ground, records: int, later: deque[Envelope]) -> list[Figure]:
    """A city's history, Kafka to read models, by a fresh service; its last events are kept for `later`."""
    city = Simulation(seed=_SEED, size=Size(records, _UNTIL), secret=ground.settings.identity_secret)
    events = await ground.publish(_all_but_last(_GOING_ON, (envelope for _, envelope in city.events()), later))
    await ground.run("disclosure")
    before, began = await ground.consumed("disclosure"), time.perf_counter()
    await ground.drained("disclosure")
    public = time.perf_counter() - began
    await ground.drained("disclosure", consumer=SUPERVISION.group)
    both = time.perf_counter() - began
    how = (
        f"{events - before:,} of {events:,} simulated events in {public:.0f} s, with the cockpit's tables {both:.0f} s"
    )
    return [Figure("city_taken_per_s", round((events - before) / public), "events/s", 1_000, how)]


def _all_but_last(count: int, envelopes: Iterable[Envelope], last: deque[Envelope]) -> Iterator[Envelope]:
    for envelope in envelopes:
        last.append(envelope)
        if len(last) > count:
            yield last.popleft()


@asynccontextmanager
async def _going_on(ground: Ground, later: deque[Envelope]) -> AsyncIterator[None]:
    """While villagers read, things happen: a few events a second, of which each changes a village's page."""

    async def publish() -> None:
        while later:
            await ground.publish(later.popleft() for _ in range(min(_PER_SECOND, len(later))))
            await asyncio.sleep(1)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        await stopped({task})


async def _rebuilt(ground: Ground, model: ReadModel) -> Figure:
    began = time.perf_counter()
    dead = await rebuild(ground.settings, model)
    seconds = time.perf_counter() - began
    how = f"while the old one serves; {dead} dead letters"
    return Figure(f"city_rebuild_{model.name}_s", round(seconds, 1), "s", 1_800, how)


def _tell(measured: list[Figure]) -> None:
    figures.write(measured)
    for figure in measured:
        console.print(f"[bold]{figure.name}[/] {figure.value:,} {figure.unit} [dim]{figure.how}[/]")


def main() -> int:
    """Outside: write the city and begin again within it. Inside: measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="simulated events")
    parser.add_argument("--seconds", type=float, default=10, help="of each pace")
    wanted = parser.parse_args()
    if _INSIDE in os.environ:
        asyncio.run(run(wanted.records, wanted.seconds))
        return 0
    with TemporaryDirectory(prefix="yunjing-city-") as folder:
        inside = {_INSIDE: "1", "REGIONS_FILE": str(places.write(Path(folder)))}
        return processes.run([sys.executable, "-m", "tests.bench.city", *sys.argv[1:]], env=os.environ | inside)


if __name__ == "__main__":
    sys.exit(main())
