"""What every answer to the public needs: the database as anybody reads it, a village's address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from services.disclosure import village_page
from services.disclosure.cache import VillageCache
from shared.db import Connection, Scope
from shared.settings import Settings
from shared.web import db_of, settings_of


@asynccontextmanager
async def public(request: Request) -> AsyncIterator[Connection]:
    """A transaction that sees what anybody may see."""
    db = db_of(request)
    async with db.begin(Scope.public(), readonly=True) as conn:
        yield conn


def village_cache(request: Request) -> VillageCache:
    """The ready pages of villages."""
    cache: VillageCache = request.app.state.village_cache
    return cache


def own_url(request: Request) -> str:
    """Where anybody finds this service."""
    settings: Settings = settings_of(request)
    return settings.disclosure_url.rstrip("/")


def page_address(request: Request, code: str) -> str:
    """Where anybody finds a village's page; raises `BadVillageCode`, `NoSuchVillage`."""
    return f"{own_url(request)}/villages/{village_page.check(code)}"
