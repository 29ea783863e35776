"""The detector, wired: pool, rulebook, consumer, relay, clock, REST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from services.detector import rules
from services.detector.backtests import Runner
from services.detector.clock import Clock
from services.detector.consumer import GROUP, TOPICS, DetectorConsumer
from services.detector.judging import Judge
from services.detector.register_routes import router as register_router
from services.detector.routes import router
from services.detector.rules import Rulebook
from services.detector.ruleset_routes import router as ruleset_router
from shared.audit import service as audit
from shared.background import running, spare_collector
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.clients import clients_need, person_only
from shared.db import Database
from shared.settings import Settings
from shared.web import create_app

_EVALUATION_FACTS = 50_000


def create() -> FastAPI:
    """The app by the environment's settings, for `uvicorn --factory`."""
    app = build(Settings())
    spare_collector()
    return app


def build(settings: Settings, rulebook: Rulebook | None = None) -> FastAPI:
    """The app by these settings and our rulebook, or another; raises its error when a rule doesn't compile."""
    rulebook = rulebook or rules.load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "detector")
        judge = Judge(rulebook)
        # Evaluations see only what is committed, so they hold their own; the consumer's may be of an open transaction.
        app.state.evaluating = Judge(rulebook, facts_held=_EVALUATION_FACTS)
        app.state.db = db
        consumer = Consumer(db, settings, group=GROUP, topics=TOPICS, handle=DetectorConsumer(judge).handle_batch)
        clock = Clock(db, settings, judge)
        works = {"consumer": consumer.run(), "relay": Relay(db, settings).run(), "clock": clock.run()}
        works |= audit.works(app, db, settings)
        app.state.backtests = runner = Runner(db, settings)
        async with running(app, db, works, sound=lambda: clock.ticking):
            try:
                yield
            finally:
                await runner.stop()

    app = create_app(service="detector", settings=settings, title="云睛 侦测 · Yunjing detector", lifespan=lifespan)
    app.state.rulebook = rulebook
    app.include_router(register_router, dependencies=[Depends(clients_need("registers:manage"))])
    app.include_router(router, dependencies=[Depends(clients_need("detection:read"))])
    app.include_router(ruleset_router, dependencies=[Depends(person_only)])
    audit.include(app, dependencies=[Depends(person_only)])
    return app
