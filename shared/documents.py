"""Received files by content: bounded, of a few kinds told by their content, put on a shelf under its own SHA-256."""

import asyncio
import hashlib
import os
import secrets
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Protocol

from shared.archives import UnsoundArchive, open_sound
from shared.problems import Problem
from shared.shelves import Shelf

MAX_BYTES = 50 * 1024 * 1024
_FLUSH_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_MAX_UNPACKED = 10 * MAX_BYTES
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXTENSIONS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", XLSX: ".xlsx", DOCX: ".docx"}
# A download never runs in the reader's browser and stays in no cache.
DOWNLOAD_HEADERS = {"content-security-policy": "sandbox; default-src 'none'", "cache-control": "private, no-store"}


class DocumentEmpty(Problem):
    """A file without content."""

    status, code = 422, "document-empty"
    title_zh, title_en = "文件是空的", "The file is empty"


class DocumentTooLarge(Problem):
    """A file beyond the limit."""

    status, code = 413, "document-too-large"
    title_zh, title_en = "文件太大", "The file is too large"


class DocumentTypeRefused(Problem):
    """A file of a kind that is not taken."""

    status, code = 415, "document-type-refused"
    title_zh, title_en = "不支持这种文件", "This type of file is not accepted"


class Readable(Protocol):
    """A file that comes with a form."""

    async def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at its end."""
        ...


async def chunks_of(file: Readable) -> AsyncIterator[bytes]:
    """The content of a file, piece by piece."""
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


@dataclass(frozen=True)
class StoredDocument:
    """A received file."""

    sha256: str
    size: int
    media_type: str
    name: str


async def receive(shelf: Shelf, chunks: AsyncIterator[bytes], name: str, declared: str | None = None) -> StoredDocument:
    """Write a stream to its place under its own digest; `declared` is the media type that the sender claims.

    Raises `DocumentEmpty`, `DocumentTooLarge`, `DocumentTypeRefused`.
    """
    await asyncio.to_thread(shelf.incoming.mkdir, parents=True, exist_ok=True)
    partial = shelf.incoming / secrets.token_hex(16)
    try:
        with await asyncio.to_thread(partial.open, "w+b") as file:
            sha256, size = await _copy(chunks, file)
            media_type = await asyncio.to_thread(_sniff, file)
            await asyncio.to_thread(os.fsync, file.fileno())
        if media_type is None:
            raise DocumentTypeRefused(
                "只接受 PDF、JPEG、PNG、XLSX、DOCX 文件", "Only PDF, JPEG, PNG, XLSX and DOCX files are accepted"
            )
        if declared and declared not in (media_type, "application/octet-stream"):
            raise DocumentTypeRefused(
                f"文件内容是 {media_type},与声明的 {declared} 不符",
                f"The content is {media_type}, not {declared} as declared",
            )
        await shelf.put(partial, sha256)
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return StoredDocument(sha256, size, media_type, safe_name(name) or sha256[:12] + EXTENSIONS[media_type])


async def _copy(chunks: AsyncIterator[bytes], file: IO[bytes]) -> tuple[str, int]:
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            limit = MAX_BYTES // 1024 // 1024
            raise DocumentTooLarge(f"单个文件不得超过 {limit} MiB", f"A file may have {limit} MiB at most")
        digest.update(chunk)
        waiting += chunk
        if len(waiting) >= _FLUSH_BYTES:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    if not size:
        raise DocumentEmpty("文件是空的", "The file is empty")
    await asyncio.to_thread(file.write, bytes(waiting))
    file.flush()
    return digest.hexdigest(), size


def _sniff(file: IO[bytes]) -> str | None:
    """The media type by content: what the sender says of it proves nothing."""
    file.seek(0)
    head = file.read(1024)
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return _sniff_office(file) if head.startswith(b"PK\x03\x04") else None


def _sniff_office(file: IO[bytes]) -> str | None:
    try:
        with open_sound(file, max_unpacked=_MAX_UNPACKED) as archive:
            names = set(archive.namelist())
    except UnsoundArchive:
        return None
    # A macro runs on the reader's desk: workbooks and letters that carry one are refused.
    if "[Content_Types].xml" not in names or any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "xl/workbook.xml" in names:
        return XLSX
    return DOCX if "word/document.xml" in names else None


def safe_name(name: str) -> str:
    """A file's name without folders and control characters."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in base if unicodedata.category(c)[0] != "C").strip()[:200]
