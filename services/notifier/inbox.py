"""Alerts on desks in PostgreSQL. Every read and write runs in a transaction opened for someone: rows of other desks
don't exist in it."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from asyncpg import Record

from services.notifier import lifecycle
from services.notifier.errors import BadCursor, MoveNotYours, NoSuchAlert
from services.notifier.routing import Recipient
from services.notifier.schemas import AlertCard, AlertFilter, HistoryEntry, Named
from services.notifier.standing import Change, Standing
from services.notifier.vocabulary import vocabulary
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.alerts import LIFECYCLE_TOPIC, Alert, Bilingual
from shared.db import Connection, region_prefix
from shared.principals import Principal

CHANNEL = "stream"
_SOURCE = "/notifier"
_COLUMNS = "revision, state, desks, raised_at, updated_at, escalated, sign_by, withdrawn_reason, outcome, body"
_INSERT = """
INSERT INTO alerts (alert_id, revision, rule_id, grade, matter, village_code, town_code, state, desks, holders, readers,
                    escalated, sign_by, withdrawn_reason, outcome, raised_at, updated_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""
_UPDATE = """
UPDATE alerts SET revision = $2, rule_id = $3, grade = $4, matter = $5, village_code = $6, town_code = $7, state = $8,
                  desks = $9, holders = $10, readers = $11, escalated = $12, sign_by = $13, withdrawn_reason = $14,
                  outcome = $15, raised_at = $16, updated_at = $17, body = $18
WHERE alert_id = $1
"""
_ADD_DESK = """
INSERT INTO inbox (alert_id, desk, why, added_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (alert_id, desk) DO UPDATE SET removed_at = NULL
"""
_RECORD = """
INSERT INTO history (alert_id, at, kind, revision, state_from, state_to, by_subject, by_name, by_role, note, outcome,
                     reason, request_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_ANNOUNCE = """
INSERT INTO stream_events (alert_id, kind, holders, readers, at, body) VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True)
class Cursor:
    """The place behind the last alert of a page."""

    rank: int
    raised_at: datetime
    alert_id: UUID

    def text(self) -> str:
        """The cursor as it stands in a URL."""
        plain = f"{self.rank}|{self.raised_at.isoformat()}|{self.alert_id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """A cursor from a URL; raises `BadCursor`."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            rank, raised_at, alert_id = plain.split("|")
            return cls(int(rank), datetime.fromisoformat(raised_at), UUID(alert_id))
        except (ValueError, binascii.Error) as error:
            raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error


@dataclass(frozen=True)
class Counts:
    """How much waits on the caller's desks: open alerts by grade, those not acknowledged, those past their term."""

    red: int
    yellow: int
    prompt: int
    unsigned: int
    overdue: int


async def load(conn: Connection, alert_ids: Iterable[str]) -> dict[str, Standing]:
    """The alerts of these ids by id, locked until the commit."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM alerts WHERE alert_id = ANY($1::uuid[]) ORDER BY alert_id FOR UPDATE",
        sorted(set(alert_ids)),
    )
    found = [_standing(row) for row in rows]
    return {held.alert.alert_id: held for held in found}


async def lapsed(conn: Connection, now: datetime, limit: int) -> list[Standing]:
    """Alerts not acknowledged in time and not escalated yet, locked; what others have locked is skipped."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM alerts WHERE state = 'pushed' AND NOT escalated AND sign_by <= $1"
        " ORDER BY sign_by LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [_standing(row) for row in rows]


async def save(conn: Connection, changes: Sequence[Change], *, new: frozenset[str] = frozenset()) -> None:
    """Write what happened, in order: alerts, desks, history, events to others, and last the stream.

    `new` names the alerts that were not there before. The stream's lock is taken last and held to the commit.
    """
    if not changes:
        return
    latest = {change.standing.alert.alert_id: change.standing for change in changes}
    for key, held in latest.items():
        await conn.execute(_INSERT if key in new else _UPDATE, *_alert_row(held))
    await _save_desks(conn, changes)
    await conn.executemany(_RECORD, [_history_row(change) for change in changes])
    await outbox.publish(conn, [_envelope(change) for change in changes if change.event])
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtext('stream'), hashtext(current_schema())),"
        " pg_notify(current_schema() || '.stream', '')"
    )
    await conn.executemany(_ANNOUNCE, [row for change in changes for row in _stream_rows(change)])


async def find(conn: Connection, alert_id: UUID) -> Standing:
    """One alert that the transaction's caller may read; raises `NoSuchAlert`."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM alerts WHERE alert_id = $1", alert_id)
    if row is None:
        raise NoSuchAlert("没有这条预警,或不在您的权限范围内", "There is no such alert, or it is not on your desk")
    return _standing(row)


async def lock(conn: Connection, alert_id: UUID) -> Standing:
    """One alert on the caller's own desk, locked; raises `NoSuchAlert`, or `MoveNotYours` for a mere reader."""
    if held := (await load(conn, [str(alert_id)])).get(str(alert_id)):
        return held
    await find(conn, alert_id)
    raise MoveNotYours("您只能查阅,不能办理", "You may read this alert but not handle it")


async def mark_read(conn: Connection, alert_id: UUID, caller: Principal) -> None:
    """Note who opened it first when."""
    await conn.execute(
        "INSERT INTO readings (alert_id, subject, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        alert_id,
        caller.subject,
        caller.name,
    )


async def search(conn: Connection, wanted: AlertFilter) -> tuple[list[AlertCard], str | None]:
    """A page of the caller's alerts, red first and the newest of a grade first, and the cursor of the next page."""
    cursor = Cursor.parse(wanted.after) if wanted.after else None
    rows = await conn.fetch(
        f"""
        SELECT rank, alert_id, {_COLUMNS} FROM alerts
        WHERE ($1::text IS NULL OR grade = $1) AND ($2::text IS NULL OR matter = $2)
          AND ($3::text IS NULL OR village_code LIKE $3) AND ($4::text[] IS NULL OR state = ANY($4))
          AND ($5::smallint IS NULL OR rank > $5 OR rank = $5 AND (raised_at, alert_id) < ($6::timestamptz, $7::uuid))
        ORDER BY rank, raised_at DESC, alert_id DESC LIMIT $8
        """,
        wanted.grade,
        wanted.matter,
        region_prefix(wanted.village) if wanted.village else None,
        _states(wanted.state),
        cursor and cursor.rank,
        cursor and cursor.raised_at,
        cursor and cursor.alert_id,
        wanted.limit + 1,
    )
    page = rows[: wanted.limit]
    more = len(rows) > wanted.limit
    last = Cursor(page[-1]["rank"], page[-1]["raised_at"], page[-1]["alert_id"]).text() if more else None
    return [AlertCard.of(_standing(row)) for row in page], last


async def counts(conn: Connection) -> Counts:
    """What waits on the caller's desks."""
    row = await conn.fetchrow(
        "SELECT count(*) FILTER (WHERE grade = 'red') AS red, count(*) FILTER (WHERE grade = 'yellow') AS yellow,"
        " count(*) FILTER (WHERE grade = 'prompt') AS prompt, count(*) FILTER (WHERE state = 'pushed') AS unsigned,"
        " count(*) FILTER (WHERE state = 'pushed' AND sign_by <= now()) AS overdue"
        " FROM alerts WHERE state <> ALL($1)",
        sorted(lifecycle.finished()),
    )
    assert row
    return Counts(**dict(row))


async def villages(conn: Connection) -> list[str]:
    """The codes of villages from which the caller has alerts."""
    return [row[0] for row in await conn.fetch("SELECT DISTINCT village_code FROM alerts ORDER BY 1")]


async def history(conn: Connection, alert_id: UUID) -> list[HistoryEntry]:
    """All that happened to an alert, the oldest first."""
    rows = await conn.fetch("SELECT * FROM history WHERE alert_id = $1 ORDER BY id", alert_id)
    return [_history_entry(row) for row in rows]


async def move_under_key(conn: Connection, subject: str, key: str) -> Record | None:
    """The move that a person made under an Idempotency-Key."""
    return await conn.fetchrow(
        "SELECT alert_id, state_to, note, outcome FROM history WHERE by_subject = $1 AND request_key = $2", subject, key
    )


async def last_move(conn: Connection, alert_id: UUID) -> Record | None:
    """What happened last to an alert."""
    return await conn.fetchrow(
        "SELECT by_subject, state_to, note, outcome FROM history WHERE alert_id = $1 ORDER BY id DESC LIMIT 1", alert_id
    )


def _states(wanted: str | None) -> list[str] | None:
    finished = lifecycle.finished()
    match wanted:
        case None:
            return None
        case "finished":
            return sorted(finished)
        case "open":
            return sorted(set(lifecycle.book().states) - finished)
        case state:
            return [state]


def _standing(row: Record) -> Standing:
    reason = row["withdrawn_reason"]
    return Standing(
        alert=Alert.model_validate(row["body"]),
        revision=row["revision"],
        state=row["state"],
        desks=tuple(Recipient.at(address) for address in row["desks"]),
        raised_at=row["raised_at"],
        updated_at=row["updated_at"],
        escalated=row["escalated"],
        sign_by=row["sign_by"],
        withdrawn_reason=Bilingual.model_validate(reason) if reason else None,
        outcome=row["outcome"],
    )


def _alert_row(held: Standing) -> tuple[Any, ...]:
    alert = held.alert
    return (
        alert.alert_id,
        held.revision,
        alert.rule_id,
        held.grade,
        alert.matter,
        alert.village_code,
        alert.town_code,
        held.state,
        [desk.address for desk in held.desks],
        held.holders,
        held.readers,
        held.escalated,
        held.sign_by,
        held.withdrawn_reason and held.withdrawn_reason.model_dump(),
        held.outcome,
        held.raised_at,
        held.updated_at,
        alert.model_dump(mode="json", exclude_defaults=True),
    )


async def _save_desks(conn: Connection, changes: Sequence[Change]) -> None:
    for change in changes:
        alert_id, why = change.standing.alert.alert_id, "escalated" if change.kind == "escalated" else "routed"
        if change.gained:
            await conn.executemany(_ADD_DESK, [(alert_id, desk.address, why, change.at) for desk in change.gained])
        if change.lost:
            await conn.execute(
                "UPDATE inbox SET removed_at = $3 WHERE alert_id = $1 AND desk = ANY($2::text[])",
                alert_id,
                [desk.address for desk in change.lost],
                change.at,
            )


def _history_row(change: Change) -> tuple[Any, ...]:
    return (
        change.standing.alert.alert_id,
        change.at,
        change.kind,
        change.standing.revision,
        change.state_from,
        change.standing.state,
        change.by.subject,
        change.by.name,
        change.role,
        change.note,
        change.outcome,
        change.reason and change.reason.model_dump(),
        change.request_key,
    )


def _history_entry(row: Record) -> HistoryEntry:
    words, book = vocabulary(), lifecycle.book()
    return HistoryEntry(
        at=row["at"],
        kind=Named.of(row["kind"], words.kinds[row["kind"]]),
        revision=row["revision"],
        state_from=Named.of(row["state_from"], book.states[row["state_from"]]),
        state_to=Named.of(row["state_to"], book.states[row["state_to"]]),
        by_name=row["by_name"],
        by_role=Named.of(row["by_role"], words.role(row["by_role"])),
        note=row["note"],
        outcome=Named.of(row["outcome"], book.outcomes[row["outcome"]]) if row["outcome"] else None,
        reason=Bilingual.model_validate(row["reason"]) if row["reason"] else None,
    )


def _stream_rows(change: Change) -> Iterable[tuple[Any, ...]]:
    held = change.standing
    alert_id = held.alert.alert_id
    card = AlertCard.of(held).model_dump(mode="json")
    yield alert_id, change.kind, held.holders, held.readers, change.at, card
    if gone := sorted({grant for desk in change.lost for grant in desk.holders} - set(held.readers)):
        yield alert_id, "removed", gone, gone, change.at, {"alert_id": alert_id}


def _envelope(change: Change) -> Envelope:
    assert change.event
    return Envelope.of(
        change.event,
        source=_SOURCE,
        topic=LIFECYCLE_TOPIC,
        key=change.event.alert_id,
        time=change.at,
        subject=change.event.alert_id,
    )
