"""The notifier's REST API under /v1."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.notifier import errors, inbox, standing
from services.notifier.handling import moves
from services.notifier.handling.handling_schemas import MoveRequest
from services.notifier.handling.history_schemas import History
from services.notifier.handling.lifecycle import Move
from services.notifier.idempotency import RequestKey
from services.notifier.live_response import LiveResponse
from services.notifier.routing import routing
from services.notifier.schemas import AlertFilter, AlertPage, AlertView
from services.notifier.stream import Hub, Reader
from services.notifier.workbench import listing
from shared import audit
from shared.auth import Caller, current_principal
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of

router = APIRouter(prefix="/v1", tags=["预警 alerts"])


@router.get("/alerts", summary="预警列表 / List alerts", responses=problems(errors.BadCursor))
async def list_alerts(request: Request, caller: Caller, wanted: Annotated[AlertFilter, Query()]) -> AlertPage:
    """The alerts on the caller's desks: red first and the newest of a grade first, unless `sort` says otherwise."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "alerts.listed", "alerts", hourly=True)
        items, after = await listing.search(conn, wanted)
    return AlertPage(items=items, next=after)


@router.get(
    "/alerts/{alert_id}",
    response_model=AlertView,
    summary="预警详情 / Read an alert",
    responses=problems(errors.NoSuchAlert) | {304: {"description": "没有变化 / Unchanged"}},
)
async def show_alert(
    request: Request, response: Response, caller: Caller, alert_id: UUID, if_none_match: Annotated[str, Header()] = ""
) -> AlertView | Response:
    """One alert with all its evidence, its desks and who read it there. The caller's first reading is kept.

    Its `ETag` stands for all that this caller sees of it: sent back in `If-None-Match`, what is unchanged answers 304.
    """
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held = await inbox.find(conn, alert_id)
        await inbox.mark_read(conn, held, caller)
        view = await moves.seen(conn, held, caller)
    tag = f'W/"{hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'
    if tag in (each.strip() for each in if_none_match.split(",")):
        return Response(status_code=304, headers={"etag": tag})
    response.headers["etag"] = tag
    return view


@router.get(
    "/alerts/{alert_id}/history",
    summary="办理记录 / History of an alert",
    responses=problems(errors.NoSuchAlert, *errors.RECUSED),
)
async def show_history(request: Request, caller: Caller, alert_id: UUID) -> History:
    """All that happened to an alert, the oldest first; not for those who must stand aside, for it names who has it."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held = await inbox.find(conn, alert_id)
        standing.refuse_recused(held, caller)
        where = routing.audited_at(held.alert)
        await audit.record(conn, caller, "alert.history_viewed", f"alert:{alert_id}", region=where, hourly=True)
        return History(items=await inbox.history(conn, alert_id))


@router.post("/alerts/{alert_id}/moves", summary="办理预警 / Move an alert", responses=problems(*errors.MOVING))
async def move_alert(
    request: Request, caller: Caller, alert_id: UUID, body: MoveRequest, key: RequestKey = None
) -> AlertView:
    """Bring an alert into another state."""
    return await moves.make(db_of(request), caller, alert_id, body.wish(), key)


@router.post(
    "/alerts/{alert_id}/acknowledge", summary="签收预警 / Acknowledge an alert", responses=problems(*errors.MOVING)
)
async def acknowledge_alert(request: Request, caller: Caller, alert_id: UUID, key: RequestKey = None) -> AlertView:
    """Acknowledge an alert: the move to `acknowledged`."""
    return await moves.make(db_of(request), caller, alert_id, Move("acknowledged"), key)


@router.get(
    "/stream",
    status_code=200,
    response_class=LiveResponse,
    tags=["实时 live"],
    summary="实时预警 / Stream alerts",
    responses=problems(errors.BadCursor),
)
async def open_stream(
    request: Request,
    caller: Caller,
    after: Annotated[str | None, Query(description="从此位置之后开始 / begin behind this position")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> LiveResponse:
    """The caller's alerts as they come (server-sent events `alert`); resumes behind `Last-Event-ID`, else `after`.

    What happened is kept for seven days. Who resumes from before gets an event `reload` first: read `/v1/alerts` anew,
    the stream goes on from there. When the caller's token ends or its rights change, so does the stream.
    """
    hub: Hub = request.app.state.hub
    scope = Scope.of(caller)

    async def allowed() -> bool:
        return Scope.of(await current_principal(request, None)) == scope

    position = _position(last_event_id or after)
    async with db_of(request).begin(scope) as conn:
        await audit.record(conn, caller, "stream.opened", "stream", hourly=True)
    reader = Reader(scope)
    return LiveResponse(hub.events(reader, position, allowed=allowed), reader)


def _position(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise errors.BadCursor("续传位置须为收到过的事件编号", "A position is the id of an event that you received")
    return int(text)
