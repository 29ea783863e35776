"""Papers of an alert: filed by who has it on his desk, given only to who may read it, and each giving is recorded."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from asyncpg import Record

from services.notifier import inbox, standing
from services.notifier.errors import NoSuchPaper, TooManyPapers
from services.notifier.handling import deeds
from services.notifier.handling.paper_schemas import PaperView
from services.notifier.routing import routing
from services.notifier.standing import Standing
from shared import audit
from shared.db import Connection, Database, Scope
from shared.documents import StoredDocument, receive
from shared.principals import Principal
from shared.settings import Settings
from shared.shelves import Shelf, shelf_of

MOST = 200
_LISTED = """
SELECT p.*, (SELECT count(*) FROM paper_readings r WHERE r.paper_id = p.paper_id) AS readings
FROM papers p WHERE alert_id = $1
"""


def shelf(settings: Settings) -> Shelf:
    """Where the papers of alerts lie."""
    return shelf_of(settings, "papers")


async def file(
    db: Database,
    caller: Principal,
    alert_id: UUID,
    chunks: AsyncIterator[bytes],
    *,
    shelf: Shelf,
    name: str,
    declared: str | None = None,
) -> PaperView:
    """Receive a paper and file it; the same content twice at one alert is one paper.

    Raises the errors of `inbox.lock`, `deeds.check` and `documents.receive`, and `TooManyPapers`.
    """
    async with db.begin(Scope.of(caller)) as conn:  # before anything is stored
        held = await inbox.lock(conn, alert_id)
        deeds.check(held, standing.actor_at(held, caller))
    stored = await receive(shelf, chunks, name, declared)
    async with db.begin(Scope.of(caller)) as conn:
        held = await inbox.lock(conn, alert_id)
        there = {row["sha256"]: row for row in await conn.fetch(_LISTED, alert_id)}
        if stored.sha256 in there:
            return _view(there[stored.sha256])
        if len(there) >= MOST:
            raise TooManyPapers(f"一条预警最多 {MOST} 份材料", f"An alert may have {MOST} papers at most")
        deed, actor = deeds.File(uuid4(), stored.sha256, stored.name), standing.actor_at(held, caller)
        change = deeds.decide(held, deed, actor, datetime.now(UTC))
        await inbox.save(conn, [replace(change, request=stored.sha256)])
        await _note(conn, caller, "paper.filed", held, deed.paper_id)
        return _view(await _insert(conn, alert_id, deed.paper_id, stored, caller, change.at))


async def listed(conn: Connection, alert_id: UUID) -> list[PaperView]:
    """The papers of an alert that the caller may read, in the order of filing."""
    return [_view(row) for row in await conn.fetch(_LISTED + " ORDER BY filed_at, paper_id", alert_id)]


async def give(conn: Connection, caller: Principal, alert_id: UUID, paper_id: UUID) -> StoredDocument:
    """A paper for the caller, and the record that he took it; raises `NoSuchAlert`, `Recused`, `NoSuchPaper`."""
    held = await inbox.find(conn, alert_id)
    standing.refuse_recused(held, caller)
    row = await conn.fetchrow(
        "SELECT sha256, size, media_type, name FROM papers WHERE alert_id = $1 AND paper_id = $2", alert_id, paper_id
    )
    if row is None:
        raise NoSuchPaper("这条预警没有这份材料", "The alert has no such paper")
    await conn.execute(
        "INSERT INTO paper_readings (paper_id, subject, name) VALUES ($1, $2, $3)",
        paper_id,
        caller.subject,
        caller.name,
    )
    await _note(conn, caller, "paper.taken", held, paper_id)
    return StoredDocument(**dict(row))


async def _note(conn: Connection, caller: Principal, action: str, held: Standing, paper_id: UUID) -> None:
    told, where = {"alert": held.alert.alert_id}, routing.audited_at(held.alert)
    await audit.record(conn, caller, action, f"paper:{paper_id}", told, region=where)


async def _insert(
    conn: Connection, alert_id: UUID, paper_id: UUID, stored: StoredDocument, caller: Principal, at: datetime
) -> Record:
    row = await conn.fetchrow(
        "INSERT INTO papers (paper_id, alert_id, sha256, size, media_type, name, by_subject, by_name, filed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *, 0 AS readings",
        paper_id,
        alert_id,
        stored.sha256,
        stored.size,
        stored.media_type,
        stored.name,
        caller.subject,
        caller.name,
        at,
    )
    assert row
    return row


def _view(row: Record) -> PaperView:
    return PaperView(**{name: row[name] for name in PaperView.model_fields})
