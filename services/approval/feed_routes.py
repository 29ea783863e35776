"""The REST API of changes: followed page by page, or exported whole as lines of JSON."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from services.approval import errors, feed
from services.approval.callers import Reader
from services.approval.database import Db
from services.approval.feed import Followed
from services.approval.feed_schemas import ChangeOut, ChangePage
from services.approval.rest import rest
from services.approval.schemas import FlowCode, MatterCode
from shared import audit
from shared.contracts.base import RegionCode
from shared.db import Database, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import FieldError

router = APIRouter(prefix="/v1", tags=["变更 changes"])
_NDJSON = "application/x-ndjson"
_AT_ONCE = 500
Village = Annotated[RegionCode | None, Query(description="村、镇或县代码 / a village, town or county")]
Type = Annotated[str, Query(pattern=r"^case\.[a-z_]+\.v\d{1,3}$")]
Types = Annotated[
    list[Type],
    Query(
        max_length=20,
        description="事件类型,可多次给出 / types of events, may be repeated",
        examples=[["case.opened.v1"]],
    ),
]


@router.get("/changes", summary="跟踪案件变更 / Follow changes", responses=problems(errors.CursorInvalid))
async def follow_changes(
    db: Db,
    caller: Reader,
    village: Village = None,
    flow: FlowCode = None,
    matter: MatterCode = None,
    type: Types = [],  # noqa: B006 FastAPI copies it
    after: Annotated[
        str | None,
        Query(
            max_length=200,
            description="上次答复的 next;latest 只看此后的 / `next` of the answer before; `latest` for what comes"
            " from now on; from the beginning without it",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=rest().changes_a_page.most)] = rest().changes_a_page.usual,
) -> ChangePage:
    """Every change of the cases in the caller's regions, in the order of their commits: none missed, none twice.

    Ask again with `next`: at once while `more` is true, else after some seconds, or when a webhook has called.
    """
    wanted = Followed(village, flow, matter, type)
    async with db.begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "changes.followed", "changes", hourly=True)
        return ChangePage.of(await feed.read(conn, wanted, after=after, limit=limit))


@router.get(
    "/changes/export",
    summary="导出案件变更 / Export changes",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_NDJSON: {"schema": {"type": "string"}}}, "description": "每行一个 ChangeOut / one a line"},
        **problems(errors.SpanTooLong),
    },
)
async def export_changes(
    db: Db,
    caller: Reader,
    since: Annotated[
        AwareDatetime, Query(description="记录时间自(含) / recorded from", examples=["2026-01-01T00:00:00Z"])
    ],
    until: Annotated[AwareDatetime, Query(description="至(不含) / and before", examples=["2026-02-01T00:00:00Z"])],
    village: Village = None,
    flow: FlowCode = None,
    matter: MatterCode = None,
    type: Types = [],  # noqa: B006 FastAPI copies it
) -> StreamingResponse:
    """All changes that were recorded within a span, one JSON object a line (NDJSON), in the order of `/v1/changes`."""
    if not timedelta() <= until - since <= timedelta(days=rest().export_days):
        days = rest().export_days
        raise errors.SpanTooLong(
            f"一次最多 {days} 天",
            f"{days} days at most at once",
            [FieldError("query.until", "应晚于 since", "must be behind `since`")],
        )
    async with db.begin(Scope.of(caller)) as conn:
        span = {"since": since.isoformat(), "until": until.isoformat()}
        await audit.record(conn, caller, "changes.exported", "changes", span)
    wanted = Followed(village, flow, matter, type, since, until)
    return StreamingResponse(_lines(db, caller, wanted), media_type=_NDJSON)


async def _lines(db: Database, caller: Principal, wanted: Followed) -> AsyncIterator[bytes]:
    place = 0
    while True:
        async with db.begin(Scope.of(caller), readonly=True) as conn:
            rows = await feed.read_on(conn, wanted, place, _AT_ONCE)
        for row in rows:
            yield ChangeOut.of(row).model_dump_json().encode() + b"\n"
        if len(rows) < _AT_ONCE:
            return
        place = rows[-1]["position"]
