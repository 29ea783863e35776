"""What is unaccounted for, over REST and as a page, and whether somebody still looks: for auditors and those above."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.notifier import reckoning
from services.notifier.schemas import Named
from shared import web
from shared.audit.routes import READERS
from shared.auth import Caller, require
from shared.contracts.alerts import Bilingual
from shared.db import Scope
from shared.principals import Principal
from shared.web import db_of

router = APIRouter(tags=["审计 audit"])
_templates = web.templates(Path(__file__).parent)


class Unaccounted(BaseModel):
    """An alert that should have gone on and did not; none for what concerns no single alert."""

    hole: Named
    alert_id: str | None
    since: datetime


class Account(BaseModel):
    """What is open now. `beating` is false when nobody has looked for minutes: then an empty list says nothing."""

    beating: bool
    last_at: datetime | None
    items: list[Unaccounted]


@router.get("/v1/reckoning", summary="通知对账 / What is unaccounted for")
async def show_reckoning(request: Request, caller: Caller) -> Account:
    """Alerts on no desk, unread, not escalated, and events that wait: the oldest first, a hundred at most."""
    return await _account(request, caller)


@router.get("/reckoning", include_in_schema=False)
async def show_reckoning_page(request: Request, caller: Caller) -> Response:
    """The same as a page."""
    account = await _account(request, caller)
    words = {"caller": caller, "account": account, "holes": reckoning.book().holes}
    return _templates.TemplateResponse(request, "reckoning.html", words)


async def _account(request: Request, caller: Principal) -> Account:
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found, last = await reckoning.standing(conn), await reckoning.last_beat(conn)
    stale = timedelta(seconds=reckoning.book().stale_after_seconds)
    return Account(
        beating=last is not None and datetime.now(UTC) - last < stale,
        last_at=last,
        items=[Unaccounted(hole=_named(one.kind), alert_id=one.alert_id, since=one.since) for one in found],
    )


def _named(kind: str) -> Named:
    hole = reckoning.book().holes[kind]
    return Named.of(kind, Bilingual(zh=hole.zh, en=hole.en))
