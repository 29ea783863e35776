"""The REST API of approval: flows, cases, papers. Everything is read and written within the caller's regions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, Field

from services.approval import case_list, documents, errors, flows
from services.approval.callers import Reader, Writer
from services.approval.case_list import Wanted
from services.approval.cases import Case
from services.approval.database import Db
from services.approval.desk import Desk
from services.approval.idempotency import Answer, IdempotencyKey, once
from services.approval.rest import rest
from services.approval.schemas import (
    AmendCase,
    ArchiveCase,
    CaseOut,
    CasePage,
    CaseSummary,
    CastBallot,
    CompleteNode,
    DocumentOut,
    FlowCode,
    FlowOut,
    FlowSummary,
    MatterCode,
    OpenCase,
    ResumeCase,
    ReturnCase,
    Status,
    SuspendCase,
    WithdrawCase,
)
from services.approval.versions import NOT_CHANGED, IfNoneMatch, Seen, answer, case_tag
from shared import audit
from shared.contracts.base import RegionCode, Sha256
from shared.db import Scope
from shared.documents import EXTENSIONS, MAX_BYTES, receive
from shared.lengths import check_length
from shared.openapi import problems
from shared.principals import Principal
from shared.web import file_answer, settings_of

router = APIRouter(prefix="/v1")
Fen = Annotated[int, Field(ge=0, le=10**15)]


@router.get("/flows", tags=["流程 flows"], summary="流程目录 / List power flows")
async def list_flows(caller: Reader) -> list[FlowSummary]:
    """All power flows."""
    catalogue = flows.load()
    return [FlowSummary.of(flow, catalogue) for flow in catalogue.flows.values()]


@router.get(
    "/flows/{code}", tags=["流程 flows"], summary="流程详情 / Read a flow", responses=problems(errors.NoSuchFlow)
)
async def read_flow(
    caller: Reader, code: Annotated[str, Path(description="流程代码 / the flow's code", examples=["PR1"])]
) -> FlowOut:
    """One flow with its nodes, forms, papers and terms."""
    catalogue = flows.load()
    return FlowOut.of(catalogue.flow(code), catalogue)


@router.get(
    "/cases",
    tags=["案件 cases"],
    summary="案件列表 / List cases",
    response_model=CasePage,
    responses={**problems(errors.CursorInvalid, errors.FieldsUnknown), **NOT_CHANGED},
)
async def list_cases(
    request: Request,
    db: Db,
    caller: Reader,
    village: Annotated[RegionCode | None, Query(description="村、镇或县代码 / a village, town or county")] = None,
    status: Status | None = None,
    flow: FlowCode = None,
    matter: MatterCode = None,
    node: Annotated[str | None, Query(max_length=12, description="所在节点 / the present node")] = None,
    waiting: Annotated[bool, Query(description="只看待我办理的 / only what waits for me")] = False,
    q: Annotated[str | None, Query(max_length=100, description="标题或编号 / in title or number")] = None,
    changed_since: Annotated[
        AwareDatetime | None,
        Query(description="此后有变更的;跟踪请用 /v1/changes / changed since; to follow, use /v1/changes"),
    ] = None,
    opened_from: Annotated[AwareDatetime | None, Query(description="发起于(含)此后 / opened from")] = None,
    opened_before: Annotated[AwareDatetime | None, Query(description="发起于此前 / opened before")] = None,
    closed_from: Annotated[AwareDatetime | None, Query(description="结束于(含)此后 / ended from")] = None,
    closed_before: Annotated[AwareDatetime | None, Query(description="结束于此前 / ended before")] = None,
    amount_from: Annotated[Fen | None, Query(description="金额(分)不少于 / fen, at least")] = None,
    amount_to: Annotated[Fen | None, Query(description="金额(分)不多于 / fen, at most")] = None,
    fields: Annotated[
        str | None,
        Query(
            max_length=300,
            description="只要这些字段,逗号分隔 / only these members, with commas between",
            examples=["title,node,status"],
        ),
    ] = None,
    after: Annotated[str | None, Query(max_length=200, description="上一页的 next / `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=rest().page.most)] = rest().page.usual,
    known: IfNoneMatch = None,
) -> Response:
    """Cases of the caller's regions: newest first, or by their term when they wait for the caller."""
    wanted = Wanted(
        village=village,
        status=status,
        flow=flow,
        matter=matter,
        text=q,
        waiting_for=caller if waiting else None,
        node=node,
        changed_since=changed_since,
        opened_from=opened_from,
        opened_before=opened_before,
        closed_from=closed_from,
        closed_before=closed_before,
        amount_from=amount_from,
        amount_to=amount_to,
    )
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        listing = await case_list.list_cases(conn, wanted, after=after, limit=limit)
    chosen = [name.strip() for name in fields.split(",") if name.strip()] if fields is not None else None
    return answer(request, CasePage.of(listing, flows.load()).only(chosen))


@router.post(
    "/cases",
    status_code=201,
    tags=["案件 cases"],
    responses=problems(*errors.OPENING) | {201: {"model": CaseSummary}},
    summary="发起案件 / Open a case",
)
async def open_case(db: Db, caller: Writer, wanted: OpenCase, request: Request, key: IdempotencyKey = None) -> Response:
    """Open a case."""
    fields = wanted.fields.keyed(_secret(request))

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.open(flow_code=wanted.flow, village_code=wanted.village_code, title=wanted.title, fields=fields)

    return await _done_once(db, caller, key, _said(request, wanted), deed, status=201)


@router.get(
    "/cases/{case_id}",
    tags=["案件 cases"],
    summary="案件详情 / Read a case",
    response_model=CaseOut,
    responses={**problems(errors.CaseNotFound), **NOT_CHANGED},
)
async def read_case(request: Request, db: Db, caller: Reader, case_id: UUID, known: IfNoneMatch = None) -> Response:
    """A case with its history and what the caller may do now. Its ETag is what `If-Match` takes when it is changed."""
    async with db.begin(Scope.of(caller)) as conn:
        seen = await Desk(conn, flows.load(), caller).read(case_id)
    whole = CaseOut.whole(seen.case, seen.flow, seen.log, seen.actions).model_dump(mode="json")
    return answer(request, whole, case_tag(case_id, seen.case.sequence, whole["actions"]))


@router.post(
    "/cases/{case_id}/complete",
    tags=["案件 cases"],
    responses=problems(*errors.COMPLETING) | {200: {"model": CaseSummary}},
    summary="办理节点 / Complete a node",
)
async def complete_node(
    db: Db,
    caller: Writer,
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
    "/cases/{case_id}/ballots",
    tags=["案件 cases"],
    responses=problems(*errors.VOTING) | {200: {"model": CaseSummary}},
    summary="表决 / Cast a ballot",
)
async def cast_ballot(
    db: Db,
    caller: Writer,
    case_id: UUID,
    ballot: CastBallot,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Vote as a member; a later ballot replaces the one before, until the node is completed.

    With `If-Match`, what others voted since doesn't count as a change.
    """

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.cast(case_id, node=ballot.node, vote=ballot.vote, seen=seen)

    return await _done_once(db, caller, key, _said(request, ballot), deed)


@router.post(
    "/cases/{case_id}/return",
    tags=["案件 cases"],
    responses=problems(*errors.RETURNING) | {200: {"model": CaseSummary}},
    summary="退回 / Send a case back",
)
async def return_case(
    db: Db,
    caller: Writer,
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
    caller: Writer,
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
    "/cases/{case_id}/suspend",
    tags=["案件 cases"],
    responses=problems(*errors.SUSPENDING) | {200: {"model": CaseSummary}},
    summary="中止 / Suspend a case",
)
async def suspend_case(
    db: Db,
    caller: Writer,
    case_id: UUID,
    rest: SuspendCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Let the case rest for a reason: no term runs, and nothing is done to it, until it is resumed."""

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.suspend(case_id, reason=rest.reason, until=rest.until, seen=seen)

    return await _done_once(db, caller, key, _said(request, rest), deed)


@router.post(
    "/cases/{case_id}/resume",
    tags=["案件 cases"],
    responses=problems(*errors.RESUMING) | {200: {"model": CaseSummary}},
    summary="恢复办理 / Resume a case",
)
async def resume_case(
    db: Db,
    caller: Writer,
    case_id: UUID,
    again: ResumeCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Go on with a suspended case; its terms end later by the days that it rested."""

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.resume(case_id, seen=seen)

    return await _done_once(db, caller, key, _said(request, again), deed)


@router.post(
    "/cases/{case_id}/amend",
    tags=["案件 cases"],
    responses=problems(*errors.AMENDING) | {200: {"model": CaseSummary}},
    summary="更正 / Amend what was filed",
)
async def amend_case(
    db: Db,
    caller: Writer,
    case_id: UUID,
    right: AmendCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Put right named fields of a completed node or of the opening; an open case goes back to the decision on it."""
    fields = right.fields.keyed(_secret(request))

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.amend(case_id, node=right.node, fields=fields, reason=right.reason, seen=seen)

    return await _done_once(db, caller, key, _said(request, right), deed)


@router.post(
    "/cases/{case_id}/archive",
    tags=["案件 cases"],
    responses=problems(*errors.ARCHIVING) | {200: {"model": CaseSummary}},
    summary="归档 / Archive a case",
)
async def archive_case(
    db: Db,
    caller: Writer,
    case_id: UUID,
    filed: ArchiveCase,
    request: Request,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Put a closed case into the archive, with a digest over its events and papers; it takes nothing more then."""

    def deed(desk: Desk) -> Awaitable[Case]:
        return desk.archive(case_id, archive_no=filed.archive_no, seen=seen)

    return await _done_once(db, caller, key, _said(request, filed), deed)


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
    caller: Writer,
    request: Request,
    name: Annotated[str, Query(max_length=300, description="文件名 / the file's name")] = "",
    key: IdempotencyKey = None,
) -> Response:
    """Upload a paper as the request's body; the answer's digest is what a node's documents refer to."""
    if request.headers.get("content-length"):
        check_length(request, MAX_BYTES)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    shelf = documents.shelf(settings_of(request))
    stored = await receive(shelf, request.stream(), name, declared or None)
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            await documents.register(conn, stored, caller.subject)
            await audit.record(conn, caller, "document.uploaded", f"document:{stored.sha256}")
            return DocumentOut.of(stored).model_dump(mode="json")

        answered = await once(conn, caller, key, [request.url.path, stored.sha256, stored.name], act, status=201)
    return _response(answered)


@router.get(
    "/documents/{sha256}",
    tags=["材料 documents"],
    response_class=Response,
    summary="下载材料 / Download a paper",
    responses=problems(errors.DocumentNotFound),
)
async def download(db: Db, caller: Reader, request: Request, sha256: Annotated[Sha256, Path()]) -> Response:
    """A paper of a case that the caller may read."""
    async with db.begin(Scope.of(caller)) as conn:
        stored = await documents.find(conn, sha256)
        await audit.record(conn, caller, "document.downloaded", f"document:{sha256}")
    return await file_answer(documents.shelf(settings_of(request)), stored)


async def _done_once(
    db: Db,
    caller: Principal,
    key: str | None,
    said: list[Any],
    deed: Callable[[Desk], Awaitable[Case]],
    status: int = 200,
) -> Response:
    """What a deed made of its case; said again under the same key, it is not done again."""
    async with db.begin(Scope.of(caller)) as conn:
        desk = Desk(conn, flows.load(), caller)

        async def act() -> dict[str, Any]:
            return _summary(await deed(desk))

        answered = await once(conn, caller, key, said, act, status=status)
    return _response(answered)


def _secret(request: Request) -> str:
    return str(settings_of(request).identity_secret)


def _said(request: Request, body: BaseModel) -> list[Any]:
    """What makes two requests the same one."""
    return [request.url.path, body.model_dump(mode="json", exclude_unset=True)]


def _summary(case: Case) -> dict[str, Any]:
    return CaseSummary.of(case, flows.load().flow(case.flow, case.flow_version)).model_dump(mode="json")


def _response(done: Answer) -> Response:
    headers = {"etag": case_tag(done.body["case_id"], done.body["sequence"])} if "sequence" in done.body else {}
    if done.replayed:
        headers["idempotency-replayed"] = "true"
    return JSONResponse(done.body, status_code=done.status, headers=headers)
