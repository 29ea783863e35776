"""The REST API of approval: flows, cases, papers. Everything is read and written within the caller's regions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from services.approval import documents, errors, flows, store
from services.approval.cases import Case
from services.approval.database import Db
from services.approval.desk import Desk
from services.approval.idempotency import Answer, IdempotencyKey, once
from services.approval.schemas import (
    CaseOut,
    CasePage,
    CaseSummary,
    CompleteNode,
    DocumentOut,
    FlowOut,
    FlowSummary,
    OpenCase,
    ReturnCase,
    Status,
    WithdrawCase,
)
from services.approval.store import Wanted
from shared import audit
from shared.auth import Caller
from shared.contracts.base import RegionCode, Sha256
from shared.db import Scope
from shared.documents import EXTENSIONS, MAX_BYTES, receive
from shared.lengths import check_length
from shared.openapi import problems
from shared.web import file_answer, settings_of

router = APIRouter(prefix="/v1")


def _seen(
    if_match: Annotated[
        str | None, Header(alias="if-match", description="所见案件的 sequence / the case's `sequence` that you saw")
    ] = None,
) -> int | None:
    """The sequence in `If-Match`, as `"3"` or 3; any with `*` or without the header."""
    text = (if_match or "*").removeprefix("W/").strip('"')
    if text == "*":
        return None
    if not text.isdigit() or len(text) > 9:
        raise errors.IfMatchUnreadable("If-Match 应为案件的 sequence", "If-Match takes the case's sequence")
    return int(text)


Seen = Annotated[int | None, Depends(_seen)]


@router.get("/flows", tags=["流程 flows"], summary="流程目录 / List power flows")
async def list_flows(caller: Caller) -> list[FlowSummary]:
    """All power flows."""
    catalogue = flows.load()
    return [FlowSummary.of(flow, catalogue) for flow in catalogue.flows.values()]


@router.get(
    "/flows/{code}", tags=["流程 flows"], summary="流程详情 / Read a flow", responses=problems(errors.NoSuchFlow)
)
async def read_flow(
    caller: Caller, code: Annotated[str, Path(description="流程代码 / the flow's code", examples=["PR1"])]
) -> FlowOut:
    """One flow with its nodes, forms, papers and terms."""
    catalogue = flows.load()
    return FlowOut.of(catalogue.flow(code), catalogue)


@router.get("/cases", tags=["案件 cases"], summary="案件列表 / List cases", responses=problems(errors.CursorInvalid))
async def list_cases(
    db: Db,
    caller: Caller,
    village: Annotated[RegionCode | None, Query(description="村、镇或县代码 / a village, town or county")] = None,
    status: Status | None = None,
    flow: Annotated[str | None, Query(max_length=8, description="流程代码 / a flow's code")] = None,
    matter: Literal["PR", "EN", "AS", "LA", "RE", "SE"] | None = None,
    waiting: Annotated[bool, Query(description="只看待我办理的 / only what waits for me")] = False,
    q: Annotated[str | None, Query(max_length=100, description="标题或编号 / in title or number")] = None,
    after: Annotated[str | None, Query(max_length=200, description="上一页的 next / `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CasePage:
    """Cases of the caller's regions: newest first, or by their term when they wait for the caller."""
    wanted = Wanted(village, status, flow, matter, q, caller if waiting else None)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        listing = await store.list_cases(conn, wanted, after=after, limit=limit)
    return CasePage.of(listing, flows.load().flows)


@router.post(
    "/cases",
    status_code=201,
    tags=["案件 cases"],
    responses=problems(*errors.OPENING) | {201: {"model": CaseSummary}},
    summary="发起案件 / Open a case",
)
async def open_case(db: Db, caller: Caller, wanted: OpenCase, request: Request, key: IdempotencyKey = None) -> Response:
    """Open a case."""
    fields = wanted.fields.keyed(_secret(request))

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.open(flow_code=wanted.flow, village_code=wanted.village_code, title=wanted.title, fields=fields)

    return await _done_once(db, caller, key, _said(request, wanted), deed, status=201)


@router.get(
    "/cases/{case_id}", tags=["案件 cases"], summary="案件详情 / Read a case", responses=problems(errors.CaseNotFound)
)
async def read_case(db: Db, caller: Caller, case_id: UUID, response: Response) -> CaseOut:
    """A case with its history and what the caller may do now."""
    async with db.begin(Scope.of(caller)) as conn:
        seen = await Desk(conn, flows.load(), caller).read(case_id)
    response.headers["etag"] = f'"{seen.case.sequence}"'
    return CaseOut.whole(seen.case, seen.flow, seen.log, seen.actions)


@router.post(
    "/cases/{case_id}/complete",
    tags=["案件 cases"],
    responses=problems(*errors.COMPLETING) | {200: {"model": CaseSummary}},
    summary="办理节点 / Complete a node",
)
async def complete_node(
    db: Db,
    caller: Caller,
    case_id: UUID,
    done: CompleteNode,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Complete the present node with its form and papers."""
    fields = done.fields.keyed(_secret(request))

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.complete(case_id, node=done.node, fields=fields, papers=done.documents, seen=seen)

    return await _done_once(db, caller, key, _said(request, done), deed)


@router.post(
    "/cases/{case_id}/return",
    tags=["案件 cases"],
    responses=problems(*errors.RETURNING) | {200: {"model": CaseSummary}},
    summary="退回 / Send a case back",
)
async def return_case(
    db: Db,
    caller: Caller,
    case_id: UUID,
    back: ReturnCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Send the case back to an earlier node."""

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.send_back(case_id, to_node=back.to_node, reason=back.reason, seen=seen)

    return await _done_once(db, caller, key, _said(request, back), deed)


@router.post(
    "/cases/{case_id}/withdraw",
    tags=["案件 cases"],
    responses=problems(*errors.WITHDRAWING) | {200: {"model": CaseSummary}},
    summary="撤回 / Withdraw a case",
)
async def withdraw_case(
    db: Db,
    caller: Caller,
    case_id: UUID,
    end: WithdrawCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Take the case back."""

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.withdraw(case_id, reason=end.reason, seen=seen)

    return await _done_once(db, caller, key, _said(request, end), deed)


@router.post(
    "/documents",
    status_code=201,
    tags=["材料 documents"],
    responses=problems(*errors.UPLOADING) | {201: {"model": DocumentOut}},
    openapi_extra={"requestBody": {"required": True, "content": {kind: {} for kind in sorted(EXTENSIONS)}}},
    summary="上传材料 / Upload a paper",
)
async def upload(
    db: Db,
    caller: Caller,
    request: Request,
    name: Annotated[str, Query(max_length=300, description="文件名 / the file's name")] = "",
    key: IdempotencyKey = None,
) -> Response:
    """Upload a paper as the request's body; the answer's digest is what a node's documents refer to."""
    if request.headers.get("content-length"):
        check_length(request, MAX_BYTES)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    folder = documents.folder_in(settings_of(request).data_dir)
    stored = await receive(folder, request.stream(), name, declared or None)
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            await documents.register(conn, stored, caller.subject)
            await audit.record(conn, caller, "document.uploaded", f"document:{stored.sha256}")
            return DocumentOut.of(stored).model_dump(mode="json")

        answer = await once(conn, caller, key, [request.url.path, stored.sha256, stored.name], act, status=201)
    return _response(answer)


@router.get(
    "/documents/{sha256}",
    tags=["材料 documents"],
    response_class=FileResponse,
    summary="下载材料 / Download a paper",
    responses=problems(errors.DocumentNotFound),
)
async def download(db: Db, caller: Caller, request: Request, sha256: Annotated[Sha256, Path()]) -> FileResponse:
    """A paper of a case that the caller may read."""
    async with db.begin(Scope.of(caller)) as conn:
        stored = await documents.find(conn, sha256)
        await audit.record(conn, caller, "document.downloaded", f"document:{sha256}")
    return file_answer(documents.folder_in(settings_of(request).data_dir), stored)


async def _done_once(
    db: Db, caller: Caller, key: str | None, said: list[Any], deed: Callable[[Desk], Awaitable[Case]], status: int = 200
) -> Response:
    """What a deed made of its case; said again under the same key, it is not done again."""
    async with db.begin(Scope.of(caller)) as conn:
        desk = Desk(conn, flows.load(), caller)

        async def act() -> dict[str, Any]:
            return _summary(await deed(desk))

        answer = await once(conn, caller, key, said, act, status=status)
    return _response(answer)


def _secret(request: Request) -> str:
    return str(settings_of(request).identity_secret)


def _said(request: Request, body: OpenCase | CompleteNode | ReturnCase | WithdrawCase) -> list[Any]:
    """What makes two requests the same one."""
    return [request.url.path, body.model_dump(mode="json", exclude_unset=True)]


def _summary(case: Case) -> dict[str, Any]:
    return CaseSummary.of(case, flows.load().flow(case.flow)).model_dump(mode="json")


def _response(answer: Answer) -> Response:
    headers = {"etag": f'"{answer.body["sequence"]}"'} if "sequence" in answer.body else {}
    if answer.replayed:
        headers["idempotency-replayed"] = "true"
    return JSONResponse(answer.body, status_code=answer.status, headers=headers)
