"""Alerts for other supervision systems: all that a filter finds, as CSV, NDJSON or XLSX, in the order of their changes.

Each row has the alert's id, which never changes, its revision, and a cursor behind it: who was cut off, or comes again
tomorrow, goes on there. A change may be recorded a moment late: ask from a few minutes back, ids show what came twice.
"""

import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from services.notifier import errors
from services.notifier.inquiries.inquiry_store import Cursor
from services.notifier.schemas import AlertFilter
from services.notifier.standing import Standing
from services.notifier.workbench import listing
from shared import audit, regions
from shared.auth import Caller
from shared.db import Database, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.web import db_of

router = APIRouter(prefix="/v1", tags=["预警 alerts"])
COLUMNS = {
    "alert_id": "预警编号",
    "revision": "版本",
    "rule_id": "规则",
    "title": "名称",
    "grade": "等级",
    "matter": "事项",
    "village_code": "村代码",
    "village": "村",
    "town_code": "镇代码",
    "town": "镇",
    "case_nos": "案号",
    "state": "状态",
    "outcome": "处置结果",
    "due_by": "期限",
    "occurred_at": "发生时间",
    "raised_at": "送达时间",
    "updated_at": "更新时间",
    "cursor": "续传位置",
}
_PAGE = 500
_FREE = ("text", "group")
_CHUNK = 1 << 16
_MOST_IN_A_WORKBOOK = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
Shape = Literal["csv", "ndjson", "xlsx"]
_TYPES: Mapping[Shape, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportFilter(AlertFilter):
    """The filters of the list, and the form; `after` is the cursor of a row, `limit` the most rows."""

    form: Shape = "csv"
    limit: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000_000


@router.get(
    "/alerts/export",
    response_class=StreamingResponse,
    summary="导出预警 / Export alerts",
    responses=problems(errors.BadCursor),
)
async def export_alerts(request: Request, caller: Caller, wanted: Annotated[ExportFilter, Query()]) -> Response:
    """The caller's own alerts, the least recently changed first; a workbook holds 100,000 rows at most.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, in CSV and XLSX.
    """
    db = db_of(request)
    after = Cursor.parse(wanted.after) if wanted.after else None
    async with db.begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "alerts.exported", "alerts", _audited(wanted))
    rows = _rows(db, caller, wanted, after)
    name = f'attachment; filename="alerts.{wanted.form}"'
    match wanted.form:
        case "csv":
            body = _csv(rows)
        case "ndjson":
            body = _ndjson(rows)
        case "xlsx":
            body = _workbook(rows)
    return StreamingResponse(body, media_type=_TYPES[wanted.form], headers={"content-disposition": name})


def _audited(wanted: ExportFilter) -> dict[str, Any]:
    """The filters as codes and dates; of what is free text, only that there was one."""
    codes = wanted.model_dump(mode="json", exclude_none=True, exclude={*_FREE, "after"})
    return codes | {name: True for name in (*_FREE, "after") if getattr(wanted, name)}


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _rows(
    db: Database, caller: Principal, wanted: ExportFilter, after: Cursor | None
) -> AsyncIterator[dict[str, Any]]:
    """A page in a transaction at a time: no connection waits for a slow reader. It ends at what had changed by now."""
    until, left = datetime.now(UTC), wanted.limit
    while left > 0:
        async with db.begin(Scope.of(caller), readonly=True) as conn:
            behind = (after.at, after.folder_id) if after else None
            page = await listing.changed(conn, wanted, behind, until, min(_PAGE, left))
        for held in page:
            after = Cursor(held.updated_at, UUID(held.alert.alert_id))
            yield _row(held, after)
        left -= len(page)
        if len(page) < _PAGE:
            return


def _row(held: Standing, at: Cursor) -> dict[str, Any]:
    alert = held.alert
    return {
        "alert_id": alert.alert_id,
        "revision": held.revision,
        "rule_id": alert.rule_id,
        "title": alert.title.zh,
        "grade": held.grade,
        "matter": alert.matter,
        "village_code": alert.village_code,
        "village": regions.name(alert.village_code),
        "town_code": alert.town_code,
        "town": regions.name(alert.town_code),
        "case_nos": list(alert.case_nos),
        "state": held.state,
        "outcome": held.judgement and held.judgement.outcome,
        "due_by": held.due_by,
        "occurred_at": alert.occurred_at,
        "raised_at": held.raised_at,
        "updated_at": held.updated_at,
        "cursor": at.text(),
    }


async def _ndjson(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for row in rows:
        yield orjson.dumps(row) + b"\n"


async def _csv(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    # With a byte order mark: spreadsheets take it for UTF-8 then.
    yield "\ufeff".encode() + _line(COLUMNS)
    async for row in rows:
        yield _line(_cells(row))


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().encode()


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [guarded(_text(row[name])) for name in COLUMNS]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case list():
            return "、".join(value)
        case _:
            return str(value)


async def _workbook(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """A workbook can only be sent when it is whole: it is written to a temporary file row by row."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("预警 Alerts")
    sheet.append([f"{zh} {name}" for name, zh in COLUMNS.items()])
    written = 0
    async for row in rows:
        sheet.append([_inert(sheet, text) for text in _cells(row)])
        written += 1
        if written == _MOST_IN_A_WORKBOOK:
            break
    with tempfile.TemporaryFile() as file:
        await run_in_threadpool(book.save, file)
        file.seek(0)
        while chunk := await run_in_threadpool(file.read, _CHUNK):
            yield chunk


def _inert(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell
