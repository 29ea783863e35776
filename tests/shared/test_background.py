"""Works without end: they wait, are woken and stop."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from shared.background import _ended, by_turns, stopped, woken


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


async def test_a_task_that_loses_its_first_cancellation_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.background._AGAIN_SECONDS", 0.05)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            lost += 1  # as a library does that waits by `asyncio.wait_for`
        await asyncio.sleep(30)

    async def broken() -> None:
        raise OSError

    tasks = {asyncio.create_task(deaf()), asyncio.create_task(broken())}
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await stopped(tasks)
    assert lost == 1
    assert all(task.done() for task in tasks)


async def test_a_work_that_ends_by_a_cancellation_nobody_asked_for_is_told_as_dead() -> None:
    def told() -> float:
        return REGISTRY.get_sample_value("yunjing_tasks_dead_total", {"task": "leaking"}) or 0.0

    async def leaking() -> None:
        raise asyncio.CancelledError

    async def lasting() -> None:
        await asyncio.sleep(30)

    before = told()
    task, asked = (asyncio.create_task(work, name="leaking") for work in (leaking(), lasting()))
    await asyncio.wait({task})
    _ended(task)
    assert told() == before + 1
    await stopped({asked})
    _ended(asked)
    assert told() == before + 1


async def test_others_have_their_turn_between_the_items_of_a_long_work() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    assert [item async for item in by_turns(range(9), seconds=60)] == list(range(9))
    assert turns == 0
    assert [item async for item in by_turns(range(9), seconds=0)] == list(range(9))
    assert turns == 9
    await stopped({beside})
