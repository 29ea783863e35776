"""What a service does beside answering: works without end. One that ends is an error, and `/readyz` shows it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from fastapi import FastAPI

from shared.db import Database, Scope
from shared.telemetry import TASKS_DEAD, logger

Work = Coroutine[Any, Any, None]
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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await db.close()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        TASKS_DEAD.labels(task.get_name()).inc()
        log.error("background.dead", task=task.get_name(), exc_info=task.exception())


async def _answers(db: Database) -> bool:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with db.begin(Scope.public(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT true"))
    return False
