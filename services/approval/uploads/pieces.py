"""What has arrived of an upload, in PostgreSQL: any replica takes the next piece, and a crash loses none that was told.

A piece is appended only where the ones before it end, so that of two who send the same one takes effect.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.approval.uploads.asked import Announced
from services.approval.uploads.errors import NoSuchUpload, OtherOffset, TooManyUploads
from shared.db import Connection, Database, Scope
from shared.documents import DocumentTooLarge, safe_name

KEPT = timedelta(hours=24)
_MOST_OPEN = 50
_UPLOAD = "upload_id, name, declared, length, received, sha256, expires_at"
_START = f"""
INSERT INTO uploads (subject, name, declared, length, expires_at)
SELECT $1, $2, $3, $4, now() + $5
WHERE (SELECT count(*) FROM uploads WHERE subject = $1 AND sha256 IS NULL AND expires_at > now()) < $6
RETURNING {_UPLOAD}
"""
_FIND = f"SELECT {_UPLOAD} FROM uploads WHERE upload_id = $1 AND expires_at > now()"
_APPEND = """
UPDATE uploads SET received = received + $3, expires_at = now() + $4
WHERE upload_id = $1 AND received = $2 AND expires_at > now()
"""
_PART = "INSERT INTO upload_parts (upload_id, starts_at, body) VALUES ($1, $2, $3)"
_NEXT_PART = """
SELECT starts_at, body FROM upload_parts WHERE upload_id = $1 AND starts_at >= $2 ORDER BY starts_at LIMIT 1
"""


@dataclass(frozen=True)
class Upload:
    """An upload: how many of its bytes are here, and, once all are and were taken, the document they make."""

    upload_id: UUID
    name: str
    declared: str | None
    length: int
    received: int
    sha256: str | None
    expires_at: datetime

    @property
    def whole(self) -> bool:
        """Whether all bytes are here."""
        return self.received == self.length


async def start(conn: Connection, subject: str, announced: Announced) -> Upload:
    """Make room for a file; raises `TooManyUploads`."""
    name = safe_name(announced.name)
    row = await conn.fetchrow(_START, subject, name, announced.declared, announced.length, KEPT, _MOST_OPEN)
    if row is None:
        raise TooManyUploads(
            f"最多同时 {_MOST_OPEN} 个未完成的上传,请先完成或删除",
            f"{_MOST_OPEN} unfinished uploads at most: finish or delete some",
        )
    return Upload(**dict(row))


async def find(conn: Connection, upload_id: UUID) -> Upload:
    """An upload of the caller; raises `NoSuchUpload`."""
    row = await conn.fetchrow(_FIND, upload_id)
    if row is None:
        raise NoSuchUpload("没有这个上传,或已过期,请重新上传", "No such upload, or it has expired: begin again")
    return Upload(**dict(row))


async def append(conn: Connection, upload: Upload, offset: int, body: bytes) -> int:
    """Add a piece; returns where the next one goes on. Raises `OtherOffset`, `DocumentTooLarge`."""
    if offset + len(body) > upload.length:
        raise DocumentTooLarge(
            f"声明了 {upload.length} 字节,来了更多", f"More than the {upload.length} bytes announced"
        )
    if await conn.execute(_APPEND, upload.upload_id, offset, len(body), KEPT) == "UPDATE 0":
        there = await find(conn, upload.upload_id)
        raise OtherOffset(
            f"已有 {there.received} 字节,请从那里续传", f"There are {there.received} bytes: go on from there"
        )
    await conn.execute(_PART, upload.upload_id, offset, body)
    return offset + len(body)


async def content(db: Database, scope: Scope, upload_id: UUID) -> AsyncIterator[bytes]:
    """All that has arrived, piece by piece."""
    place = 0
    while True:
        async with db.begin(scope, readonly=True) as conn:
            row = await conn.fetchrow(_NEXT_PART, upload_id, place)
        if row is None:
            return
        yield row["body"]
        place = row["starts_at"] + 1


async def became(conn: Connection, upload_id: UUID, sha256: str) -> None:
    """The upload is this document now; its pieces go."""
    await conn.execute("UPDATE uploads SET sha256 = $2 WHERE upload_id = $1", upload_id, sha256)
    await conn.execute("DELETE FROM upload_parts WHERE upload_id = $1", upload_id)


async def drop(conn: Connection, upload_id: UUID) -> bool:
    """Forget an upload with its pieces; whether there was one."""
    gone: str = await conn.execute("DELETE FROM uploads WHERE upload_id = $1", upload_id)
    return gone != "DELETE 0"


async def forget_old(conn: Connection) -> None:
    """Forget what nobody goes on with, and what became documents long ago."""
    await conn.execute("DELETE FROM uploads WHERE expires_at < now()")
