"""An uploaded file on its way in: spooled within bounds, told apart, and read as rows of a register."""

import hashlib
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.detector.errors import BadRecords, UploadTooLarge
from services.detector.register_forms import Register
from services.detector.register_sheets import rows_of_sheet
from services.detector.schemas import Format
from services.detector.uploads import Reading, Unreadable, read_changes, rows_of
from shared.problems import FieldError
from shared.sheets import MAX_LINES, read_sheets

MOST_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_JSON = ("application/json", "application/x-ndjson", "application/jsonl")
_SHEETS = ("text/csv", "text/tab-separated-values", "application/vnd.")
_UNSAFE = re.compile(r"[^\w.()() -]")


@dataclass(frozen=True)
class Received:
    """A file as it came."""

    path: Path
    format: Format
    sha256: str
    bytes: int


@asynccontextmanager
async def received(request: Request, dataset: str) -> AsyncIterator[Received]:
    """The request's body, or the part `file` of its form, for as long as it is read; raises `UploadTooLarge`."""
    with tempfile.TemporaryDirectory(prefix="yunjing-upload-") as folder:
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            path, content_type = await _part(request, Path(folder), dataset)
        else:
            path = Path(folder) / f"{dataset}.csv"
            await _spool(_bounded(request), path)
        with path.open("rb") as file:
            head = file.read(64)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield Received(path, _format(content_type, head), digest, path.stat().st_size)


def read(upload: Received, register: Register, *, sheet: str, secret: str) -> Reading:
    """The rows of an upload; raises `SheetRefused`, `BadRecords`, `UploadTooLarge`. It blocks: run it in a thread."""
    if upload.format != "json":
        rows = rows_of_sheet(read_sheets(upload.path, only=sheet), register)
        return read_changes(register.model, rows, secret=secret)
    try:
        listed = rows_of(upload.path.read_bytes())
    except Unreadable as error:
        fault = FieldError(f"rows.{error.line}", "不是 JSON 对象", "not a JSON object")
        raise BadRecords("数据不是 JSON", "Not JSON", [fault]) from error
    if len(listed) > MAX_LINES:
        raise UploadTooLarge(f"一次最多 {MAX_LINES} 行", f"At most {MAX_LINES} rows at a time")
    return read_changes(register.model, listed, secret=secret)


def _format(content_type: str, head: bytes) -> Format:
    """What a file is by its beginning; by what it is said to be where that leaves it open."""
    if head.startswith(b"PK"):
        return "xlsx"
    if content_type.startswith(_JSON):
        return "json"
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return "csv" if content_type.startswith(_SHEETS) or not begins.startswith((b"{", b"[")) else "json"


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            most = MOST_BYTES // 1024 // 1024
            raise UploadTooLarge(f"一次最多 {most} MiB,请拆分", f"At most {most} MiB at a time: split the file")
        yield chunk


async def _spool(chunks: AsyncIterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        async for chunk in chunks:
            file.write(chunk)


async def _part(request: Request, folder: Path, dataset: str) -> tuple[Path, str]:
    """The form's file, and what its browser says that it is."""
    missing = FieldError("file", "请选择文件", "a file is needed")
    try:
        form = await MultiPartParser(request.headers, _bounded(request), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError) as error:
        raise BadRecords("表单有误", "The form can't be read", [missing]) from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadRecords("没有文件", "No file", [missing])
        path = folder / (_UNSAFE.sub("_", Path(file.filename or "").name)[-80:].lstrip(".") or f"{dataset}.csv")
        await _spool(_chunks(file), path)
        return path, file.content_type or ""
    finally:
        await form.close()


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK):
        yield chunk
