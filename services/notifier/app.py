"""Wiring of the notifier."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI

from services.notifier import clock, lifecycle, pages, routes, routing
from services.notifier.consumer import handle_batch
from services.notifier.deliveries import Deliveries
from services.notifier.stream import Hub
from services.notifier.vocabulary import vocabulary
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Database, Scope
from shared.settings import Settings
from shared.telemetry import logger
from shared.web import create_app

log = logger("notifier")


def build(settings: Settings) -> FastAPI:
    """The service over these settings. A routing table, life cycle or vocabulary that is malformed stops it here."""
    routing.table(), lifecycle.book(), vocabulary()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "notifier")
        await db.open()
        deliveries = Deliveries(db, settings)
        hub = Hub(db, wake=deliveries.wake)
        consumer = Consumer(db, settings, group="notifier", topics=[RAISED_TOPIC], handle=handle_batch)
        runners = {
            "consumer": consumer.run(),
            "relay": Relay(db, settings).run(),
            "stream": hub.run(),
            "deliveries": deliveries.run(),
            "clock": clock.run(db),
        }
        tasks = [asyncio.create_task(runner, name=name) for name, runner in runners.items()]
        for task in tasks:
            task.add_done_callback(_report)

        async def ready() -> bool:
            return not any(task.done() for task in tasks) and await _answers(db)

        app.state.db, app.state.hub, app.state.ready = db, hub, ready
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
            await db.close()

    app = create_app(service="notifier", settings=settings, title="云睛 预警 · Yunjing notifier", lifespan=lifespan)
    app.include_router(routes.router)
    app.include_router(pages.router)
    return app


def create() -> FastAPI:
    """The service over the environment's settings: `uvicorn --factory services.notifier.app:create`."""
    return build(Settings())


async def _answers(db: Database) -> bool:
    try:
        async with db.begin(Scope.public(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT true"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("notifier.task_died", task=task.get_name(), error=type(error).__name__)
