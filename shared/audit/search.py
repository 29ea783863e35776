"""The audit log as its readers ask for it, in transactions of their own: row-level security says which entries."""

from collections.abc import AsyncIterator
from typing import Any

from asyncpg import Record

from shared import cursor
from shared.audit.errors import BadAuditCursor, NoSuchEntry
from shared.audit.schemas import AuditEntry, AuditFilter, AuditPage, AuditQuery
from shared.db import Connection

_COLUMNS = "id, at, actor, name, grants, action, object, region, detail, number, hash"
_WHERE = """
WHERE ($1::text IS NULL OR actor = $1 OR name = $1) AND ($2::text IS NULL OR action = $2)
  AND ($3::text IS NULL OR object = $3 OR object LIKE $4)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
"""
_PREFETCH = 500


async def page(conn: Connection, wanted: AuditQuery) -> AuditPage:
    """A page of entries, the latest first; raises `BadAuditCursor`."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM audit_log {_WHERE} AND ($7::bigint IS NULL OR id < $7) ORDER BY id DESC LIMIT $8",
        *_values(wanted),
        _place(wanted.after),
        wanted.limit + 1,
    )
    items = [AuditEntry.of(row) for row in rows[: wanted.limit]]
    return AuditPage(items=items, next=cursor.write(str(items[-1].id)) if len(rows) > wanted.limit else None)


async def entry(conn: Connection, id: int) -> AuditEntry:
    """One entry; raises `NoSuchEntry`."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM audit_log WHERE id = $1", id)
    if row is None:
        raise NoSuchEntry("没有这条记录,或不在您的权限范围内", "There is no such entry, or it is not yours to read")
    return AuditEntry.of(row)


async def everything(conn: Connection, wanted: AuditFilter, *, upto: int) -> AsyncIterator[AuditEntry]:
    """All entries in their order, to the one with the id `upto`."""
    query = f"SELECT {_COLUMNS} FROM audit_log {_WHERE} AND id <= $7 ORDER BY id"
    row: Record
    async for row in conn.cursor(query, *_values(wanted), upto, prefetch=_PREFETCH):
        yield AuditEntry.of(row)


async def last(conn: Connection) -> int:
    """The id of the caller's latest entry; 0 when there is none."""
    return int(await conn.fetchval("SELECT coalesce(max(id), 0) FROM audit_log"))


def _values(wanted: AuditFilter) -> tuple[Any, ...]:
    kind = wanted.object and wanted.object.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + ":%"
    return wanted.actor, wanted.action, wanted.object, kind, wanted.since, wanted.until


def _place(after: str | None) -> int | None:
    if after is None:
        return None
    try:
        (text,) = cursor.read(after)
        return int(text)
    except ValueError as error:
        raise BadAuditCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error
