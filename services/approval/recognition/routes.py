"""The REST API of readings, and the pictures of pages: for who may see a case that the paper was filed at."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse

from services.approval import errors
from services.approval.callers import Reader, Writer
from services.approval.database import Db
from services.approval.recognition import readings
from services.approval.recognition.errors import NoSuchFinding, NoSuchPage
from services.approval.recognition.pictures import pictures_of
from services.approval.recognition.schemas import AnswerFinding, ReadingOut
from shared.contracts.base import Sha256
from shared.db import Scope
from shared.documents import DOWNLOAD_HEADERS
from shared.openapi import problems
from shared.web import settings_of

router = APIRouter(prefix="/v1/papers", tags=["材料识别 readings"])
Digest = Annotated[Sha256, Path(description="材料的摘要 / the paper's digest")]
OfCase = Annotated[UUID, Query(description="材料所在案件 / a case that the paper was filed at")]


@router.get(
    "/{sha256}/reading", summary="材料识别结果 / What was read on a paper", responses=problems(errors.DocumentNotFound)
)
async def show_reading(db: Db, caller: Reader, sha256: Digest, case_id: OfCase) -> ReadingOut:
    """What was found, how it compares with the node's form, and other papers that seem to be the same one."""
    async with db.begin(Scope.of(caller)) as conn:
        reading = await readings.find(conn, case_id, sha256)
        await readings.note_seen(conn, caller, reading)
    return ReadingOut.of(reading)


@router.post(
    "/{sha256}/reading/answers",
    summary="核对识别结果 / Confirm or reject a finding",
    responses=problems(errors.DocumentNotFound, errors.RoleMissing, NoSuchFinding),
)
async def answer_finding(db: Db, caller: Writer, sha256: Digest, said: AnswerFinding) -> ReadingOut:
    """Say whether a finding is right or misread; the last word holds, and the form stays as it is."""
    async with db.begin(Scope.of(caller)) as conn:
        reading = await readings.find(conn, said.case_id, sha256)
        await readings.answer(conn, caller, reading, said.finding, said.answer, datetime.now(UTC))
        return ReadingOut.of(await readings.find(conn, said.case_id, sha256))


@router.get(
    "/{sha256}/pages/{page}",
    response_class=FileResponse,
    summary="页面图像 / A page as a picture",
    responses=problems(errors.DocumentNotFound, NoSuchPage),
)
async def show_paper_page(
    db: Db, caller: Reader, request: Request, sha256: Digest, page: Annotated[int, Path(ge=1, le=99)], case_id: OfCase
) -> FileResponse:
    """A page as it was read, turned upright: the places of findings are places on it."""
    async with db.begin(Scope.of(caller)) as conn:
        reading = await readings.find(conn, case_id, sha256)
        await readings.note_seen(conn, caller, reading)
    if page > len(reading.sizes):
        raise NoSuchPage("没有这一页的图像", "No picture of this page")
    picture = pictures_of(settings_of(request).data_dir, sha256) / f"{page}.jpg"
    return FileResponse(picture, media_type="image/jpeg", headers=DOWNLOAD_HEADERS)
