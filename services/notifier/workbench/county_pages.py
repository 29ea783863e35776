"""The county at a glance: for who leads it, who audits it, and each town's secretary for his own town."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.notifier import reckoning
from services.notifier.handling import lifecycle
from services.notifier.proposals import proposal_store
from services.notifier.proposals.proposal_schemas import ProposalFilter
from services.notifier.vocabulary import vocabulary
from services.notifier.workbench import county
from shared import audit, regions, web
from shared.audit.routes import READERS
from shared.auth import Caller, require
from shared.db import Scope
from shared.web import db_of

LEADERS = (*READERS, "town_secretary")
router = APIRouter(include_in_schema=False)
_templates = web.templates(Path(__file__).parent.parent)


@router.get("/county")
async def show_county(request: Request, caller: Caller) -> Response:
    """What is late, unread, undelivered and slow, town by town, as far as the caller may read it."""
    require(caller, *LEADERS)
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "alerts.listed", "alerts", hourly=True)
        seen = await county.overview(conn, now)
        late, more = await proposal_store.search(conn, ProposalFilter(overdue=True), now)
    states = [code for code in lifecycle.book().states if any(code in town.states for town in seen.towns)]
    values: dict[str, Any] = {
        "caller": caller,
        "seen": seen,
        "now": now,
        "columns": states,
        "states": lifecycle.book().states,
        "most": max((count for town in seen.towns for count in town.states.values()), default=1),
        "holes": [(reckoning.book().holes[kind], count) for kind, count in seen.holes.items()],
        "reckons": any(caller.has(role) for role in READERS),
        "late": late,
        "more_late": more is not None,
        "words": vocabulary(),
        "region": regions.name,
        "lasting": _lasting,
    }
    return _templates.TemplateResponse(request, "county.html", values)


def _lasting(seconds: float | None) -> str:
    """A span for people: minutes, hours or days."""
    if seconds is None:
        return "—"
    if seconds < 3600:
        return f"{seconds / 60:.0f} 分钟 min"
    return f"{seconds / 3600:.1f} 小时 h" if seconds < 86400 else f"{seconds / 86400:.1f} 天 d"
