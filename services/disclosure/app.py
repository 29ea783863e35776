"""Wiring of disclosure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from services.disclosure import clock, desk, large_type, pages, routes, takedown_pages, takedowns
from services.disclosure.appeals import clock as appeals_clock
from services.disclosure.appeals import desk_pages as appeal_desk_pages
from services.disclosure.appeals import pages as appeal_pages
from services.disclosure.appeals.plan import plan
from services.disclosure.cache import VillageCache
from services.disclosure.cockpit import pages as cockpit_pages
from services.disclosure.cockpit import routes as cockpit_routes
from services.disclosure.cockpit.plan import plan as cockpit_plan
from services.disclosure.evaluation import pages as evaluation_pages
from services.disclosure.evaluation import routes as evaluation_routes
from services.disclosure.evaluation.indicators import plan as evaluation_plan
from services.disclosure.evaluation.reckoner import Reckoner
from services.disclosure.masking import masks
from services.disclosure.opendata import ocds
from services.disclosure.opendata import pages as data_pages
from services.disclosure.opendata import routes as data_routes
from services.disclosure.opendata.limits import WINDOW_SECONDS
from services.disclosure.opendata.maker import Maker
from services.disclosure.opendata.openness import OpenToAll
from services.disclosure.opendata.publication import publication
from services.disclosure.opendata.tables import tables
from services.disclosure.policies import desk_pages as policy_desk_pages
from services.disclosure.policies import draft_routes as policy_draft_routes
from services.disclosure.policies import import_pages as policy_import_pages
from services.disclosure.policies import pages as policy_pages
from services.disclosure.policies import routes as policy_routes
from services.disclosure.policies.plan import plan as policy_plan
from services.disclosure.proof import pages as paper_pages
from services.disclosure.proof import routes as paper_routes
from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.keeper import Keeper
from services.disclosure.read_models import PUBLIC, SUPERVISION
from services.disclosure.supervision.plan import plan as supervision_plan
from services.disclosure.vocabulary import vocabulary
from shared.audit import service as audit
from shared.background import running
from shared.buckets import Buckets
from shared.bus.relay import Relay
from shared.clients import person_only
from shared.db import Database
from shared.settings import Settings
from shared.web import create_app

_SCRIPTS = Path(__file__).with_name("scripts")


def build(settings: Settings) -> FastAPI:
    """The service over these settings. A list of masks, words or tables that is malformed stops it here.

    Raises `ValueError` without the key that signs the log of disclosed papers.
    """
    signer = Signer.of(settings.paper_log_key or "")
    masks(), vocabulary(), publication(), tables(), ocds.mapped(), plan(), supervision_plan(), cockpit_plan()
    evaluation_plan(), policy_plan()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(settings, "disclosure")
        village_cache = VillageCache(db)
        works = {
            "consumer": PUBLIC.consumer(db, settings).run(),
            "supervision": SUPERVISION.consumer(db, settings).run(),
            "relay": Relay(db, settings).run(),
            "cache": village_cache.run(),
            "downloads": Maker(db, settings).run(),
            "fading": clock.run(db),
            "papers": Keeper(db, signer).run(),
            "appeals_clock": appeals_clock.run(db, settings.identity_secret),
        }
        app.state.db, app.state.village_cache = db, village_cache
        app.state.evaluation = Reckoner(db)
        async with running(app, db, works | audit.works(app, db, settings)):
            yield

    app = create_app(service="disclosure", settings=settings, title="云睛公开 Yunjing disclosure", lifespan=lifespan)
    app.state.paper_signer = signer
    app.state.buckets = Buckets(publication().requests_per_minute, WINDOW_SECONDS)
    app.add_middleware(OpenToAll)
    app.mount("/scripts", StaticFiles(directory=_SCRIPTS))
    app.include_router(data_routes.router)
    app.include_router(paper_routes.router)
    app.include_router(cockpit_routes.router, dependencies=[Depends(person_only)])
    app.include_router(evaluation_routes.router, dependencies=[Depends(person_only)])
    app.include_router(policy_routes.router)
    app.include_router(policy_draft_routes.router, dependencies=[Depends(person_only)])
    app.include_router(routes.router)
    app.include_router(takedowns.router, dependencies=[Depends(person_only)])
    app.include_router(data_pages.router)
    app.include_router(policy_pages.router)
    app.include_router(desk.router, dependencies=[Depends(person_only)])
    app.include_router(takedown_pages.router, dependencies=[Depends(person_only)])
    app.include_router(policy_import_pages.router, dependencies=[Depends(person_only)])
    app.include_router(policy_desk_pages.router, dependencies=[Depends(person_only)])
    app.include_router(pages.router)
    app.include_router(large_type.router)
    app.include_router(paper_pages.router)
    app.include_router(appeal_pages.router)
    app.include_router(appeal_desk_pages.router, dependencies=[Depends(person_only)])
    app.include_router(cockpit_pages.router, dependencies=[Depends(person_only)])
    app.include_router(evaluation_pages.router, dependencies=[Depends(person_only)])
    audit.include(app, dependencies=[Depends(person_only)])
    return app


def create() -> FastAPI:
    """The service over the environment's settings: `uvicorn --factory services.disclosure.app:create`."""
    return build(Settings())
