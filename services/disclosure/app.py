"""Wiring of disclosure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI

from services.disclosure import pages, routes
from services.disclosure.cache import VillageCache
from services.disclosure.consumer import handle_batch
from services.disclosure.masking import masks
from services.disclosure.vocabulary import vocabulary
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.contracts import alerts, power
from shared.db import Database, Scope
from shared.settings import Settings
from shared.telemetry import logger
from shared.web import create_app

_TOPICS = (power.TOPIC, alerts.RAISED_TOPIC)
log = logger("disclosure")


def build(settings: Settings) -> FastAPI:
    """The service over these settings. A list of masks or words that is malformed stops it here."""
    masks(), vocabulary()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "disclosure")
        await db.open()
        villages = VillageCache(db)
        runners = {
            "consumer": Consumer(db, settings, group="disclosure", topics=_TOPICS, handle=handle_batch).run(),
            "relay": Relay(db, settings).run(),
            "cache": villages.run(),
        }
        tasks = [asyncio.create_task(runner, name=name) for name, runner in runners.items()]
        for task in tasks:
            task.add_done_callback(_report)

        async def ready() -> bool:
            return not any(task.done() for task in tasks) and await _answers(db)

        app.state.db, app.state.villages, app.state.ready = db, villages, ready
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
            await db.close()

    app = create_app(service="disclosure", settings=settings, title="云睛公开 Yunjing disclosure", lifespan=lifespan)
    app.include_router(routes.router)
    app.include_router(pages.router)
    return app


def create() -> FastAPI:
    """The service over the environment's settings: `uvicorn --factory services.disclosure.app:create`."""
    return build(Settings())


async def _answers(db: Database) -> bool:
    try:
        async with db.begin(Scope.public(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT true"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("disclosure.task_died", task=task.get_name(), error=type(error).__name__)
