"""Villages' pages and their JSON, all of a city's in any order, against the same server answering a constant."""

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random

import httpx
from prometheus_client.parser import text_string_to_metric_families

from shared import regions
from tests.bench.figures import Figure, quantile

_CONSTANT = "/healthz"
_VISITORS = 16
_READ = "yunjing_village_pages_total"
Path = Callable[[str], str]
_WANTED: dict[str, Path] = {
    "city_data": lambda code: f"/v1/villages/{code}",
    "city_page": lambda code: f"/villages/{code}",
}


async def measure(http: httpx.AsyncClient, seconds: float) -> list[Figure]:
    """The pace of each as fast as it goes, the latency at half of that, and how many reads met memory."""
    villages = [village.code for village in regions.villages()]
    constant = await _pace(http, lambda _: _CONSTANT, villages, seconds)
    found = [Figure("city_constant_per_s", round(constant), "answers/s", 0, f"{_VISITORS} visitors, {_CONSTANT}")]
    for name, path in _WANTED.items():
        await _once_each(http, path, villages)
        before = await _reads(http)
        pace = await _pace(http, path, villages, seconds)
        times = await _at_pace(http, path, villages, pace / 2, seconds)
        memory, database = (now - then for now, then in zip(await _reads(http), before, strict=True))
        met = memory / (memory + database)
        how = f"{len(villages)} villages at random, {_VISITORS} visitors: {pace:.0f}/s; {met:.2%} answered from memory"
        late = f"{len(times)} at {pace / 2:.0f}/s, as they were asked for"
        found.append(Figure(f"{name}_ratio", round(pace / constant, 3), "ratio", 0.7, how))
        found.append(Figure(f"{name}_p99_ms", round(quantile(times, 0.99), 2), "ms", 10, late))
    return found


async def _once_each(http: httpx.AsyncClient, path: Path, villages: Sequence[str]) -> None:
    for code in villages:
        (await http.get(path(code))).raise_for_status()


async def _pace(http: httpx.AsyncClient, path: Path, villages: Sequence[str], seconds: float) -> float:
    """Answers a second with every visitor asking again at once."""
    ends, count, rng = time.perf_counter() + seconds, 0, Random(1)

    async def visit() -> None:
        nonlocal count
        while time.perf_counter() < ends:
            (await http.get(path(rng.choice(villages)))).raise_for_status()
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(visit() for _ in range(_VISITORS)))
    return count / (time.perf_counter() - began)


async def _at_pace(
    http: httpx.AsyncClient, path: Path, villages: Sequence[str], per_second: float, seconds: float
) -> list[float]:
    """The milliseconds of each answer at a steady pace."""
    times: list[float] = []
    rng = Random(2)

    async def visit(code: str) -> None:
        began = time.perf_counter()
        (await http.get(path(code))).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            group.create_task(visit(rng.choice(villages)))
    return times


async def _reads(http: httpx.AsyncClient) -> tuple[float, float]:
    """Villages' pages read so far: from memory, and from the database."""
    told = (await http.get("/metrics")).text
    found = {
        sample.labels["held_in"]: sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == _READ
    }
    return found.get("memory", 0.0), found.get("database", 0.0)
