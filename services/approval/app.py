"""The approval service: its wiring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from services.approval import bulk_routes, feed_routes, flow_pages, flows, kinship, pages, routes
from services.approval.callers import Rates, person_only
from services.approval.feed import Line
from services.approval.idempotency import forget_old
from services.approval.imports import job_routes as import_job_routes
from services.approval.imports import pages as import_pages
from services.approval.imports import routes as import_routes
from services.approval.imports import worker as importing
from services.approval.prompts import Prompter
from services.approval.recognition import reading_pages
from services.approval.recognition import routes as reading_routes
from services.approval.rest import rest
from services.approval.uploads import pieces
from services.approval.uploads import routes as upload_routes
from services.approval.webhooks import queue
from services.approval.webhooks import routes as webhook_routes
from services.approval.webhooks.sender import Sender
from services.approval.work import clock
from services.approval.work import pages as work_pages
from services.approval.work import routes as work_routes
from services.approval.work.deputies import Deputies
from shared.audit import service as audit
from shared.background import every, running
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.db import Database, Scope
from shared.settings import Settings
from shared.web import create_app

_HOUR = 3600
_SCRIPTS = Path(__file__).with_name("scripts")
_EXAMPLES = Path(__file__).with_name("examples.yaml")


def create() -> FastAPI:
    """The service with the settings of its environment."""
    return build(Settings())


def build(settings: Settings) -> FastAPI:
    """The service: API, pages, the relay of its events; raises `CatalogueError` for an unsound catalogue."""
    flows.load()
    db = Database(settings, "approval")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.prompter = Prompter(settings.detector_url)
        app.state.sender = sender = Sender(db, settings)
        app.state.importer = importer = importing.Worker(db, settings)
        register = Consumer(db, settings, group=kinship.GROUP, topics=[kinship.TOPIC], handle=kinship.take)
        works = {
            "relay": Relay(db, settings).run(),
            "kinship": register.run(),
            "forgetting": _forget_old_answers(db, settings),
            "imports": importer.run(),
            "changes": Line(db, queue.fan_out, sender.wake).run(),
            "webhooks": sender.run(),
            "reminders": clock.run(db),
        }
        async with running(app, db, works | audit.works(app, db, settings)):
            yield
        await app.state.prompter.close()

    app = create_app(service="approval", settings=settings, title="云睛 审批 · Yunjing approval", lifespan=lifespan)
    app.state.db = db
    app.state.deputies = deputies = Deputies(db)
    app.state.seated = deputies.seated
    app.state.rates = Rates(counted=settings.rate_limits)
    app.state.scopes = {name: f"{scope.zh} / {scope.en}" for name, scope in rest().scopes.items()}
    app.state.examples = yaml.safe_load(_EXAMPLES.read_text(encoding="utf-8"))
    app.mount("/scripts", StaticFiles(directory=_SCRIPTS))
    app.include_router(routes.router)
    app.include_router(bulk_routes.router)
    app.include_router(feed_routes.router)
    app.include_router(webhook_routes.router)
    app.include_router(upload_routes.router)
    app.include_router(reading_routes.router)
    app.include_router(import_routes.router)
    app.include_router(import_job_routes.router)
    app.include_router(work_routes.router)
    app.include_router(work_pages.router, dependencies=[Depends(person_only)])
    app.include_router(pages.router, dependencies=[Depends(person_only)])
    app.include_router(flow_pages.router, dependencies=[Depends(person_only)])
    app.include_router(reading_pages.router, dependencies=[Depends(person_only)])
    app.include_router(import_pages.router, dependencies=[Depends(person_only)])
    audit.include(app, dependencies=[Depends(person_only)])
    return app


async def _forget_old_answers(db: Database, settings: Settings) -> None:
    async def look() -> bool:
        async with db.begin(Scope.system()) as conn:
            await forget_old(conn)
            await queue.forget_old(conn)
            await pieces.forget_old(conn)
        await importing.forget_old(db, settings)
        return False

    await every(_HOUR, "idempotency", look)
