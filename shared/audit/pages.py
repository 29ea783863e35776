"""The auditor's pages: who saw, changed or exported what, one entry, and whether the log still is what it was."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from shared import web
from shared.audit import search
from shared.audit.deeds import deeds
from shared.audit.routes import READERS, EntryId, read, verify, watch_of
from shared.audit.schemas import AuditQuery
from shared.auth import Caller, require
from shared.contracts.base import WithoutNul
from shared.db import Scope
from shared.forms import Day
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(prefix="/audit", include_in_schema=False)
_templates = web.templates(Path(__file__).parent)
_PAGE = 50
AnyDay = Annotated[Day | Literal[""], Query()]


@router.get("")
async def show_audit(
    request: Request,
    caller: Caller,
    actor: Annotated[WithoutNul, Query(max_length=100)] = "",
    action: Annotated[WithoutNul, Query(max_length=60)] = "",
    object: Annotated[WithoutNul, Query(max_length=200)] = "",
    since: AnyDay = "",
    until: AnyDay = "",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The log, the latest first."""
    require(caller, *READERS)
    wanted = AuditQuery(
        actor=actor.strip() or None,
        action=action or None,
        object=object.strip() or None,
        since=_begins(since),
        until=_begins(until, days=1),
        after=after,
        limit=_PAGE,
    )
    found = await read(db_of(request), caller, wanted)
    chosen = {"actor": actor, "action": action, "object": object, "since": str(since), "until": str(until)}
    moments = {"from": wanted.since, "to": wanted.until}
    asked = {name: chosen[name] for name in ("actor", "action", "object") if chosen[name]}
    return _templates.TemplateResponse(
        request,
        "audit.html",
        {
            "caller": caller,
            "page": found,
            "deeds": deeds(),
            "chosen": chosen,
            "later": urlencode(chosen | {"after": found.next}) if found.next else None,
            "export": urlencode(asked | {name: at.isoformat() for name, at in moments.items() if at}),
            "verdict": watch_of(request).last,
            "service": db_of(request).schema,
        },
    )


@router.post("/verification")
async def verify_now(request: Request, caller: Caller) -> Response:
    """Check the chain now and show the log again."""
    require(caller, *READERS)
    await verify(request, caller)
    return RedirectResponse("/audit", status_code=303)


@router.get("/{id}")
async def show_entry(request: Request, caller: Caller, id: EntryId) -> Response:
    """One entry with its place in the chain."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        entry = await search.entry(conn, id)
    return _templates.TemplateResponse(request, "audit_entry.html", {"caller": caller, "entry": entry})


def _begins(day: date | Literal[""], *, days: int = 0) -> datetime | None:
    """When a day of Shanghai begins, or the one so many days later; None for no day."""
    if day == "":
        return None
    return datetime.combine(day + timedelta(days=days), time(), SHANGHAI).astimezone(UTC)
