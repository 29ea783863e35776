"""What people do to an alert beside moving it, its papers, and the records of rules, under /v1."""

from enum import Enum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.notifier import errors, inbox, standing
from services.notifier.handling import colleagues, moves, papers, rule_records
from services.notifier.handling.deeds import AnswerTime, AskTime, Deed, HandOver, Note, Release, Take
from services.notifier.handling.handling_schemas import (
    Colleagues,
    ExtensionAnswer,
    ExtensionRequest,
    HandOverRequest,
    NoteRequest,
    ReleaseRequest,
)
from services.notifier.handling.paper_schemas import Papers, PaperView
from services.notifier.handling.rule_schemas import RuleRecord, RuleRecords
from services.notifier.idempotency import RequestKey
from services.notifier.schemas import AlertView
from shared.auth import Caller
from shared.db import Scope
from shared.documents import EXTENSIONS, MAX_BYTES
from shared.lengths import check_length
from shared.openapi import problems
from shared.principals import Principal
from shared.web import db_of, file_answer, settings_of

router = APIRouter(prefix="/v1")
_HANDLING: list[str | Enum] = ["办理 handling"]
_PAPERS: list[str | Enum] = ["材料 papers"]
_RULES: list[str | Enum] = ["规则 rules"]
_DOING = problems(*errors.DOING)
_READING = problems(errors.NoSuchAlert, *errors.RECUSED)


@router.post("/alerts/{alert_id}/take", tags=_HANDLING, summary="承办 / Take an alert", responses=_DOING)
async def take_alert(request: Request, caller: Caller, alert_id: UUID, key: RequestKey = None) -> AlertView:
    """Make an alert one's own, whoever had it: its history says so."""
    return await _do(request, caller, alert_id, Take(), key)


@router.post("/alerts/{alert_id}/release", tags=_HANDLING, summary="退回岗位 / Give an alert back", responses=_DOING)
async def release_alert(
    request: Request, caller: Caller, alert_id: UUID, body: ReleaseRequest, key: RequestKey = None
) -> AlertView:
    """Give an alert back to all of its desk: for whoever has it, or a judge."""
    return await _do(request, caller, alert_id, Release(body.note), key)


@router.get(
    "/alerts/{alert_id}/colleagues", tags=_HANDLING, summary="可移交的同事 / List colleagues", responses=_READING
)
async def list_colleagues(request: Request, caller: Caller, alert_id: UUID) -> Colleagues:
    """To whom the caller can hand an alert over: those who have read at one of his desks and need not stand aside."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        held = await inbox.find(conn, alert_id)
        standing.refuse_recused(held, caller)
        return Colleagues(items=await colleagues.choices(conn, held, standing.actor_at(held, caller)))


@router.post("/alerts/{alert_id}/hand-over", tags=_HANDLING, summary="移交 / Hand an alert over", responses=_DOING)
async def hand_over_alert(
    request: Request, caller: Caller, alert_id: UUID, body: HandOverRequest, key: RequestKey = None
) -> AlertView:
    """Hand an alert over to a colleague at the same desk."""
    return await _do(request, caller, alert_id, HandOver(body.to, body.note), key)


@router.post("/alerts/{alert_id}/notes", tags=_HANDLING, summary="添加记录 / Add a note", responses=_DOING)
async def add_note(
    request: Request, caller: Caller, alert_id: UUID, body: NoteRequest, key: RequestKey = None
) -> AlertView:
    """Add a note to an alert's history, where it stays."""
    return await _do(request, caller, alert_id, Note(body.text), key)


@router.post("/alerts/{alert_id}/extension", tags=_HANDLING, summary="申请延期 / Ask for more time", responses=_DOING)
async def ask_extension(
    request: Request, caller: Caller, alert_id: UUID, body: ExtensionRequest, key: RequestKey = None
) -> AlertView:
    """Ask for more working days in this state. The term runs on until another consents."""
    return await _do(request, caller, alert_id, AskTime(body.working_days, body.reason), key)


@router.post(
    "/alerts/{alert_id}/extension/answer", tags=_HANDLING, summary="审批延期 / Answer for more time", responses=_DOING
)
async def answer_extension(
    request: Request, caller: Caller, alert_id: UUID, body: ExtensionAnswer, key: RequestKey = None
) -> AlertView:
    """Grant or refuse what another has asked for: for a judge."""
    return await _do(request, caller, alert_id, AnswerTime(body.grant, body.note), key)


@router.get("/alerts/{alert_id}/papers", tags=_PAPERS, summary="材料列表 / List papers", responses=_READING)
async def list_papers(request: Request, caller: Caller, alert_id: UUID) -> Papers:
    """The papers of an alert, and how often each was taken."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        standing.refuse_recused(await inbox.find(conn, alert_id), caller)
        return Papers(items=await papers.listed(conn, alert_id))


@router.post(
    "/alerts/{alert_id}/papers",
    status_code=201,
    tags=_PAPERS,
    summary="提交材料 / File a paper",
    responses=problems(*errors.FILING),
    openapi_extra={"requestBody": {"required": True, "content": {kind: {} for kind in sorted(EXTENSIONS)}}},
)
async def file_paper(
    request: Request,
    caller: Caller,
    alert_id: UUID,
    name: Annotated[str, Query(max_length=300, description="文件名 / the file's name")] = "",
) -> PaperView:
    """File a paper as the request's body. The same content again is the paper that is there."""
    if request.headers.get("content-length"):
        check_length(request, MAX_BYTES)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return await papers.file(
        db_of(request),
        caller,
        alert_id,
        request.stream(),
        shelf=papers.shelf(settings_of(request)),
        name=name,
        declared=declared or None,
    )


@router.get(
    "/alerts/{alert_id}/papers/{paper_id}",
    tags=_PAPERS,
    response_class=Response,
    summary="下载材料 / Take a paper",
    responses=problems(errors.NoSuchAlert, errors.NoSuchPaper, *errors.RECUSED),
)
async def take_paper(request: Request, caller: Caller, alert_id: UUID, paper_id: UUID) -> Response:
    """One paper; who took it when is kept."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        stored = await papers.give(conn, caller, alert_id, paper_id)
    return await file_answer(papers.shelf(settings_of(request)), stored)


@router.get("/rules", tags=_RULES, summary="规则成效 / List records of rules")
async def list_rules(request: Request, caller: Caller) -> RuleRecords:
    """What became of each rule's alerts, as far as the caller may read them."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return RuleRecords(items=await rule_records.of_all(conn))


@router.get(
    "/rules/{rule_id}/record",
    tags=_RULES,
    summary="一条规则的成效 / Read a rule's record",
    responses=problems(errors.NoSuchRule),
)
async def show_rule(request: Request, caller: Caller, rule_id: str) -> RuleRecord:
    """What became of one rule's alerts: how many were cleared and why, rectified, punished, withdrawn."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await rule_records.of(conn, rule_id)


async def _do(request: Request, caller: Principal, alert_id: UUID, deed: Deed, key: str | None) -> AlertView:
    return await moves.make(db_of(request), caller, alert_id, deed, key)
