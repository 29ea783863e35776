"""The REST API of import jobs, of mappings and of templates: upload, look, mend, take over, cancel."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import JSONResponse, Response, StreamingResponse

from services.approval import errors as approval_errors
from services.approval import flows
from services.approval.callers import Importer
from services.approval.database import Db
from services.approval.idempotency import Answer, IdempotencyKey, once
from services.approval.imports import errors, jobs, mappings, uploads
from services.approval.imports.jobs import Job, Wish
from services.approval.imports.mapping import Mapping
from services.approval.imports.routes import IMPORTERS, sized
from services.approval.imports.schemas import (
    MAPPING_NAME,
    FaultOut,
    FaultPage,
    JobOut,
    JobsOut,
    MappingName,
    MappingOut,
    MappingRequest,
    MappingsOut,
    TakeRequest,
)
from services.approval.imports.template_book import template
from services.approval.imports.worker import Worker, file_of
from shared import audit
from shared.auth import require
from shared.cells import folded
from shared.contracts.base import RegionCode
from shared.db import Connection, Database, Scope
from shared.documents import DOWNLOAD_HEADERS, XLSX, DocumentEmpty
from shared.openapi import problems
from shared.principals import Principal
from shared.web import settings_of

router = APIRouter(prefix="/v1/imports", tags=["导入 imports"])
_AT_ONCE = 500
_MOST = 200
_CSV = "text/csv"


def worker_of(request: Request) -> Worker:
    """The worker of this process."""
    worker: Worker = request.app.state.importer
    return worker


@router.post(
    "/jobs",
    status_code=201,
    summary="上传台账 / Upload existing records",
    response_model=JobOut,
    responses=problems(*errors.UPLOADING, DocumentEmpty),
    dependencies=[Depends(sized)],
)
async def create_job(
    request: Request,
    db: Db,
    caller: Importer,
    file: Annotated[UploadFile, File(description="XLSX, CSV (UTF-8, GB18030), NDJSON, OCDS")],
    region_code: Annotated[
        RegionCode, Form(description="村;或镇、县,则每行写明村 / a village; or a town or county whose rows name theirs")
    ],
    mapping: Annotated[MappingName | None, Form(description="列对应方案 / a mapping's name")] = None,
    flow: Annotated[str, Form(max_length=8, description="没有流程列时 / where no column says")] = "",
    node: Annotated[str, Form(max_length=12, description="没有节点列时 / where no column says")] = "",
    wish: Annotated[
        Wish,
        Form(description="look 只检查;all 无误即写入;good 写入正确的行 / look only, all if all is well, or good rows"),
    ] = "look",
    key: IdempotencyKey = None,
) -> Response:
    """A job that reads and checks the file; nothing is taken over unless `wish` says so or `take` is called."""
    uploads.check_region(region_code)
    require(caller, *IMPORTERS, region=region_code)
    kept = await uploads.keep(settings_of(request).data_dir, file)
    used = False
    try:
        async with db.begin(Scope.of(caller)) as conn:

            async def act() -> dict[str, Any]:
                chosen, called = await uploads.mapping_of(conn, mapping, flow, node, flows.load())
                job = await uploads.note(
                    conn, kept, caller, region=region_code, mapping=chosen, mapping_name=called, wish=wish
                )
                return _told(job)

            said = [request.url.path, kept.sha256, region_code, mapping, flow, node, wish]
            answer = await once(conn, caller, key, said, act, status=201)
            used = not answer.replayed
    finally:
        if not used:
            kept.path.unlink(missing_ok=True)
    worker_of(request).wake()
    return _answer(answer)


@router.get("/jobs", summary="导入列表 / List imports")
async def list_jobs(db: Db, caller: Importer, limit: Annotated[int, Query(ge=1, le=_MOST)] = 50) -> JobsOut:
    """The newest imports in the caller's regions."""
    require(caller, *IMPORTERS)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return JobsOut(jobs=[JobOut.of(job) for job in await jobs.newest(conn, limit)])


@router.get("/jobs/{job_id}", summary="导入进度 / Progress", responses=problems(errors.ImportNotFound))
async def read_job(db: Db, caller: Importer, job_id: UUID) -> JobOut:
    """How far an import is, and what it came to."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return JobOut.of(await found(conn, caller, job_id))


@router.get(
    "/jobs/{job_id}/faults", summary="需要修改之处 / What must be mended", responses=problems(errors.ImportNotFound)
)
async def list_faults(
    db: Db,
    caller: Importer,
    job_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=_AT_ONCE)] = 100,
) -> FaultPage:
    """Faults and notices with sheet, line, column, value and mend; up to 10 000 are kept."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        await found(conn, caller, job_id)
        rows = await jobs.faults_of(conn, job_id, after=after, limit=limit)
    following = rows[-1][0] if len(rows) == limit else None
    return FaultPage(faults=[FaultOut.of(fault) for _, fault in rows], next=following)


@router.get(
    "/jobs/{job_id}/faults.csv",
    summary="下载需要修改之处 / What must be mended, as CSV",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_CSV: {"schema": {"type": "string"}}}, "description": "CSV, UTF-8"},
        **problems(errors.ImportNotFound),
    },
)
async def export_faults(db: Db, caller: Importer, job_id: UUID) -> StreamingResponse:
    """All faults that are kept. A cell that a program could take for a formula begins with an apostrophe."""
    async with db.begin(Scope.of(caller)) as conn:
        job = await found(conn, caller, job_id)
        await audit.record(conn, caller, "import.faults_exported", f"import:{job_id}", region=job.region_code)
    headers = DOWNLOAD_HEADERS | {"content-disposition": f'attachment; filename="import-{job_id}.csv"'}
    return StreamingResponse(_csv(db, caller, job_id), media_type=_CSV, headers=headers)


@router.post(
    "/jobs/{job_id}/take",
    summary="写入 / Take over",
    response_model=JobOut,
    responses=problems(*errors.CHANGING),
)
async def take_job(
    request: Request, db: Db, caller: Importer, job_id: UUID, body: TakeRequest, key: IdempotencyKey = None
) -> Response:
    """Take a checked import over: whole when nothing must be mended, else its good rows when so asked."""

    async def take(conn: Connection, job: Job) -> Job:
        taken = await jobs.take_over(conn, job, good_rows_only=body.good_rows_only)
        told = {"good_rows_only": body.good_rows_only, "rows": job.rows, "faults": job.faults}
        await audit.record(conn, caller, "case.imported", f"import:{job_id}", told, region=job.region_code)
        return taken

    return await _change(request, db, caller, job_id, key, body.model_dump(mode="json"), take)


@router.post(
    "/jobs/{job_id}/map",
    summary="指定列对应 / Map its columns",
    response_model=JobOut,
    responses=problems(*errors.CHANGING),
)
async def map_job(
    request: Request, db: Db, caller: Importer, job_id: UUID, body: Mapping, key: IdempotencyKey = None
) -> Response:
    """Read and check the file anew by this mapping."""
    body.check(flows.load())

    async def read_anew(conn: Connection, job: Job) -> Job:
        await audit.record(conn, caller, "import.mapped", f"import:{job_id}", region=job.region_code)
        return await jobs.read_anew(conn, job, body, None)

    return await _change(request, db, caller, job_id, key, body.model_dump(mode="json"), read_anew)


@router.post(
    "/jobs/{job_id}/cancel",
    summary="取消导入 / Cancel",
    response_model=JobOut,
    responses=problems(*errors.CHANGING),
)
async def cancel_job(request: Request, db: Db, caller: Importer, job_id: UUID, key: IdempotencyKey = None) -> Response:
    """End an import. Rows that were taken over until now stay: what is recorded is never deleted."""

    async def cancel(conn: Connection, job: Job) -> Job:
        await audit.record(conn, caller, "import.cancelled", f"import:{job_id}", region=job.region_code)
        return await jobs.cancel(conn, job)

    answer = await _change(request, db, caller, job_id, key, {}, cancel)
    file_of(settings_of(request).data_dir, job_id).unlink(missing_ok=True)
    return answer


@router.get("/mappings", summary="列对应方案 / List mappings")
async def list_mappings(db: Db, caller: Importer) -> MappingsOut:
    """The latest version of each mapping of the county."""
    require(caller, *IMPORTERS)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return MappingsOut(mappings=[MappingOut.of(named) for named in await mappings.newest(conn, _MOST)])


@router.post(
    "/mappings",
    status_code=201,
    summary="保存列对应方案 / Keep a mapping",
    response_model=MappingOut,
    responses=problems(errors.MappingTaken, approval_errors.IdempotencyKeyReused),
)
async def keep_mapping(
    request: Request, db: Db, caller: Importer, body: MappingRequest, key: IdempotencyKey = None
) -> Response:
    """Keep a mapping under a name; a change is a further version, and each upload notes which it was read by."""
    uploads.check_region(body.region_code)
    require(caller, *IMPORTERS, region=body.region_code)
    body.mapping.check(flows.load())
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            named = await keep(conn, caller, body.name, body.region_code, body.mapping)
            return MappingOut.of(named).model_dump(mode="json")

        said = [request.url.path, body.model_dump(mode="json")]
        return _answer(await once(conn, caller, key, said, act, status=201))


@router.get("/mappings/{name}", summary="读取列对应方案 / Read a mapping", responses=problems(errors.MappingNotFound))
async def read_mapping(
    db: Db,
    caller: Importer,
    name: Annotated[str, Path(pattern=MAPPING_NAME)],
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> MappingOut:
    """A mapping, its latest version unless another is asked for."""
    require(caller, *IMPORTERS)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return MappingOut.of(await mappings.find(conn, name, version))


@router.get(
    "/templates/{flow}",
    summary="下载填报模板 / Download a template",
    response_class=Response,
    responses={
        200: {"content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}, "description": "XLSX"},
        **problems(approval_errors.NoSuchFlow),
    },
)
async def download_template(caller: Importer, flow: Annotated[str, Path(max_length=8)]) -> Response:
    """A workbook with the flow's columns, notes and pick lists."""
    wanted = flows.load().flow(flow)
    headers = {"content-disposition": f'attachment; filename="{wanted.code}.xlsx"'}
    return Response(template(wanted), media_type=XLSX, headers=headers)


async def found(conn: Connection, caller: Principal, job_id: UUID) -> Job:
    """A job that the caller may handle; raises `ImportNotFound`, `NotAllowed`."""
    job = await jobs.find(conn, job_id)
    require(caller, *IMPORTERS, region=job.region_code)
    return job


async def keep(conn: Connection, caller: Principal, name: str, region: str, mapping: Mapping) -> mappings.Named:
    """Keep a mapping and note who did; raises `MappingTaken`."""
    named = await mappings.keep(conn, name, region, mapping, caller.subject)
    told = {"version": named.version}
    await audit.record(conn, caller, "import.mapping_kept", "import_mapping", told, region=region)
    return named


async def _change(
    request: Request,
    db: Database,
    caller: Principal,
    job_id: UUID,
    key: str | None,
    body: dict[str, Any],
    deed: Callable[[Connection, Job], Awaitable[Job]],
) -> Response:
    async with db.begin(Scope.of(caller)) as conn:
        await found(conn, caller, job_id)

        async def act() -> dict[str, Any]:
            return _told(await deed(conn, await jobs.lock(conn, job_id)))

        answer = await once(conn, caller, key, [request.url.path, body], act)
    worker_of(request).wake()
    return _answer(answer)


async def _csv(db: Database, caller: Principal, job_id: UUID) -> AsyncIterator[bytes]:
    yield b"\xef\xbb\xbf"
    yield _line(("工作表", "行", "列", "内容", "如何修改", "What to mend", "需修改"))
    after = 0
    while True:
        async with db.begin(Scope.of(caller), readonly=True) as conn:
            rows = await jobs.faults_of(conn, job_id, after=after, limit=_AT_ONCE)
        for _, fault in rows:
            grave = "是" if fault.grave else "提示"
            yield _line((fault.sheet, str(fault.line), fault.column, fault.value, fault.zh, fault.en, grave))
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def _line(cells: tuple[str, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue().encode()


def harmless(cell: str) -> str:
    """A cell that no program takes for a formula."""
    return f"'{cell}" if folded(cell)[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r") else cell


def _told(job: Job) -> dict[str, Any]:
    return JobOut.of(job).model_dump(mode="json")


def _answer(answer: Answer) -> Response:
    headers = {"idempotency-replayed": "true"} if answer.replayed else {}
    return JSONResponse(answer.body, answer.status, headers=headers)
