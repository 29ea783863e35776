"""The page on which many policies are drafted from one sheet: all of its lines, or none and what to mend."""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from services.disclosure.pages import rendered
from services.disclosure.policies import sheet, store
from services.disclosure.policies.plan import plan
from services.disclosure.policies.sheet import Drafts, LineFault
from shared.auth import Caller, require
from shared.db import Scope
from shared.documents import DOWNLOAD_HEADERS
from shared.lengths import check_length
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput
from shared.sheets import SheetRefused, read_sheets
from shared.web import db_of

router = APIRouter(prefix="/desk/policies", include_in_schema=False)
_PRIVATE = {"cache-control": "private, no-store"}
_LONGEST = 5 * 1024 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NO_FILE = FieldError("file", "请选择文件", "Choose a file")


@router.get("/template.xlsx")
async def give_template(caller: Caller) -> Response:
    """The workbook to fill in."""
    require(caller, *plan().writers)
    named = {"content-disposition": 'attachment; filename="policies-template.xlsx"'}
    return Response(await asyncio.to_thread(sheet.template), media_type=_XLSX, headers=DOWNLOAD_HEADERS | named)


@router.get("/import")
async def show_import(caller: Caller) -> Response:
    """The form for a file."""
    require(caller, *plan().writers)
    return _page(caller)


@router.post("/import")
async def take_in(request: Request, caller: Caller) -> Response:
    """Draft all that a file holds; the form again with each fault's line and column, and nothing drafted."""
    require(caller, *plan().writers)
    check_length(request, _LONGEST)
    try:
        drafts = await _read(request, caller)
    except (InvalidInput, SheetRefused) as problem:
        errors = problem.errors or [FieldError("file", problem.detail_zh, problem.detail_en)]
        return _page(caller, errors=errors, status=problem.status)
    if drafts.faults:
        return _page(caller, faults=drafts.faults, status=422)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        for region, content in drafts.found:
            await store.draft(conn, caller, region, content, datetime.now(UTC))
    return RedirectResponse("/desk/policies", status_code=303)


async def _read(request: Request, caller: Principal) -> Drafts:
    """The file's lines; raises `InvalidInput`, `SheetRefused`."""
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.size:
            raise InvalidInput("请选择文件", "Choose a file", [_NO_FILE])
        content = await file.read()
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        there = frozenset((each.region, each.content.title_zh) for each in await store.held(conn, caller))
    own = frozenset(each.code for each in store.regions_of(caller))
    return await asyncio.to_thread(_drafts, content, own, there)


def _drafts(content: bytes, own: frozenset[str], there: frozenset[tuple[str, str]]) -> Drafts:
    with tempfile.NamedTemporaryFile(prefix="yunjing-policies-") as spooled:
        spooled.write(content)
        spooled.flush()
        return sheet.read(read_sheets(Path(spooled.name), only="", most=sheet.MOST_LINES), own, there)


def _page(
    caller: Principal,
    *,
    errors: Sequence[FieldError] = (),
    faults: Sequence[LineFault] = (),
    status: int = 200,
) -> Response:
    content = rendered("policy_import.html", caller=caller, errors=errors, faults=faults, columns=plan().columns)
    return HTMLResponse(content, status, _PRIVATE)
