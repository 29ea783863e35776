"""Wiring of the notifier."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from services.notifier import alert_export, clock, pages, reckoning, reckoning_pages, retention, routes
from services.notifier.channels import channel_pages, channel_routes, gateways, subscriptions, unreached, webhook_routes
from services.notifier.channels.deliveries import Deliveries
from services.notifier.consumer import handle_batch
from services.notifier.folders import folder_clock, folder_paper_routes
from services.notifier.handling import handling_pages, handling_routes, lifecycle
from services.notifier.inquiries import inquiry_book, inquiry_pages, inquiry_routes
from services.notifier.live_response import server_ends
from services.notifier.noise import digests, noise, silence_pages, silence_routes, unmuting
from services.notifier.proposals import proposal_book, proposal_pages, proposal_routes
from services.notifier.routing import route_pages, route_routes, routing
from services.notifier.routing.plans import Plans
from services.notifier.stream import Hub
from services.notifier.vocabulary import vocabulary
from services.notifier.workbench import county_pages
from shared.audit import service as audit
from shared.background import running, spare_collector
from shared.bus.consumer import Consumer
from shared.bus.relay import Relay
from shared.clients import clients_need, person_only
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Database
from shared.settings import Settings
from shared.web import create_app

# The first alert of a burst waits for its batch, and so do the deeds of people meanwhile.
_MOST_AT_ONCE = 1_000
_SCRIPTS = Path(__file__).with_name("scripts")


def build(settings: Settings) -> FastAPI:
    """The service over these settings. What is malformed stops it: routes, life cycle, words, the county's gateways."""
    routing.file_plan(), lifecycle.book(), vocabulary(), noise.book(), inquiry_book.book(), proposal_book.book()
    reckoning.book()
    configured = gateways.load(settings.channels_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "notifier")
        deliveries = Deliveries(db, settings, configured)
        hub = Hub(db, wake=deliveries.wake, ends=server_ends)
        plans = Plans()
        routed = partial(handle_batch, plans=plans)
        consumer = Consumer(
            db, settings, group="notifier", topics=[RAISED_TOPIC], handle=routed, most_at_once=_MOST_AT_ONCE
        )
        account = reckoning.Reckoning(db)
        works = {
            "consumer": consumer.run(),
            "relay": Relay(db, settings).run(),
            "stream": hub.run(),
            "deliveries": deliveries.run(),
            "clock": clock.run(db),
            "folder_clock": folder_clock.run(db),
            "digests": digests.run(db, settings.notifier_url, subscriptions.subscribers, subscriptions.send_digest),
            "unreached": unreached.run(db, plans),
            "retention": retention.run(db),
            "reckoning": account.run(),
            "unmuting": unmuting.run(db),
        }
        app.state.db, app.state.hub, app.state.plans = db, hub, plans
        app.state.deliveries, app.state.gateways = deliveries, configured
        app.state.seated = lambda caller: plans.seated(db, caller, datetime.now(UTC))
        async with running(app, db, works | audit.works(app, db, settings), sound=lambda: account.beating):
            yield

    app = create_app(service="notifier", settings=settings, title="云睛 预警 · Yunjing notifier", lifespan=lifespan)
    app.mount("/scripts", StaticFiles(directory=_SCRIPTS))
    reading, persons = Depends(clients_need("alerts:read", reading_only=True)), Depends(person_only)
    app.include_router(alert_export.router, dependencies=[reading])
    app.include_router(routes.router, dependencies=[reading])
    app.include_router(webhook_routes.router, dependencies=[Depends(clients_need("webhooks:manage"))])
    for part in (route_routes, route_pages, handling_routes, handling_pages):
        app.include_router(part.router, dependencies=[persons])
    for part in (inquiry_routes, proposal_routes, inquiry_pages, proposal_pages, folder_paper_routes):
        app.include_router(part.router, dependencies=[persons])
    for part in (silence_routes, silence_pages, channel_routes, pages, county_pages, reckoning_pages):
        app.include_router(part.router, dependencies=[persons])
    audit.include(app, dependencies=[persons])
    app.include_router(channel_pages.router, dependencies=[persons])
    return app


def create() -> FastAPI:
    """The service over the environment's settings: `uvicorn --factory services.notifier.app:create`."""
    app = build(Settings())
    spare_collector()
    return app
