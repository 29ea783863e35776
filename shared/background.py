"""What a service does beside answering: works without end. One that ends is an error, and `/readyz` shows it."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from fastapi import FastAPI

from shared.db import DATABASE_FAULTS, Database, Scope
from shared.telemetry import TASKS_DEAD, logger

Work = Coroutine[Any, Any, None]
_AGAIN_SECONDS = 2.0
_COLLECT_AFTER = (50_000, 20, 50)
_TURN_SECONDS = 0.002
T = TypeVar("T")
log = logger("background")


@asynccontextmanager
async def running(
    app: FastAPI, db: Database, works: Mapping[str, Work], *, sound: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    """Open the pool and run the works until the app stops; ready while all live, `sound` holds and the pool answers."""
    await db.open()
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    for task in tasks:
        task.add_done_callback(_ended)

    async def ready() -> bool:
        return sound() and not any(task.done() for task in tasks) and await _answers(db)

    app.state.ready = ready
    try:
        yield
    finally:
        await stopped(tasks)
        await db.close()


async def stopped(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended; what they end with is theirs.

    Again and again: `asyncio.wait_for` of Python 3.11, which libraries wait by, loses a cancellation that comes with
    what it waits for, and a task that is told once may go on for ever.
    """
    going = set(tasks)
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_AGAIN_SECONDS)


def spare_collector() -> None:
    """Look less often through what lives long and holds few cycles: facts, streams, the code itself.

    For a process that serves, once what it was started with is loaded; it cost a fifth of the detector's time.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def every(seconds: float, name: str, look: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until cancelled: at once while `look` says that there is more, else `seconds` later.

    A fault of the database is told and waited out.
    """
    while True:
        try:
            while await look():
                continue
        except DATABASE_FAULTS as error:
            log.warning("background.interrupted", task=name, error=type(error).__name__)
        await asyncio.sleep(seconds)


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or so many seconds.

    Not by `asyncio.wait_for`: that of Python 3.11 loses a cancellation that comes with the event, and whoever stops a
    service would wait for its works for ever.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def by_turns(items: Iterable[T], *, seconds: float = _TURN_SECONDS) -> AsyncIterator[T]:
    """The items one by one; whoever else is served by this process has his turn so often at least."""
    began = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - began >= seconds:
            await asyncio.sleep(0)
            began = time.monotonic()


def _ended(task: asyncio.Task[None]) -> None:
    # What a library raises of its own cancellations ends a work as an error does; only who was asked may end so.
    if not task.cancelling():
        TASKS_DEAD.labels(task.get_name()).inc()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        log.error("background.dead", task=task.get_name(), exc_info=error)


async def _answers(db: Database) -> bool:
    with suppress(*DATABASE_FAULTS):
        async with db.begin(Scope.public(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT true"))
    return False
