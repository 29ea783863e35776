"""Uploads in pieces under /v1/uploads: tus 1.0 with creation, expiration and termination.

Any client of the protocol serves. When the last byte is here the file is looked at and becomes a document as one that
came at once would; `GET` tells its digest, which a node's documents refer to.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from services.approval import documents
from services.approval.callers import Reader, Writer
from services.approval.database import Db
from services.approval.uploads import pieces
from services.approval.uploads.asked import PIECE, VERSION, Announced, check_version, offset_of
from services.approval.uploads.errors import NoSuchUpload, NotAPiece, OtherOffset, TooManyUploads, TusVersion
from services.approval.uploads.pieces import Upload
from shared import audit
from shared.db import Scope
from shared.documents import MAX_BYTES, DocumentEmpty, DocumentTooLarge, DocumentTypeRefused, receive
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import InvalidInput, Problem
from shared.web import settings_of

router = APIRouter(prefix="/v1/uploads", tags=["材料 documents"])
_PIECE_BYTES = 1024 * 1024
_ALWAYS = {"tus-resumable": VERSION, "cache-control": "no-store"}
_TAKING = (DocumentEmpty, DocumentTooLarge, DocumentTypeRefused)
UploadId = Annotated[UUID, Path(description="上传的 id,取自 Location / from the Location of its creation")]
_HEADERS = {
    "Tus-Resumable": {"schema": {"type": "string"}, "description": "协议版本 / the version of tus: 1.0.0"},
    "Upload-Offset": {"schema": {"type": "integer"}, "description": "已收字节 / bytes that are here"},
}
_TUS = {
    "name": "Tus-Resumable",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "enum": [VERSION]},
}


class UploadOut(BaseModel):
    """An upload as it stands. `sha256` is there once the file is whole and was taken: file it by that digest."""

    id: UUID
    name: str
    length: int = Field(description="总字节数 / bytes in all")
    offset: int = Field(description="已收字节数,从这里续传 / bytes that are here: go on from there")
    sha256: str | None
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> "UploadOut":
        """As its owner sees it."""
        return cls(
            id=upload.upload_id,
            name=upload.name,
            length=upload.length,
            offset=upload.received,
            sha256=upload.sha256,
            expires_at=upload.expires_at,
        )


def _header(name: str, kind: str, what: str, *, required: bool = True) -> dict[str, object]:
    return {"name": name, "in": "header", "required": required, "description": what, "schema": {"type": kind}}


@router.options("", status_code=204, summary="续传的能力 / What uploads can do")
async def can(_: Reader) -> Response:
    """The version of tus, its extensions that are understood, and the largest file."""
    told = {"tus-version": VERSION, "tus-extension": "creation,expiration,termination", "tus-max-size": str(MAX_BYTES)}
    return Response(status_code=204, headers=_ALWAYS | told)


@router.post(
    "",
    status_code=201,
    response_class=Response,
    summary="开始续传上传 / Begin an upload in pieces",
    responses=problems(*_TAKING, TooManyUploads, TusVersion, InvalidInput) | {201: {"headers": _HEADERS}},
    openapi_extra={
        "parameters": [
            _TUS,
            _header("Upload-Length", "integer", "文件字节数 / bytes of the file"),
            _header("Upload-Metadata", "string", "filename、filetype,Base64 / in Base64", required=False),
        ]
    },
)
async def begin(db: Db, caller: Writer, request: Request) -> Response:
    """Announce a file; its pieces go to the `Location` of the answer, within a day of each other."""
    announced = Announced.of(request.headers)
    async with db.begin(Scope.of(caller)) as conn:
        upload = await pieces.start(conn, caller.subject, announced)
    return _told(upload, 201, {"location": f"/v1/uploads/{upload.upload_id}"})


@router.head(
    "/{upload_id}",
    response_class=Response,
    summary="已收多少 / How much is here",
    responses=problems(NoSuchUpload, TusVersion) | {200: {"headers": _HEADERS}},
    openapi_extra={"parameters": [_TUS]},
)
async def look(db: Db, caller: Reader, request: Request, upload_id: UploadId) -> Response:
    """From where to go on."""
    check_version(request.headers)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        upload = await pieces.find(conn, upload_id)
    return _told(upload, 200, {"upload-length": str(upload.length)})


@router.get(
    "/{upload_id}",
    summary="上传的状态与结果 / An upload and what became of it",
    responses=problems(NoSuchUpload, *_TAKING),
)
async def show(db: Db, caller: Writer, request: Request, upload_id: UploadId, response: Response) -> UploadOut:
    """The upload; a whole file that was not taken yet, because something died, is taken now."""
    response.headers["cache-control"] = "no-store"
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        upload = await pieces.find(conn, upload_id)
    return UploadOut.of(await _taken(db, caller, request, upload))


@router.patch(
    "/{upload_id}",
    status_code=204,
    summary="续传一段 / Send a piece",
    responses=problems(NoSuchUpload, OtherOffset, NotAPiece, TusVersion, InvalidInput, *_TAKING)
    | {204: {"headers": _HEADERS}},
    openapi_extra={
        "parameters": [_TUS, _header("Upload-Offset", "integer", "从第几字节起 / from which byte on")],
        "requestBody": {"required": True, "content": {PIECE: {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def add(db: Db, caller: Writer, request: Request, upload_id: UploadId) -> Response:
    """A piece from where the ones before end. What arrived of it before the line broke counts."""
    offset = offset_of(request.headers)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        upload = await pieces.find(conn, upload_id)
    async for piece in _in_pieces(request):
        async with db.begin(Scope.of(caller)) as conn:
            offset = await pieces.append(conn, upload, offset, piece)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        upload = await pieces.find(conn, upload_id)
    if offset != upload.received:
        raise OtherOffset.at(upload.received)
    return _told(await _taken(db, caller, request, upload), 204)


@router.delete(
    "/{upload_id}",
    status_code=204,
    summary="放弃上传 / Give an upload up",
    responses=problems(NoSuchUpload, TusVersion),
    openapi_extra={"parameters": [_TUS]},
)
async def give_up(db: Db, caller: Writer, request: Request, upload_id: UploadId) -> Response:
    """Forget the pieces. A document that they became stays."""
    check_version(request.headers)
    async with db.begin(Scope.of(caller)) as conn:
        if not await pieces.drop(conn, upload_id):
            raise NoSuchUpload("没有这个上传", "No such upload")
    return Response(status_code=204, headers=_ALWAYS)


async def _in_pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in parts of a handy size; one that breaks off gives what came of it."""
    waiting = bytearray()
    try:
        async for chunk in request.stream():
            waiting += chunk
            while len(waiting) >= _PIECE_BYTES:
                yield bytes(waiting[:_PIECE_BYTES])
                del waiting[:_PIECE_BYTES]
    except ClientDisconnect:
        pass
    if waiting:
        yield bytes(waiting)


async def _taken(db: Db, caller: Principal, request: Request, upload: Upload) -> Upload:
    """A whole file becomes a document; one that is refused is forgotten. Raises the errors of `receive`."""
    if not upload.whole or upload.sha256:
        return upload
    scope, shelf = Scope.of(caller), documents.shelf(settings_of(request))
    try:
        content = pieces.content(db, scope, upload.upload_id)
        stored = await receive(shelf, content, upload.name, upload.declared)
    except Problem:
        async with db.begin(scope) as conn:
            await pieces.drop(conn, upload.upload_id)
        raise
    async with db.begin(scope) as conn:
        await documents.register(conn, stored, caller.subject)
        await pieces.became(conn, upload.upload_id, stored.sha256)
        await audit.record(conn, caller, "document.uploaded", f"document:{stored.sha256}")
        return await pieces.find(conn, upload.upload_id)


def _told(upload: Upload, status: int, more: dict[str, str] | None = None) -> Response:
    told = {
        "upload-offset": str(upload.received),
        "upload-expires": format_datetime(upload.expires_at, usegmt=True),
    }
    return Response(status_code=status, headers=_ALWAYS | told | (more or {}))
