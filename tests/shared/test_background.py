"""Works without end: they wait, are woken and stop."""

import asyncio

import pytest

from shared.background import woken


@pytest.mark.parametrize("ticks", range(5))
async def test_a_work_that_is_woken_and_stopped_at_once_stops(ticks: int) -> None:
    event = asyncio.Event()

    async def work() -> None:
        while True:
            event.clear()
            await woken(event, 30)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=2)
    assert task.cancelled()


async def test_nobody_waits_longer_than_he_wants() -> None:
    await asyncio.wait_for(woken(asyncio.Event(), 0.01), 2)
