"""The detector, wired: pool, rulebook, consumer, relay, clock, REST."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from fastapi import FastAPI

from services.detector import metrics, rules
from services.detector.clock import Clock
from services.detector.consumer import GROUP, TOPICS, DetectorConsumer
from services.detector.judging import Judge
from services.detector.routes import router
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.db import Database, Scope
from shared.settings import Settings
from shared.telemetry import logger
from shared.web import create_app

_EVALUATION_FACTS = 50_000
log = logger("detector")


def create() -> FastAPI:
    """The app by the environment's settings, for `uvicorn --factory`."""
    return build(Settings())


def build(settings: Settings) -> FastAPI:
    """The app by these settings; raises the rulebook's error when a rule doesn't compile."""
    rulebook = rules.load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "detector")
        await db.open()
        judge = Judge(rulebook)
        # Evaluations see only what is committed, so they hold their own; the consumer's may be of an open transaction.
        app.state.evaluating = Judge(rulebook, facts_held=_EVALUATION_FACTS)
        app.state.db = db
        consumer = Consumer(db, settings, group=GROUP, topics=TOPICS, handle=DetectorConsumer(judge).handle_batch)
        clock = Clock(db, settings, judge)
        tasks = [
            _start("consumer", consumer.run()),
            _start("relay", Relay(db, settings).run()),
            _start("clock", clock.run()),
        ]

        async def ready() -> bool:
            return clock.ticking and not any(task.done() for task in tasks) and await _answers(db)

        app.state.ready = ready
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await db.close()

    app = create_app(service="detector", settings=settings, title="云睛 侦测 · Yunjing detector", lifespan=lifespan)
    app.state.rulebook = rulebook
    app.include_router(router)
    return app


def _start(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A background task whose end is logged and counted, for it has none."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return
    metrics.TASKS_DEAD.inc()
    log.error("task.dead", task=task.get_name(), exc_info=task.exception())


async def _answers(db: Database) -> bool:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with db.begin(Scope.system(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT true"))
    return False
