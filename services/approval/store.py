"""Cases in PostgreSQL: read within the caller's regions, changed together with their log and their events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.approval.cases import Case
from services.approval.changes import CaseChange
from services.approval.errors import CaseNotFound, CursorInvalid
from shared import cursor
from shared.bus.envelope import Envelope
from shared.bus.outbox import publish
from shared.contracts.power import TOPIC, NodeCompleted
from shared.db import Connection, region_prefix
from shared.principals import Principal
from shared.workdays import SHANGHAI

SOURCE = "/approval"


@dataclass(frozen=True)
class LogEntry:
    """One row of a case's log: the event as it was published."""

    sequence: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which cases to list."""

    village: str | None = None
    status: str | None = None
    flow: str | None = None
    matter: str | None = None
    text: str | None = None
    waiting_for: Principal | None = None


@dataclass(frozen=True)
class Listing:
    """A page of cases, and where the next one begins."""

    cases: list[Case] = field(default_factory=list)
    next: str | None = None


async def find(conn: Connection, case_id: UUID) -> Case:
    """A case within the caller's regions; raises `CaseNotFound`."""
    return _found(await conn.fetchval("SELECT state FROM cases WHERE case_id = $1", case_id))


async def lock(conn: Connection, case_id: UUID) -> Case:
    """A case to change: whoever comes second waits here and sees what the first made of it."""
    return _found(await conn.fetchval("SELECT state FROM cases WHERE case_id = $1 FOR UPDATE", case_id))


def _found(state: dict[str, Any] | None) -> Case:
    if state is None:
        raise CaseNotFound("没有这个案件,或不在您的权限范围内", "No such case within your regions")
    return Case.from_state(state)


async def log_of(conn: Connection, case_id: UUID) -> list[LogEntry]:
    """All that happened to a case, oldest first."""
    rows = await conn.fetch(
        "SELECT sequence, type, occurred_at, recorded_at, data FROM case_events WHERE case_id = $1 ORDER BY sequence",
        case_id,
    )
    return [LogEntry(**dict(row)) for row in rows]


async def next_number(conn: Connection, village: str, flow: str, now: datetime) -> str:
    """The next case number of a village's flow in this year, as `330421103201-PR3-2026-0001`."""
    year = now.astimezone(SHANGHAI).year
    while True:
        last = await conn.fetchval(
            "INSERT INTO case_numbers (village_code, flow, year, last) VALUES ($1, $2, $3, 1)"
            " ON CONFLICT (village_code, flow, year) DO UPDATE SET last = case_numbers.last + 1 RETURNING last",
            village,
            flow,
            year,
        )
        number = f"{village}-{flow}-{year}-{last:04d}"
        # Imported records may have brought numbers of ours with them.
        taken = "SELECT 1 FROM cases WHERE village_code = $1 AND case_no = $2"
        if not await conn.fetchval(taken, village, number):
            return number


_SAVE_CASES = """
INSERT INTO cases (case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
                   waits_for, due_at, opened_at, updated_at, sequence, imported, state)
SELECT case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
       string_to_array(waits_for, ','), due_at, opened_at, updated_at, sequence, imported, state::jsonb
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::int[],
            $16::boolean[], $17::jsonb[])
  AS t (case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
        waits_for, due_at, opened_at, updated_at, sequence, imported, state)
ON CONFLICT (case_id) DO UPDATE SET
    status = excluded.status, node = excluded.node, waits_for = excluded.waits_for, due_at = excluded.due_at,
    updated_at = excluded.updated_at, sequence = excluded.sequence, state = excluded.state
"""
_SAVE_EVENTS = """
INSERT INTO case_events (case_id, sequence, village_code, type, occurred_at, data)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
"""
_SAVE_DOCUMENTS = """
INSERT INTO case_documents (case_id, sequence, sha256, village_code, kind, name)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])
ON CONFLICT DO NOTHING
"""


async def save(conn: Connection, changes: Sequence[CaseChange]) -> None:
    """Write cases, their log, their papers and the events to publish, in the caller's transaction."""
    changed = [change for change in changes if change.events]
    if not changed:
        return
    await conn.execute(_SAVE_CASES, *_columns([_case_row(change) for change in changed]))
    envelopes = [envelope for change in changed for envelope in _envelopes(change)]
    events = [event for change in changed for event in change.events]
    await conn.execute(
        _SAVE_EVENTS,
        [event.case_id for event in events],
        [event.sequence for event in events],
        [event.village_code for event in events],
        [event.TYPE for event in events],
        [event.occurred_at for event in events],
        [envelope.data for envelope in envelopes],
    )
    papers = [
        (event.case_id, event.sequence, paper.sha256, event.village_code, paper.kind, paper.name)
        for event in events
        if isinstance(event, NodeCompleted)
        for paper in event.documents
    ]
    if papers:
        await conn.execute(_SAVE_DOCUMENTS, *_columns(papers))
    await publish(conn, envelopes)


def _case_row(change: CaseChange) -> tuple[Any, ...]:
    case = change.case
    return (
        case.case_id,
        case.case_no,
        case.title,
        case.matter,
        case.flow,
        case.flow_version,
        case.village_code,
        case.town_code,
        case.status,
        case.node,
        ",".join(change.waits_for),
        case.due_at,
        case.opened_at,
        case.last_at,
        case.sequence,
        change.imported,
        case.to_state(),
    )


def _envelopes(change: CaseChange) -> list[Envelope]:
    ids: Sequence[str | None] = change.event_ids or [None] * len(change.events)
    return [
        Envelope.of(
            event,
            source=SOURCE,
            topic=TOPIC,
            key=event.village_code,
            time=event.occurred_at,
            subject=event.case_id,
            id=event_id,
        )
        for event, event_id in zip(change.events, ids, strict=True)
    ]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


_NO_TERM = datetime(9999, 1, 1, tzinfo=UTC)
_LIST = """
SELECT state, opened_at, due_at, case_id FROM cases
WHERE ($1::text IS NULL OR village_code LIKE $1) AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR flow = $3) AND ($4::text IS NULL OR matter = $4)
  AND ($5::text IS NULL OR title ILIKE $5 OR case_no ILIKE $5)
"""
_NEWEST = """
  AND ($6::timestamptz IS NULL OR (opened_at, case_id) < ($6, $7::uuid))
ORDER BY opened_at DESC, case_id DESC LIMIT $8
"""
_MOST_URGENT = """
  AND status = 'open' AND EXISTS (
    SELECT 1 FROM unnest($9::text[], $10::text[]) AS held (role, region)
    WHERE held.role = ANY (waits_for) AND village_code LIKE held.region)
  AND ($6::timestamptz IS NULL
       OR (coalesce(due_at, timestamptz '9999-01-01 00:00+00'), case_id) > ($6, $7::uuid))
ORDER BY coalesce(due_at, timestamptz '9999-01-01 00:00+00'), case_id LIMIT $8
"""


async def list_cases(conn: Connection, wanted: Wanted, *, after: str | None = None, limit: int = 50) -> Listing:
    """A page of cases: what waits for somebody by its term, all else newest first; raises `CursorInvalid`."""
    moment, case_id = _read_cursor(after) if after else (None, None)
    filters = [
        region_prefix(wanted.village) if wanted.village else None,
        wanted.status,
        wanted.flow,
        wanted.matter,
        _containing(wanted.text) if wanted.text else None,
        moment,
        case_id,
        limit + 1,
    ]
    if wanted.waiting_for:
        grants = sorted(wanted.waiting_for.grants)
        held = [[grant.role for grant in grants], [region_prefix(grant.region) for grant in grants]]
        rows = await conn.fetch(_LIST + _MOST_URGENT, *filters, *held)
    else:
        rows = await conn.fetch(_LIST + _NEWEST, *filters)
    page = rows[:limit]
    following = None
    if len(rows) > limit:
        last = page[-1]
        moment = (last["due_at"] or _NO_TERM) if wanted.waiting_for else last["opened_at"]
        following = _write_cursor(moment, last["case_id"])
    return Listing([Case.from_state(row["state"]) for row in page], following)


def _containing(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _write_cursor(moment: datetime, case_id: UUID) -> str:
    return cursor.write(moment.isoformat(), str(case_id))


def _read_cursor(text: str) -> tuple[datetime, UUID]:
    try:
        moment, case_id = cursor.read(text)
        return datetime.fromisoformat(moment), UUID(case_id)
    except ValueError as error:
        raise CursorInvalid("翻页参数无效,请从第一页开始", "The page marker is invalid, begin at page one") from error
