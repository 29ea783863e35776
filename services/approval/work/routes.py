"""The REST API of the day's work: tasks, batches, reminders, absences, comments, the case's file."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from services.approval import errors as approval_errors
from services.approval import flows
from services.approval.callers import Reader, Writer, person_only, rates_of
from services.approval.database import Db
from services.approval.desk import Desk
from services.approval.idempotency import IdempotencyKey, once
from services.approval.prompts import Prompter
from services.approval.rest import rest
from services.approval.schemas import FlowCode, MatterCode
from services.approval.work import absences, batch, case_file, comments, errors, inbox, reminders
from services.approval.work.deputies import Deputies
from services.approval.work.plan import plan
from services.approval.work.schemas import (
    AbsenceDecision,
    AbsenceOut,
    AbsenceRequest,
    BatchDone,
    BatchRequest,
    BatchResult,
    CommentOut,
    CommentRequest,
    DeputyOut,
    ReminderOut,
    ReminderPage,
    StrikeRequest,
    TaskCounts,
    TaskOut,
    TaskPage,
)
from services.approval.work.terms import Nearness
from shared import audit
from shared.contracts.base import RegionCode
from shared.db import Connection, Database, Scope
from shared.documents import DOWNLOAD_HEADERS
from shared.openapi import problems
from shared.pdf import NoChineseFont, pdf
from shared.principals import Grant, Principal
from shared.web import settings_of

_TEMPLATE = Path(__file__).with_name("case_file.typ")
router = APIRouter(prefix="/v1")
Village = Annotated[RegionCode | None, Query(description="村、镇或县代码 / a village, town or county")]


@router.get(
    "/tasks", tags=["办理 work"], summary="待我办理 / What waits for the caller", responses=problems(*errors.LISTING)
)
async def list_tasks(
    db: Db,
    caller: Reader,
    due: Annotated[Nearness | None, Query(description="逾期、临期、未到期、无期限 / how near the term is")] = None,
    matter: MatterCode = None,
    flow: FlowCode = None,
    village: Village = None,
    node: Annotated[str | None, Query(max_length=12, description="所在节点 / the present node")] = None,
    q: Annotated[str | None, Query(max_length=100, description="标题或编号 / in title or number")] = None,
    sort: Annotated[inbox.Sort, Query(description="按期限、先发起的、新发起的 / by term, oldest, newest")] = "due",
    after: Annotated[str | None, Query(max_length=200, description="上一页的 next / `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=rest().page.most)] = rest().page.usual,
) -> TaskPage:
    """Open cases that wait for a role of the caller, or of those for whom he stands in, by their terms."""
    sought = inbox.Sought(due, matter, flow, village, node, q or None, sort)
    catalogue, now = flows.load(), datetime.now(UTC)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        found = await inbox.waiting_for(
            conn, caller, sought, catalogue=catalogue, plan=plan(), now=now, after=after, limit=limit
        )
    tasks = [TaskOut.of_task(task, catalogue.flow(task.case.flow, task.case.flow_version)) for task in found.tasks]
    return TaskPage(tasks=tasks, counts=TaskCounts.model_validate(found.counts), next=found.next)


@router.post(
    "/tasks/batch",
    tags=["办理 work"],
    summary="同一节点批量审批 / Decide several cases at once",
    responses=problems(*errors.BATCHING, approval_errors.NoSuchFlow, approval_errors.NoSuchNode),
    dependencies=[Depends(person_only)],
)
async def decide_many(
    request: Request, db: Db, caller: Writer, wanted: BatchRequest, key: IdempotencyKey = None
) -> BatchDone:
    """The same decision at the same node of several cases: each with its own answer, one refused stops no other.

    A case for which the detector would raise a red alert is not done, nor any while the detector is away; one with
    lesser prompts is done once they were read (`prompts_read`). Papers that
    the cases don't share are taken from each case's earlier steps. Each case counts as a request.
    """
    rates_of(request).charge(request, caller, len(wanted.cases) - 1)
    asked = batch.Wanted(
        wanted.node,
        wanted.fields.keyed(settings_of(request).identity_secret),
        wanted.documents,
        [batch.Ticked(each.case_id, each.seen, each.prompts_read) for each in wanted.cases],
        key,
    )
    outcomes = await batch.do(db, caller, _prompter(request), token_of(request), asked)
    results = [BatchResult.of(outcome, request.url.path) for outcome in outcomes]
    done = sum(result.problem is None for result in results)
    return BatchDone(done=done, refused=len(results) - done, results=results)


@router.get("/reminders", tags=["办理 work"], summary="跟踪期限提醒 / Follow reminders of terms")
async def follow_reminders(
    db: Db,
    caller: Reader,
    village: Village = None,
    after: Annotated[int, Query(ge=0, le=2**53, description="上次答复的 next / `next` of the answer before")] = 0,
    limit: Annotated[int, Query(ge=1, le=plan().reminders_a_page.most)] = plan().reminders_a_page.usual,
) -> ReminderPage:
    """Terms that came near or passed, each once, in the order in which they were told: none missed, none twice.

    For whoever sends them on, by text message or in an office system. They are told within some minutes.
    """
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        found = await reminders.read(conn, village, after=after, limit=limit)
    return ReminderPage(reminders=[ReminderOut.of(each) for each in found], next=found[-1].position if found else after)


@router.get(
    "/absences",
    tags=["办理 work"],
    summary="请假与代理 / Absences and deputies",
    dependencies=[Depends(person_only)],
)
async def list_absences(db: Db, caller: Reader) -> list[AbsenceOut]:
    """Absences in the caller's regions, and those in which he stands in, until a month after they end."""
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return [AbsenceOut.of(each, caller, now) for each in await absences.visible(conn, now)]


@router.get(
    "/absences/deputies",
    tags=["办理 work"],
    summary="可选的代理人 / Who may stand in",
    dependencies=[Depends(person_only)],
)
async def list_deputies(
    db: Db,
    caller: Reader,
    role: Annotated[str, Query(max_length=40, description="角色 / the role", examples=["handler"])],
    region: Annotated[RegionCode, Query(description="村、镇或县代码 / a village, town or county")],
) -> list[DeputyOut]:
    """Colleagues who have been seen at work in the place and may stand in for the role there."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        found = await absences.suitable(conn, caller, Grant(role, region), plan())
    return [DeputyOut(subject=each.subject, name=each.name) for each in found]


@router.post(
    "/absences",
    status_code=201,
    tags=["办理 work"],
    summary="登记请假、请人代理 / Tell of an absence, name a deputy",
    responses=problems(*errors.ASKING, approval_errors.IdempotencyKeyReused) | {201: {"model": AbsenceOut}},
    dependencies=[Depends(person_only)],
)
async def ask_absence(
    request: Request, db: Db, caller: Writer, wanted: AbsenceRequest, key: IdempotencyKey = None
) -> Response:
    """Be away from a role. Without a deputy the others of the role are told; a deputy is approved by a third person."""
    now = datetime.now(UTC)

    async def act(conn: Connection) -> BaseModel:
        made = await absences.ask(
            conn,
            caller,
            grant=Grant(wanted.role, wanted.region),
            starts_on=wanted.starts_on,
            ends_on=wanted.ends_on,
            reason=wanted.reason,
            deputy=wanted.deputy,
            plan=plan(),
            now=now,
        )
        return AbsenceOut.of(made, caller, now)

    return await _once(db, caller, key, [request.url.path, wanted.model_dump(mode="json")], act, status=201)


@router.post(
    "/absences/{absence_id}/decision",
    tags=["办理 work"],
    summary="审批代理人 / Approve of a deputy",
    responses=problems(*errors.DECIDING, approval_errors.IdempotencyKeyReused) | {200: {"model": AbsenceOut}},
    dependencies=[Depends(person_only)],
)
async def decide_absence(
    request: Request, db: Db, caller: Writer, absence_id: UUID, wanted: AbsenceDecision, key: IdempotencyKey = None
) -> Response:
    """Approve of a deputy, or refuse him: never by the two themselves."""
    now = datetime.now(UTC)

    async def act(conn: Connection) -> BaseModel:
        held = await absences.decide(conn, caller, absence_id, approve=wanted.approve, plan=plan(), now=now)
        return AbsenceOut.of(held, caller, now)

    answer = await _once(db, caller, key, [request.url.path, wanted.approve], act)
    deputies_of(request).changed()
    return answer


@router.post(
    "/absences/{absence_id}/end",
    tags=["办理 work"],
    summary="提前结束 / End an absence early",
    responses=problems(errors.NoSuchAbsence, approval_errors.IdempotencyKeyReused) | {200: {"model": AbsenceOut}},
    dependencies=[Depends(person_only)],
)
async def end_absence(
    request: Request, db: Db, caller: Writer, absence_id: UUID, key: IdempotencyKey = None
) -> Response:
    """End an absence and with it the standing in: by one of the two, or by who approves."""
    now = datetime.now(UTC)

    async def act(conn: Connection) -> BaseModel:
        return AbsenceOut.of(await absences.end(conn, caller, absence_id, plan=plan(), now=now), caller, now)

    answer = await _once(db, caller, key, [request.url.path], act)
    deputies_of(request).changed()
    return answer


@router.get(
    "/cases/{case_id}/comments",
    tags=["办理 work"],
    summary="案件留言 / Comments on a case",
    responses=problems(approval_errors.CaseNotFound),
    dependencies=[Depends(person_only)],
)
async def list_comments(db: Db, caller: Reader, case_id: UUID) -> list[CommentOut]:
    """What those who work on the case say to each other, oldest first. It is never public."""
    async with db.begin(Scope.of(caller)) as conn:
        await Desk(conn, flows.load(), caller).read(case_id)
        return [CommentOut.of(each) for each in await comments.of_case(conn, case_id)]


@router.post(
    "/cases/{case_id}/comments",
    status_code=201,
    tags=["办理 work"],
    summary="留言 / Comment on a case",
    responses=problems(*errors.COMMENTING, approval_errors.IdempotencyKeyReused, approval_errors.FieldsUnsound)
    | {201: {"model": CommentOut}},
    dependencies=[Depends(person_only)],
)
async def write_comment(
    request: Request, db: Db, caller: Writer, case_id: UUID, wanted: CommentRequest, key: IdempotencyKey = None
) -> Response:
    """Say something to those who work on the case; the holders of the mentioned roles find it in their inbox."""
    now = datetime.now(UTC)

    async def act(conn: Connection) -> BaseModel:
        made = await comments.write(conn, caller, case_id, text=wanted.text, mentions=wanted.mentions, now=now)
        return CommentOut.of(made)

    return await _once(db, caller, key, [request.url.path, wanted.model_dump(mode="json")], act, status=201)


@router.post(
    "/comments/{comment_id}/strike",
    tags=["办理 work"],
    summary="划去自己的留言 / Strike out one's own comment",
    responses=problems(*errors.STRIKING, approval_errors.IdempotencyKeyReused, approval_errors.FieldsUnsound)
    | {200: {"model": CommentOut}},
    dependencies=[Depends(person_only)],
)
async def strike_comment(
    request: Request, db: Db, caller: Writer, comment_id: UUID, wanted: StrikeRequest, key: IdempotencyKey = None
) -> Response:
    """Strike out a comment of one's own, with the reason: it stays readable."""
    now = datetime.now(UTC)

    async def act(conn: Connection) -> BaseModel:
        return CommentOut.of(await comments.strike(conn, caller, comment_id, reason=wanted.reason, now=now))

    return await _once(db, caller, key, [request.url.path, wanted.reason], act)


@router.get(
    "/cases/{case_id}/file",
    tags=["办理 work"],
    summary="打印案卷 / The case's file as PDF",
    response_class=Response,
    responses={
        **problems(approval_errors.CaseNotFound, NoChineseFont),
        200: {"content": {"application/pdf": {}}, "description": "案卷 / the file"},
    },
)
async def print_case(
    request: Request,
    db: Db,
    caller: Reader,
    case_id: UUID,
    with_comments: Annotated[bool, Query(description="附内部留言 / with the internal comments")] = False,
) -> Response:
    """The whole case on paper: cover, course, every step with its form in words, papers with their hashes."""
    catalogue, now = flows.load(), datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        seen = await Desk(conn, catalogue, caller).look(case_id)
        shown = with_comments and caller.scopes is None
        said = await comments.of_case(conn, case_id) if shown else []
        told = {"sequence": seen.case.sequence, "comments": len(said)}
        await audit.record(conn, caller, "case.exported", f"case:{case_id}", told, region=seen.case.village_code)
    filled = case_file.paper(seen, said, catalogue, printed_by=caller.name, now=now)
    content = await pdf(_TEMPLATE, filled, settings_of(request).fonts_dir)
    headers = dict(DOWNLOAD_HEADERS) | {"content-disposition": f'inline; filename="{case_id}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def deputies_of(request: Request) -> Deputies:
    """Who stands in for whom, as the service knows it."""
    deputies: Deputies = request.app.state.deputies
    return deputies


def _prompter(request: Request) -> Prompter:
    prompter: Prompter = request.app.state.prompter
    return prompter


def token_of(request: Request) -> str:
    """The caller's own token, of the request or of the browser's session."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else str(request.session.get("token") or "")


async def _once(
    db: Database,
    caller: Principal,
    key: str | None,
    said: list[Any],
    deed: Callable[[Connection], Awaitable[BaseModel]],
    status: int = 200,
) -> Response:
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            return (await deed(conn)).model_dump(mode="json")

        done = await once(conn, caller, key, said, act, status=status)
    headers = {"idempotency-replayed": "true"} if done.replayed else {}
    return JSONResponse(done.body, status_code=done.status, headers=headers)
