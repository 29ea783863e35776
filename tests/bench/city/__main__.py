"""`make city [RECORDS=622600]`: a whole city on this machine -> build/bench.json, build/city_timeline.json.

Its registers and its history come in through the public APIs while officials watch, villagers read and clerks file;
then the books are compared, its pages are read as fast as they go, and its read models are built anew.

The regions of a service are those of one file. So the file of an invented city is written first, and all that is
measured runs in a process that was started with it.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from deploy.demo.simulator import Simulation, Size
from deploy.local import processes
from services.disclosure.read_models import MODELS, ReadModel
from services.disclosure.rebuild import rebuild
from shared.contracts.reference import Record
from tests.bench import figures
from tests.bench.city import account, books, day, ledgers, places, visits
from tests.bench.city.cells import Numbers
from tests.bench.city.day import Paces
from tests.bench.city.ledgers import Ledger
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_INSIDE = "YUNJING_BENCH_CITY"
_SEED = 11
_ENDED = timedelta(days=3)
_EVENTS_PER_PLANTING = 40_000
console = Console()


async def run(wanted: argparse.Namespace) -> int:
    """The day, its books, its pages, its rebuilds; the figures as they come. 1 when the books differ."""
    async with Ground() as ground:
        records, files = _written(ground, wanted.records)
        lived, watch = await day.live(
            ground, records, files, Paces(wanted.streams, wanted.pages, wanted.cases_per_minute)
        )
        watch.write()
        lines = await books.compare(ground, lived.accepted, (lived.followed, lived.hooks))
        _tell(account.figures_of(lived, watch, lines, ground, len(records)))
        for line in lines:
            console.print(f"{'[red]✗[/]' if line.differs else '[green]✓[/]'} {line.name} {line.differs}: {line.how}")
        if wanted.seconds:
            async with ground.client("disclosure") as http:
                _tell(await visits.measure(http, wanted.seconds))
            _tell([await _rebuilt(ground, model) for model in MODELS.values()])
    return int(any(line.differs for line in lines))


def _written(ground: Ground, records: int) -> tuple[list[Record], list[Ledger]]:
    """A city's registers, and its history as files."""
    began = time.perf_counter()
    size = Size(records, datetime.now(UTC) - _ENDED, planted=max(1, records // _EVENTS_PER_PLANTING))
    city = Simulation(seed=_SEED, size=size, secret=ground.settings.identity_secret)
    registers = city.records()
    folder = ground.settings.data_dir / "ledgers"
    folder.mkdir(parents=True)
    files = ledgers.write(city.cases(), Numbers(city.county), folder)
    rows, cases = (sum(getattr(file, name) for file in files) for name in ("rows", "cases"))
    console.print(
        f"{rows:,} rows of {cases:,} cases in {len(files)} ledgers, {len(registers):,} records of registers,"
        f" written in {time.perf_counter() - began:.0f} s"
    )
    return registers, files


async def _rebuilt(ground: Ground, model: ReadModel) -> Figure:
    began = time.perf_counter()
    dead = await rebuild(ground.settings, model)
    seconds = time.perf_counter() - began
    how = f"while the old one serves; {dead} dead letters"
    return Figure(f"city_rebuild_{model.name}_s", round(seconds, 1), "s", 1_800, how)


def _tell(measured: Iterable[Figure]) -> None:
    measured = list(measured)
    figures.write(measured)
    for figure in measured:
        console.print(f"[bold]{figure.name}[/] {figure.value:,} {figure.unit} [dim]{figure.how}[/]", soft_wrap=True)


def main() -> int:
    """Outside: write the city and begin again within it. Inside: measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="rows of history, about; a city's are 622600")
    parser.add_argument("--streams", type=int, default=300, help="alert streams that officials hold open")
    parser.add_argument("--pages", type=float, default=5, help="village pages read a second meanwhile")
    parser.add_argument("--cases-per-minute", type=float, default=20, help="cases filed over REST meanwhile")
    parser.add_argument("--seconds", type=float, default=5, help="of each pace of the pages afterwards; 0 for neither")
    wanted = parser.parse_args()
    if _INSIDE in os.environ:
        return asyncio.run(run(wanted))
    with TemporaryDirectory(prefix="yunjing-city-") as folder:
        inside = {_INSIDE: "1", "REGIONS_FILE": str(places.write(Path(folder)))}
        return processes.run([sys.executable, "-m", "tests.bench.city", *sys.argv[1:]], env=os.environ | inside)


if __name__ == "__main__":
    sys.exit(main())
