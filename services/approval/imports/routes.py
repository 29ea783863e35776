"""`POST /v1/imports`: a sheet of existing records, taken over whole or not at all."""

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from services.approval import cases, errors, flows
from services.approval.callers import Importer
from services.approval.database import Db
from services.approval.desk import check_village
from services.approval.idempotency import IdempotencyKey, once
from services.approval.imports.files import rows_of
from services.approval.imports.records import Reading, RowFault
from services.approval.imports.rows import RowReader, read_records
from services.approval.imports.take import Report, take
from shared import audit
from shared.auth import require
from shared.contracts.base import RegionCode
from shared.db import Scope
from shared.documents import MAX_BYTES, safe_name
from shared.lengths import check_length
from shared.openapi import problems
from shared.problems import FieldError
from shared.web import settings_of

IMPORTERS = ("machine", "reporting_clerk", "town_agri_office", "county_authority")


async def sized(request: Request) -> None:
    check_length(request, MAX_BYTES)


router = APIRouter(prefix="/v1", dependencies=[Depends(sized)])


class RowFaultOut(BaseModel):
    """A row to mend."""

    sheet: str
    line: int
    column: str
    zh: str
    en: str
    value: str = Field("", description="单元格内容,证件号、账号已遮盖 / what the cell holds, numbers masked")


class ReportOut(BaseModel):
    """What became of the file. Nothing was taken over unless `applied`."""

    rows: int
    cases_opened: int
    nodes_recorded: int
    rows_repeated: int
    faults: list[RowFaultOut] = Field(default_factory=list)
    notices: list[RowFaultOut] = Field(
        default_factory=list, description="只作提示,不影响导入 / what was left out or there twice"
    )
    applied: bool


@router.post(
    "/imports",
    tags=["导入 imports"],
    responses=problems(*errors.IMPORTING) | {200: {"model": ReportOut}},
    summary="导入台账 / Import existing records",
)
async def import_sheet(
    db: Db,
    caller: Importer,
    request: Request,
    file: Annotated[UploadFile, File(description="XLSX, CSV (UTF-8, GB18030), NDJSON, OCDS")],
    village_code: Annotated[RegionCode, Form()],
    dry_run: Annotated[bool, Form()] = False,
    accept_good_rows: Annotated[bool, Form()] = False,
    key: IdempotencyKey = None,
) -> Response:
    """Take the rows of existing records over into a village. The same row twice has one effect."""
    check_village(village_code)
    require(caller, *IMPORTERS, region=village_code)
    reading, digest = await asyncio.to_thread(_read, file, village_code, settings_of(request).identity_secret)
    importer = cases.RoleHolder(caller.person_key, caller.name, caller.roles_in(village_code))
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            report = await take(
                conn,
                reading,
                importer=importer,
                dry_run=dry_run,
                accept_good_rows=accept_good_rows,
            )
            if report.faults and not dry_run and not accept_good_rows:
                raise _refused(report)
            told = {"dry_run": dry_run, "good_rows_only": accept_good_rows, "faults": len(report.faults)}
            await audit.record(conn, caller, "case.imported", f"import:{digest}", told, region=village_code)
            return ReportOut.model_validate(asdict(report)).model_dump(mode="json")

        said = [request.url.path, digest, village_code, dry_run, accept_good_rows]
        answer = await once(conn, caller, key, said, act)
    return JSONResponse(answer.body, headers={"idempotency-replayed": "true"} if answer.replayed else {})


def _read(file: UploadFile, village: str, identity_secret: str) -> tuple[Reading, str]:
    """The rows of an uploaded file, and its SHA-256; blocks, so it runs in a thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (safe_name(file.filename or "").lstrip(".") or "sheet")
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        with path.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        reader = RowReader(flows.load(), identity_secret, village)
        return read_records(rows_of(path, path.name, reader)), digest


def _refused(report: Report) -> errors.RowsRefused:
    return errors.RowsRefused(
        f"{len(report.faults)} 处需要修改",
        f"{len(report.faults)} places must be mended",
        [FieldError(place_of(fault), fault.zh, fault.en) for fault in report.faults],
    )


def place_of(fault: RowFault) -> str:
    """Where a fault is, in people's words: `Sheet1 第 12 行 C 办理时间`."""
    return f"{fault.sheet} 第 {fault.line} 行 {fault.column}".strip()
