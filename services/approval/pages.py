"""The pages of clerks and approvers: what waits for me, a new case, a case and its present node."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from services.approval import documents, flows, store
from services.approval.cases import OPENERS, Case
from services.approval.desk import Desk, Opened
from services.approval.documents import MAX_BYTES, Filing
from services.approval.errors import ReasonMissing
from services.approval.flows import Flow, Node
from services.approval.forms import Shown, read_fields, show_fields
from services.approval.fields import all_fields
from services.approval.guards import check_length, same_origin
from services.approval.idempotency import once
from services.approval.routes import Db
from services.approval.store import LogEntry, Wanted
from shared import regions
from shared.auth import Caller, Principal
from shared.db import Database, Scope
from shared.problems import FieldError, InvalidInput, Problem
from shared.regions import Region
from shared.web import templates

_MAX_FORM = 4 * MAX_BYTES
_MENDABLE = frozenset({403, 404, 409, 413, 415, 422})
_PER_PAGE = 30
router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])
_templates = templates(Path(__file__).parent)


@dataclass(frozen=True)
class Step:
    """A node on a case's timeline: `done`, `now`, `late` (now, and past its term) or still to come."""

    node: Node
    state: Literal["done", "now", "late", "coming"]
    entry: LogEntry | None
    filled: Sequence[Shown]
    late: bool


@router.get("/")
async def home(
    request: Request,
    db: Db,
    caller: Caller,
    view: Literal["waiting", "all"] = "waiting",
    q: Annotated[str, Query(max_length=100)] = "",
    status: Literal["", "open", "closed", "withdrawn"] = "",
    flow: Annotated[str, Query(max_length=8)] = "",
    village: Annotated[str, Query(pattern=r"^(\d{12})?$")] = "",
    after: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What waits for the caller, or all cases of the caller's regions."""
    mine = view == "waiting"
    wanted = Wanted(village or None, status or None, flow or None, None, q or None, caller if mine else None)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        listing = await store.list_cases(conn, wanted, after=after or None, limit=_PER_PAGE)
    asked = {"view": view, "q": q, "status": status, "flow": flow, "village": village}
    return _page(
        request,
        "home.html",
        caller,
        listing=listing,
        asked=asked,
        next_page=f"/?{urlencode(asked | {'after': listing.next})}" if listing.next else None,
        villages=_villages_of(caller),
    )


@router.get("/cases/new")
async def choose_flow(request: Request, caller: Caller) -> Response:
    """The flows as cards, by matter."""
    return _page(request, "choose.html", caller)


@router.get("/cases/new/{code}")
async def new_case(request: Request, caller: Caller, code: str) -> Response:
    """The form of a new case."""
    return _new_case(request, caller, flows.load().flow(code), {"request_id": uuid4().hex})


@router.post("/cases/new/{code}")
async def open_case(request: Request, db: Db, caller: Caller, code: str) -> Response:
    """Open the case, or show the form again with what must be mended."""
    flow = flows.load().flow(code)
    typed = await _typed(request)
    try:
        fields, errors = read_fields(flow.form, typed, _secret(request))
        _check(errors)
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)

            async def act() -> dict[str, Any]:
                case = await desk.open(
                    flow_code=code,
                    village_code=typed.get("village_code", ""),
                    title=typed.get("title", ""),
                    fields=fields,
                )
                return {"case_id": case.case_id}

            # The form's own number: two clicks open one case.
            answer = await once(conn, caller, typed.get("request_id"), [request.url.path, dict(typed)], act)
    except Problem as problem:
        return _new_case(request, caller, flow, typed, _mendable(problem))
    return _to_case(answer.body["case_id"])


@router.get("/cases/{case_id}")
async def case_page(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """A case: its timeline, and the form of its present node."""
    return await _case(request, db, caller, case_id)


@router.post("/cases/{case_id}/complete")
async def complete(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Complete the present node, or show the page again with what must be mended."""
    check_length(request, _MAX_FORM)
    async with request.form(max_files=60, max_fields=400) as form, db.begin(Scope.of(caller), readonly=True) as conn:
        case = await store.find(conn, case_id)
        flow = flows.load().flow(case.flow)
        typed = _texts(form)
        node = flow.node(typed.get("node", ""))
    papers: list[Filing] = []
    try:
        async with request.form() as form:
            papers, unsound = await _receive_papers(request, db, caller, node, form)
        fields, errors = read_fields(node.form, typed, _secret(request))
        _check([*errors, *unsound])
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)
            await desk.complete(case_id, node=node.code, fields=fields, papers=papers, version=_version(typed))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem), papers)
    return _to_case(case_id)
