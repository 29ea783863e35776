"""The registers over REST: records one by one, whole files of them, templates and exports, and who uploaded what."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from services.detector import upload_trail
from services.detector.errors import BadRecords, NoSuchDataset, NoSuchRecord, UploadTooLarge
from services.detector.publishing import WRITERS, Outcome, publish_changes
from services.detector.receiving import read, received
from services.detector.register_forms import Register, registers
from services.detector.register_sheets import csv_lines, csv_template, xlsx_template
from services.detector.routes import READERS
from services.detector.schemas import Accepted, RecordPage, RowFaultView, UploadPage, UploadReport, UploadView
from services.detector.upload_trail import Upload
from services.detector.uploads import Change, Reading, read_record
from shared import audit, cursor
from shared.auth import Caller, require
from shared.bus.outbox import EventTooLarge
from shared.contracts.reference import DATASETS
from shared.db import Database, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import FieldError
from shared.sheets import SheetRefused
from shared.web import db_of, settings_of

_TAG = "登记数据 reference"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv; charset=utf-8"
_EXPORTED_AT_ONCE = 1000
_DEATH = {"person_key": "6f1ed002ab5595859014ebf0951522d9", "name": "王五", "died_on": "2026-02-11"}
_FILE_SCHEMA = {"type": "string", "format": "binary"}
_UPLOAD_BODY = {
    "required": True,
    "content": {
        "text/csv": {"schema": {"type": "string"}},
        _XLSX: {"schema": _FILE_SCHEMA},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _FILE_SCHEMA}, "required": ["file"]}
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    },
}
_PAGE = """
SELECT id, data FROM reference_records WHERE dataset = $1 AND id > $2 ORDER BY id LIMIT $3
"""
Dataset = Annotated[str, Path(description="登记数据集 / the register", json_schema_extra={"enum": list(DATASETS)})]
RecordId = Annotated[str, Path(description="记录编号 / the id; a company's is its credit code")]
router = APIRouter(prefix="/v1", tags=[_TAG])


@router.get("/reference-uploads", summary="上传记录 / List uploads", responses=problems(NoSuchDataset))
async def list_uploads(
    request: Request,
    caller: Caller,
    dataset: Annotated[str | None, Query(description="登记数据集 / the register")] = None,
    after: Annotated[str | None, Query(description="上一页的 next / `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> UploadPage:
    """Who uploaded what, when, and what became of it, refused files too: those for the caller's regions."""
    require(caller, *READERS)
    if dataset is not None:
        _register(dataset)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        rows = await upload_trail.page(conn, dataset=dataset, after=cursor.read_moment(after), limit=limit)
    uploads = [UploadView.model_validate(row) for row in rows]
    last = uploads[-1] if len(uploads) == limit else None
    return UploadPage(uploads=uploads, next=cursor.write(last.at.isoformat(), str(last.id)) if last else None)


@router.get(
    "/reference/{dataset}/template.{kind}",
    summary="下载模板 / Download a template",
    response_class=Response,
    responses=problems(NoSuchDataset) | {200: {"content": {_CSV: {}, _XLSX: {}}}},
)
async def get_template(caller: Caller, dataset: Dataset, kind: Literal["csv", "xlsx"]) -> Response:
    """An empty sheet to fill in, its headers in Chinese; the workbook's second sheet says what each column means.

    A list is divided by 、 or ;, the parts of an entry (姓名|身份证号|持股比例) by |. All columns: `docs/registers.md`.
    """
    require(caller, *READERS)
    register = _register(dataset)
    if kind == "csv":
        return Response(csv_template(register), media_type=_CSV, headers=_attached(f"{dataset}.csv"))
    book = await asyncio.to_thread(xlsx_template, register)
    return Response(book, media_type=_XLSX, headers=_attached(f"{dataset}.xlsx"))


@router.get(
    "/reference/{dataset}/records.csv",
    summary="导出登记数据 / Export the records",
    response_class=StreamingResponse,
    responses=problems(NoSuchDataset) | {200: {"content": {_CSV: {}}}},
)
async def export_records(request: Request, caller: Caller, dataset: Dataset) -> StreamingResponse:
    """The register within the caller's regions as a sheet to correct and upload again. Persons stay keyed hashes."""
    require(caller, *READERS)
    register = _register(dataset)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "register.exported", f"register:{dataset}")
    lines = _exported(db_of(request), caller, register)
    return StreamingResponse(lines, media_type=_CSV, headers=_attached(f"{dataset}.csv"))


@router.put(
    "/reference/{dataset}/{id}",
    status_code=202,
    summary="登记一条记录 / Set one record",
    responses=problems(NoSuchDataset, BadRecords),
)
async def put_record(
    request: Request,
    caller: Caller,
    dataset: Dataset,
    id: RecordId,
    body: Annotated[dict[str, Any], Body(examples=[_DEATH])],
) -> Accepted:
    """Set one record. `id_no` fields become keyed hashes and are not kept."""
    register = _register(dataset)
    require(caller, *WRITERS)
    record, faults = read_record(
        register.model, {"id": id} | body, secret=settings_of(request).identity_secret, path="body."
    )
    if record is not None and record.id != id:
        faults.append(FieldError("body.id", "与地址中的编号不一致", "not the id in the address"))
    if record is None or faults:
        raise BadRecords("请按提示修改", "Please mend the named fields", faults)
    await _take_one(request, caller, dataset, Change.of(record), body)
    return Accepted(dataset=dataset, accepted=1)


@router.delete(
    "/reference/{dataset}/{id}",
    status_code=202,
    summary="删除一条记录 / Delete one record",
    responses=problems(NoSuchDataset),
)
async def delete_record(request: Request, caller: Caller, dataset: Dataset, id: RecordId) -> Accepted:
    """Delete one record, as if it had never been; what has ended is set with a `valid_to`. Twice has one effect."""
    _register(dataset)
    require(caller, *WRITERS)
    await _take_one(request, caller, dataset, Change(id, None, {}), {"id": id, "deleted": True})
    return Accepted(dataset=dataset, accepted=1)


@router.post(
    "/reference/{dataset}",
    status_code=202,
    openapi_extra={"requestBody": _UPLOAD_BODY},
    summary="批量登记 / Set many records",
    responses=problems(NoSuchDataset, BadRecords, SheetRefused, UploadTooLarge)
    | {200: {"model": UploadReport, "description": "试运行,未写入任何数据 / A dry run: nothing was taken"}},
)
async def post_records(
    request: Request,
    response: Response,
    caller: Caller,
    dataset: Dataset,
    dry_run: Annotated[bool, Query(description="只检查,不写入 / check everything, take nothing")] = False,
    accept_good_rows: Annotated[bool, Query(description="有错行仍收好行 / take the good rows beside bad")] = False,
    sheet: Annotated[str, Query(description="工作表名,空为第一张 / a workbook's sheet; empty: its first")] = "",
) -> UploadReport:
    """Set many records from a CSV or XLSX sheet, NDJSON, or a JSON array: all of them, or none with every fault named.

    A sheet's headers may be those of the template (`/v1/reference/{dataset}/template.xlsx`) or the fields' English
    names; amounts are yuan below a Chinese header and fen below an English `…_fen`. Each row sets the whole record of
    its id; 删除 (`deleted`) 是 deletes it. At most 64 MiB and 200,000 rows. The same file again changes nothing.
    """
    register = _register(dataset)
    require(caller, *WRITERS)
    secret = settings_of(request).identity_secret
    async with received(request, dataset) as file:
        reading = await asyncio.to_thread(read, file, register, sheet=sheet, secret=secret)
    take = not dry_run and (accept_good_rows or not reading.refused)
    upload = Upload(uuid.uuid4(), dataset, file.format, file.sha256, file.bytes, datetime.now(UTC), reading.rows)
    taken = await _take(request, caller, reading, replace(upload, refused=reading.refused, applied=take), dry_run)
    if not take and not dry_run:
        found = f"{reading.faults_found} faults in {reading.refused} rows"
        raise BadRecords(f"{reading.refused} 行有误,共 {reading.faults_found} 处", found, faults=reading.faults)
    if dry_run:
        response.status_code = 200
    return _report(reading, taken)


@router.get(
    "/reference/{dataset}/{id}",
    summary="查询一条记录 / Read one record",
    responses=problems(NoSuchDataset, NoSuchRecord),
)
async def get_record(request: Request, caller: Caller, dataset: Dataset, id: RecordId) -> dict[str, Any]:
    """One record, as it took effect."""
    _register(dataset)
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "register.viewed", f"register:{dataset}", hourly=True)
        data = await conn.fetchval("SELECT data FROM reference_records WHERE dataset = $1 AND id = $2", dataset, id)
    if data is None:
        raise NoSuchRecord("该记录不存在,或不在本人区域内", "It does not exist or lies outside your region")
    return dict(data)


@router.get(
    "/reference/{dataset}",
    summary="记录列表 / List records",
    responses=problems(NoSuchDataset),
)
async def list_records(
    request: Request,
    caller: Caller,
    dataset: Dataset,
    after: Annotated[str, Query(description="上一页的 next / `next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RecordPage:
    """The records of a register by id, within the caller's regions."""
    _register(dataset)
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "register.viewed", f"register:{dataset}", hourly=True)
        rows = await conn.fetch(_PAGE, dataset, after, limit)
    return RecordPage(records=[row["data"] for row in rows], next=rows[-1]["id"] if len(rows) == limit else None)


class _Undone(Exception):
    """Rolls the changes back; the outcome stands."""


async def _take(request: Request, caller: Principal, reading: Reading, upload: Upload, dry_run: bool) -> Upload:
    """Publish an upload's changes if it is applied, put it on record unless it is a dry run, and tell what it does."""
    outcome = Outcome()
    # All regions in sight, as `publish_changes` needs them; it refuses whoever may not write in the records' regions.
    async with db_of(request).begin(Scope.system()) as conn:
        try:
            async with conn.transaction():
                outcome = await publish_changes(conn, caller, upload.dataset, reading.changes, upload.at)
                if not upload.applied:
                    raise _Undone
        except _Undone:
            pass
        except EventTooLarge as error:
            raise BadRecords("有一条记录过大,请精简", "One of the records is too large to be published") from error
        if not upload.applied and not dry_run:
            await upload_trail.note(conn, caller, upload)
        told = replace(upload, **asdict(outcome))
        if upload.applied:
            await upload_trail.note(conn, caller, told)
    return told


async def _take_one(request: Request, caller: Principal, dataset: str, change: Change, said: Mapping[str, Any]) -> None:
    """Publish the change of one record, on the trail as a file of one row."""
    body = orjson.dumps(said)
    digest = hashlib.sha256(body).hexdigest()
    upload = Upload(uuid.uuid4(), dataset, "record", digest, len(body), datetime.now(UTC), rows=1)
    await _take(request, caller, Reading(rows=1, changes=[change]), upload, dry_run=False)


def _report(reading: Reading, upload: Upload) -> UploadReport:
    return UploadReport(
        **{name: value for name, value in asdict(upload).items() if name in UploadReport.model_fields},
        upload_id=upload.id,
        accepted=len(reading.changes),
        faults_found=reading.faults_found,
        faults=[RowFaultView.model_validate(fault) for fault in reading.faults],
    )


async def _exported(db: Database, caller: Principal, register: Register) -> AsyncIterator[str]:
    yield csv_template(register).decode()
    after, full = "", True
    while full:
        async with db.begin(Scope.of(caller), readonly=True) as conn:
            rows = await conn.fetch(_PAGE, register.dataset, after, _EXPORTED_AT_ONCE)
        yield csv_lines(register, [register.model.model_validate(row["data"]) for row in rows])
        full = len(rows) == _EXPORTED_AT_ONCE
        after = rows[-1]["id"] if rows else ""


def _register(dataset: str) -> Register:
    if dataset not in DATASETS:
        raise NoSuchDataset(f"可用的数据集:{'、'.join(DATASETS)}", f"Datasets: {', '.join(DATASETS)}")
    return registers()[dataset]


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
