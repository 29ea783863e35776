"""Inquiries in PostgreSQL. Who doesn't see each of an inquiry's alerts doesn't see the inquiry (policies of 0006)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
from asyncpg import Record

from services.notifier import inbox
from services.notifier.errors import AlertInInquiry, BadCursor, MoveNotYours, NoSuchInquiry
from services.notifier.inquiries import inquiry_book
from services.notifier.inquiries.inquiry_schemas import InquiryCard, InquiryEntry, InquiryFilter, LinkedInquiry
from services.notifier.inquiries.inquiry_standing import Inquiry, Step
from services.notifier.schemas import Named
from services.notifier.standing import Standing
from shared import cursor
from shared.db import Connection

_COLUMNS = (
    "inquiry_id, number, county_code, title, state, alert_ids, lead, helpers, plan, term, due_by, told_overdue,"
    " outcome, conclusion, receiver, barred, overseers, opened_at, updated_at"
)
_INSERT = """
INSERT INTO inquiries (inquiry_id, number, county_code, title, opened_at, state, finished, alert_ids, lead, helpers,
                       plan, term, due_by, told_overdue, outcome, conclusion, receiver, barred, overseers, updated_at,
                       looked_at, opened_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20, $21)
"""
_UPDATE = """
UPDATE inquiries SET state = $2, finished = $3, alert_ids = $4, lead = $5, helpers = $6, plan = $7, term = $8,
                     due_by = $9, told_overdue = $10, outcome = $11, conclusion = $12, receiver = $13, barred = $14,
                     overseers = $15, updated_at = $16
WHERE inquiry_id = $1
"""
_RECORD = """
INSERT INTO inquiry_history (inquiry_id, at, kind, state_from, state_to, by_subject, by_name, by_role, note, outcome,
                             alert_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_MERGE = """
INSERT INTO inquiry_alerts (inquiry_id, alert_id, added_at) VALUES ($1, $2, $3)
ON CONFLICT (inquiry_id, alert_id)
DO UPDATE SET added_at = excluded.added_at, removed_at = NULL, reason = '', binding = true
"""
_SHOWN = {"going_on": "NOT finished", "finished": "finished"}


@dataclass(frozen=True)
class Cursor:
    """The place behind the last inquiry, or proposal, of a page."""

    at: datetime
    folder_id: UUID

    def text(self) -> str:
        """The cursor as it stands in a URL."""
        return cursor.write(self.at.isoformat(), str(self.folder_id))

    @classmethod
    def parse(cls, text: str) -> Self:
        """A cursor from a URL; raises `BadCursor`."""
        try:
            at, folder_id = cursor.read(text)
            return cls(datetime.fromisoformat(at), UUID(folder_id))
        except ValueError as error:
            raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error


async def take_serial(conn: Connection, kind: str, region_code: str, year: int) -> int:
    """The next number of a region and year; others wait for it until the commit, so none is left out."""
    return int(
        await conn.fetchval(
            "INSERT INTO folder_numbers AS n (kind, region_code, year, latest) VALUES ($1, $2, $3, 1)"
            " ON CONFLICT (kind, region_code, year) DO UPDATE SET latest = n.latest + 1 RETURNING latest",
            kind,
            region_code,
            year,
        )
    )


async def find(conn: Connection, inquiry_id: UUID) -> Inquiry:
    """One inquiry that the caller may read; raises `NoSuchInquiry`."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM inquiries WHERE inquiry_id = $1", inquiry_id)
    if row is None:
        raise NoSuchInquiry("没有这条线索,或不在您的权限范围内", "There is no such inquiry, or it isn't yours to see")
    return _inquiry(row)


async def lock(conn: Connection, inquiry_id: UUID) -> Inquiry:
    """One inquiry that the caller may handle, locked; raises `NoSuchInquiry`, or `MoveNotYours` for a mere reader."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM inquiries WHERE inquiry_id = $1 FOR UPDATE", inquiry_id)
    if row is None:
        await find(conn, inquiry_id)
        raise MoveNotYours("您只能查阅,不能办理", "You may read this inquiry but not handle it")
    return _inquiry(row)


async def save(conn: Connection, step: Step, *, new: bool = False) -> None:
    """Write what happened: the inquiry, its record, and what it made of its alerts.

    Raises `AlertInInquiry` when one of them is bound elsewhere; the transaction is lost then.
    """
    held = step.inquiry
    if new:
        first = (held.number, held.county_code, held.title, held.opened_at)
        await conn.execute(_INSERT, held.inquiry_id, *first, *_row(held), step.by.subject)
    await _save_alerts(conn, step)
    if not new:
        await conn.execute(_UPDATE, held.inquiry_id, *_row(held))
    await conn.execute(_RECORD, *_history_row(step))
    await inbox.save(conn, step.changes)


async def search(conn: Connection, wanted: InquiryFilter, now: datetime) -> tuple[list[InquiryCard], str | None]:
    """A page of the inquiries that the caller may read, the newest first, and the cursor of the next page."""
    after = Cursor.parse(wanted.after) if wanted.after else None
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS} FROM inquiries
        WHERE {_SHOWN.get(wanted.state or "", "true")} AND ($1::text IS NULL OR state = $1)
          AND ($2::bool IS NULL OR $2 = (NOT finished AND coalesce(due_by <= $3, false)))
          AND ($4::text IS NULL OR strpos(lower(number || ' ' || title), lower($4)) > 0)
          AND ($5::timestamptz IS NULL OR (opened_at, inquiry_id) < ($5, $6::uuid))
        ORDER BY opened_at DESC, inquiry_id DESC LIMIT $7
        """,
        None if wanted.state in _SHOWN else wanted.state,
        wanted.overdue,
        now,
        wanted.text,
        after and after.at,
        after and after.folder_id,
        wanted.limit + 1,
    )
    page = [_inquiry(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    last = Cursor(page[-1].opened_at, UUID(page[-1].inquiry_id)).text() if more else None
    return [InquiryCard.of(held, now) for held in page], last


async def history(conn: Connection, inquiry_id: UUID) -> list[InquiryEntry]:
    """All that happened to an inquiry, the oldest first."""
    rows = await conn.fetch("SELECT * FROM inquiry_history WHERE inquiry_id = $1 ORDER BY id", inquiry_id)
    return [InquiryEntry.of(row) for row in rows]


async def of_alert(conn: Connection, alert_id: UUID) -> list[LinkedInquiry]:
    """The inquiries that an alert is in, or was in to the end, as far as the caller may read them; the newest first."""
    rows = await conn.fetch(
        "SELECT i.inquiry_id, i.number, i.title, i.state FROM inquiry_alerts m JOIN inquiries i USING (inquiry_id)"
        " WHERE m.alert_id = $1 AND m.removed_at IS NULL ORDER BY i.opened_at DESC",
        alert_id,
    )
    states = inquiry_book.book().states
    return [LinkedInquiry(**dict(row) | {"state": Named.of(row["state"], states[row["state"]])}) for row in rows]


async def going_on(conn: Connection) -> list[LinkedInquiry]:
    """The inquiries to which the caller could add an alert, the newest first."""
    rows = await conn.fetch(
        "SELECT inquiry_id, number, title, state FROM inquiries WHERE NOT finished ORDER BY opened_at DESC LIMIT 100"
    )
    states = inquiry_book.book().states
    return [LinkedInquiry(**dict(row) | {"state": Named.of(row["state"], states[row["state"]])}) for row in rows]


async def bound(conn: Connection, alert_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Which of these alerts are in an inquiry that goes on and that the caller may read: its number by alert."""
    rows = await conn.fetch(
        "SELECT m.alert_id, i.number FROM inquiry_alerts m JOIN inquiries i USING (inquiry_id)"
        " WHERE m.alert_id = ANY($1::uuid[]) AND m.binding",
        alert_ids,
    )
    return {row["alert_id"]: row["number"] for row in rows}


async def lapsed(conn: Connection, now: datetime, limit: int) -> list[Inquiry]:
    """Inquiries whose term has run out and whose record doesn't say so yet, locked; what others hold is skipped."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM inquiries WHERE NOT finished AND NOT told_overdue AND due_by <= $1"
        " ORDER BY due_by LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [_inquiry(row) for row in rows]


async def touched(conn: Connection, limit: int) -> list[Inquiry]:
    """Inquiries going on of which an alert has changed since they were last looked at, locked and marked as looked at.

    A minute longer than that: an alert's change may commit after the look that should have seen it.
    """
    rows = await conn.fetch(
        f"""
        UPDATE inquiries SET looked_at = now() WHERE inquiry_id IN (
            SELECT i.inquiry_id FROM inquiries i WHERE NOT i.finished AND EXISTS (
                SELECT 1 FROM alerts a
                WHERE a.alert_id = ANY(i.alert_ids) AND a.updated_at >= i.looked_at - interval '1 minute')
            ORDER BY i.looked_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """,
        limit,
    )
    return [_inquiry(row) for row in rows]


async def _save_alerts(conn: Connection, step: Step) -> None:
    held = step.inquiry
    inquiry_id = UUID(held.inquiry_id)
    match step.kind:
        case "opened" | "alert_added":
            keys = [step.alert_id] if step.alert_id else list(held.alert_ids)
            try:
                await conn.executemany(_MERGE, [(inquiry_id, UUID(key), step.at) for key in keys])
            except asyncpg.UniqueViolationError as error:
                raise AlertInInquiry(
                    "所选预警中有的已并入另一条进行中的线索",
                    "One of these alerts is in another inquiry that goes on",
                ) from error
        case "alert_removed":
            await conn.execute(
                "UPDATE inquiry_alerts SET removed_at = $3, reason = $4, binding = false"
                " WHERE inquiry_id = $1 AND alert_id = $2",
                inquiry_id,
                step.alert_id,
                step.at,
                step.note,
            )
        case "moved" if held.state in inquiry_book.finished():
            await conn.execute("UPDATE inquiry_alerts SET binding = false WHERE inquiry_id = $1", inquiry_id)
        case _:
            return


def _row(held: Inquiry) -> tuple[Any, ...]:
    return (
        held.state,
        held.state in inquiry_book.finished(),
        list(held.alert_ids),
        held.lead,
        list(held.helpers),
        held.plan,
        held.term,
        held.due_by,
        held.told_overdue,
        held.outcome,
        held.conclusion,
        held.receiver,
        sorted(held.barred),
        list(held.overseers),
        held.updated_at,
    )


def _history_row(step: Step) -> tuple[Any, ...]:
    held = step.inquiry
    settled = held.outcome if held.state in inquiry_book.finished() and step.kind == "moved" else None
    return (
        held.inquiry_id,
        step.at,
        step.kind,
        step.state_from,
        held.state,
        step.by.subject,
        step.by.name,
        step.role,
        step.note,
        settled,
        step.alert_id,
    )


def _inquiry(row: Record) -> Inquiry:
    return Inquiry(
        **dict(row)
        | {
            "inquiry_id": str(row["inquiry_id"]),
            "alert_ids": tuple(str(key) for key in row["alert_ids"]),
            "helpers": tuple(row["helpers"]),
            "barred": frozenset(row["barred"]),
            "overseers": tuple(row["overseers"]),
        }
    )


async def alerts_of(conn: Connection, held: Inquiry, *, lock: bool = False) -> list[Standing]:
    """The alerts of an inquiry that the caller may read (or handle, locked), in the order in which they were merged."""
    found = await (inbox.load if lock else inbox.read)(conn, held.alert_ids)
    return [found[key] for key in held.alert_ids if key in found]
