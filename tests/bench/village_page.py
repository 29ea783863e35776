"""The village page as JSON against the same server answering a constant, and its latency at half load."""

import asyncio
import time

import httpx

from tests.bench.figures import Figure, quantile
from tests.bench.freshness import PAGE
from tests.bench.ground import Ground
from tests.bench.ready_cases import prepare

_CONSTANT = "/healthz"
_VILLAGE = "330421107201"
_VISITORS = 16


async def measure(ground: Ground, seconds: float) -> list[Figure]:
    """Both as fast as they go, then the page at half of its pace."""
    await ground.run("approval", "detector", "disclosure")
    await prepare(ground, 200, part=3)
    await ground.drained("disclosure")
    page = PAGE.format(village=_VILLAGE)
    async with ground.client("disclosure") as http:
        constant = await _pace(http, _CONSTANT, seconds)
        paced = await _pace(http, page, seconds)
        times = await _at_pace(http, page, paced / 2, seconds)
    how = f"{_VISITORS} visitors on the same machine: {paced:.0f}/s the page, {constant:.0f}/s the constant"
    return [
        Figure("village_page_ratio", round(paced / constant, 3), "ratio", 0.7, how),
        Figure("village_page_p99_ms", round(quantile(times, 0.99), 2), "ms", 10, f"{len(times)} at {paced / 2:.0f}/s"),
    ]


async def _pace(http: httpx.AsyncClient, path: str, seconds: float) -> float:
    """Answers a second with every visitor asking again at once."""
    ends, count = time.perf_counter() + seconds, 0

    async def visit() -> None:
        nonlocal count
        while time.perf_counter() < ends:
            (await http.get(path)).raise_for_status()
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(visit() for _ in range(_VISITORS)))
    return count / (time.perf_counter() - began)


async def _at_pace(http: httpx.AsyncClient, path: str, per_second: float, seconds: float) -> list[float]:
    """The milliseconds of each answer at a steady pace."""
    times: list[float] = []

    async def visit() -> None:
        began = time.perf_counter()
        (await http.get(path)).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            group.create_task(visit())
    return times
