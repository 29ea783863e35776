"""Papers of an inquiry or a proposal: filed by who handles it, given only to who may read it, each giving recorded."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from asyncpg import Record

from services.notifier import standing
from services.notifier.errors import NoSuchPaper, TooManyPapers
from services.notifier.handling.lifecycle import Actor
from services.notifier.handling.paper_schemas import PaperView
from services.notifier.inquiries import inquiries, inquiry_deeds, inquiry_store
from services.notifier.proposals import proposal_deeds, proposal_store, proposals
from shared import audit
from shared.db import Connection, Database, Scope
from shared.documents import StoredDocument, receive
from shared.principals import Principal
from shared.settings import Settings
from shared.shelves import Shelf, shelf_of

Folder = Literal["inquiries", "proposals"]
MOST = 200
_OF = {"inquiries": "inquiry_id", "proposals": "proposal_id"}


def shelf(settings: Settings) -> Shelf:
    """Where these papers lie."""
    return shelf_of(settings, "folder-papers")


async def file(
    db: Database,
    caller: Principal,
    folder: Folder,
    folder_id: UUID,
    chunks: AsyncIterator[bytes],
    *,
    shelf: Shelf,
    name: str,
    declared: str | None = None,
) -> PaperView:
    """Receive a paper and file it; the same content twice in one folder is one paper.

    Raises the errors of finding and handling the folder, of `documents.receive`, and `TooManyPapers`.
    """
    async with db.begin(Scope.of(caller)) as conn:  # before anything is stored
        await _handle(conn, caller, folder, folder_id, name, keep=False)
    stored = await receive(shelf, chunks, name, declared)
    async with db.begin(Scope.of(caller)) as conn:
        await _handle(conn, caller, folder, folder_id, name, keep=False)  # locked: of two at once the second finds it
        there = await _rows(conn, folder, folder_id)
        if same := next((row for row in there if row["sha256"] == stored.sha256), None):
            return _view(same)
        if len(there) >= MOST:
            raise TooManyPapers(f"最多 {MOST} 份材料", f"{MOST} papers at most")
        region = await _handle(conn, caller, folder, folder_id, stored.name, keep=True)
        row = await conn.fetchrow(
            f"INSERT INTO folder_papers (paper_id, {_OF[folder]}, sha256, size, media_type, name, by_subject, by_name,"
            " filed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *, 0 AS readings",
            *(uuid4(), folder_id, stored.sha256, stored.size, stored.media_type, stored.name),
            *(caller.subject, caller.name, datetime.now(UTC)),
        )
        assert row
        await _note(conn, caller, "paper.filed", folder, folder_id, row["paper_id"], region)
        return _view(row)


async def listed(conn: Connection, folder: Folder, folder_id: UUID) -> list[PaperView]:
    """The papers of a folder that the caller may read, in the order of filing."""
    return [_view(row) for row in await _rows(conn, folder, folder_id)]


async def give(conn: Connection, caller: Principal, folder: Folder, folder_id: UUID, paper_id: UUID) -> StoredDocument:
    """A paper for the caller, and the record that he took it; raises why he must stand aside, and `NoSuchPaper`."""
    region = await _read(conn, caller, folder, folder_id)
    row = await conn.fetchrow(
        f"SELECT sha256, size, media_type, name FROM folder_papers WHERE {_OF[folder]} = $1 AND paper_id = $2",
        folder_id,
        paper_id,
    )
    if row is None:
        raise NoSuchPaper("没有这份材料", "There is no such paper")
    await conn.execute(
        "INSERT INTO folder_paper_readings (paper_id, subject, name) VALUES ($1, $2, $3)",
        *(paper_id, caller.subject, caller.name),
    )
    await _note(conn, caller, "paper.taken", folder, folder_id, paper_id, region)
    return StoredDocument(**dict(row))


async def _handle(
    conn: Connection, caller: Principal, folder: Folder, folder_id: UUID, name: str, *, keep: bool
) -> str:
    """Whether the caller may file here, and the folder's record of it; returns the region that audits it."""
    now = datetime.now(UTC)
    if folder == "inquiries":
        inquiry = await inquiry_store.lock(conn, folder_id)
        hand = inquiry_deeds.hand_of(inquiry, await inquiry_store.alerts_of(conn, inquiry, lock=True), caller)
        filed = inquiries.file(inquiry, name, hand.actor, now)
        if keep:
            await inquiry_store.save(conn, filed)
        return inquiry.county_code
    proposal = await proposal_store.lock(conn, folder_id)
    step = proposals.file(proposal, name, proposal_deeds.actor_at(proposal, caller), now)
    if keep:
        await proposal_store.save(conn, step)
    return proposal.issued_by


async def _read(conn: Connection, caller: Principal, folder: Folder, folder_id: UUID) -> str:
    if folder == "inquiries":
        inquiry = await inquiry_store.find(conn, folder_id)
        inquiries.overseer(inquiry, Actor(frozenset(), standing.person_key_of(caller), caller.subject, caller.name))
        return inquiry.county_code
    proposal = await proposal_store.find(conn, folder_id)
    proposals.refuse_concerned(proposal, proposal_deeds.actor_at(proposal, caller))
    return proposal.issued_by


async def _rows(conn: Connection, folder: Folder, folder_id: UUID) -> list[Record]:
    rows: list[Record] = await conn.fetch(
        "SELECT p.*, (SELECT count(*) FROM folder_paper_readings r WHERE r.paper_id = p.paper_id) AS readings"
        f" FROM folder_papers p WHERE {_OF[folder]} = $1 ORDER BY filed_at, paper_id",
        folder_id,
    )
    return rows


async def _note(
    conn: Connection, caller: Principal, action: str, folder: Folder, folder_id: UUID, paper_id: UUID, region: str
) -> None:
    told = {_OF[folder].removesuffix("_id"): str(folder_id)}
    await audit.record(conn, caller, action, f"paper:{paper_id}", told, region=region)


def _view(row: Record) -> PaperView:
    return PaperView(**{name: row[name] for name in PaperView.model_fields})
