"""Papers by content: received as a stream, named by their SHA-256, read only by whom their cases are open to."""

import asyncio
import hashlib
import os
import secrets
import unicodedata
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import ConfigDict, Field

from services.approval.errors import DocumentEmpty, DocumentNotFound, DocumentTooLarge, DocumentTypeRefused
from shared.archives import UnsoundArchive, open_sound
from shared.contracts.base import Sha256
from shared.contracts.power import DocumentRef
from shared.db import Connection

MAX_BYTES = 50 * 1024 * 1024
_FLUSH_BYTES = 1024 * 1024
_MAX_UNPACKED = 10 * MAX_BYTES
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXTENSIONS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", XLSX: ".xlsx", DOCX: ".docx"}


@dataclass(frozen=True)
class StoredDocument:
    """A received file."""

    sha256: str
    size: int
    media_type: str
    name: str


@dataclass(frozen=True)
class FiledPaper:
    """A paper that was uploaded before, filed as one of the node's kinds: as the API takes it, checked there."""

    kind: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", examples=["purchase_request"])]
    sha256: Annotated[Sha256, Field(description="上传时的答复所给 / from the answer to its upload")]
    name: Annotated[str, Field(max_length=200)] | None = None

    __pydantic_config__ = ConfigDict(extra="forbid")


def path_of(data_dir: Path, sha256: str) -> Path:
    """Where the content of this digest lies."""
    return data_dir / "documents" / sha256[:2] / sha256[2:4] / sha256


async def receive(
    data_dir: Path, chunks: AsyncIterator[bytes], name: str, declared: str | None = None
) -> StoredDocument:
    """Write a stream to its place under its own digest; `declared` is the media type that the sender claims.

    Raises `DocumentEmpty`, `DocumentTooLarge`, `DocumentTypeRefused`.
    """
    incoming = data_dir / "documents" / ".incoming"
    await asyncio.to_thread(incoming.mkdir, parents=True, exist_ok=True)
    partial = incoming / secrets.token_hex(16)
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
        await asyncio.to_thread(_settle, partial, path_of(data_dir, sha256))
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


def _settle(partial: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        partial.replace(target)


def safe_name(name: str) -> str:
    """A file's name without folders and control characters."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in base if unicodedata.category(c)[0] != "C").strip()[:200]


async def register(conn: Connection, stored: StoredDocument, subject: str) -> None:
    """Remember a received file and who brought it."""
    await conn.execute(
        "INSERT INTO documents (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        stored.sha256,
        stored.size,
        stored.media_type,
    )
    await conn.execute(
        "INSERT INTO document_uploads (sha256, subject, name) VALUES ($1, $2, $3)"
        " ON CONFLICT (sha256, subject) DO UPDATE SET name = excluded.name",
        stored.sha256,
        subject,
        stored.name,
    )


_FOR_FILING = """
SELECT d.sha256, d.size, coalesce(
    (SELECT u.name FROM document_uploads u WHERE u.sha256 = d.sha256 LIMIT 1),
    (SELECT f.name FROM case_documents f WHERE f.sha256 = d.sha256 LIMIT 1)) AS name
FROM documents d WHERE d.sha256 = ANY($1::text[])
"""


async def to_refs(conn: Connection, papers: Sequence[FiledPaper]) -> tuple[DocumentRef, ...]:
    """The papers to file, by digest: brought by the caller or already filed at a case in scope."""
    if not papers:
        return ()
    rows = await conn.fetch(_FOR_FILING, list({paper.sha256 for paper in papers}))
    known = {row["sha256"]: row for row in rows if row["name"] is not None}
    missing = [paper.sha256 for paper in papers if paper.sha256 not in known]
    if missing:
        raise DocumentNotFound(f"请先上传文件:{missing[0]}", f"Upload this file first: {missing[0]}")
    return tuple(_ref(paper, known[paper.sha256]) for paper in papers)


def _ref(paper: FiledPaper, row: Mapping[str, Any]) -> DocumentRef:
    name = safe_name(paper.name or "") or str(row["name"])
    return DocumentRef(kind=paper.kind, sha256=paper.sha256, name=name, size=int(row["size"]))


_NAMED = """
SELECT named.file, max(d.sha256) AS sha256, max(d.size) AS size
FROM (SELECT sha256, name AS file FROM document_uploads WHERE name = ANY($1::text[])
      UNION SELECT sha256, sha256 FROM document_uploads WHERE sha256 = ANY($1::text[])
      UNION SELECT sha256, sha256 FROM case_documents WHERE sha256 = ANY($1::text[])) AS named
JOIN documents d USING (sha256) GROUP BY named.file HAVING count(*) = 1
"""


async def find_named(conn: Connection, files: Collection[str]) -> dict[str, DocumentRef]:
    """Papers by digest or by the name under which they were uploaded; one with several meanings is left out."""
    rows = await conn.fetch(_NAMED, list(files))
    return {row["file"]: DocumentRef(kind="", sha256=row["sha256"], name=row["file"], size=row["size"]) for row in rows}


async def find(conn: Connection, sha256: str) -> StoredDocument:
    """A paper that a case in the caller's scope refers to; raises `DocumentNotFound`."""
    row = await conn.fetchrow(
        "SELECT d.sha256, d.size, d.media_type, f.name FROM documents d"
        " JOIN case_documents f USING (sha256) WHERE d.sha256 = $1 LIMIT 1",
        sha256,
    )
    if row is None:
        raise DocumentNotFound("没有这个文件,或不在您的权限范围内", "No such file within your regions")
    return StoredDocument(**dict(row))
