"""Cases in PostgreSQL: read within the caller's regions, changed together with their log and their events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.approval.arithmetic import Changes
from services.approval.cases import Case
from services.approval.changes import CaseChange, Wait
from services.approval.errors import CaseNotFound
from shared.bus.envelope import Envelope
from shared.bus.outbox import publish
from shared.contracts.power import TOPIC, NodeCompleted, PowerEvent
from shared.db import Connection
from shared.workdays import SHANGHAI

SOURCE = "/approval"
_PAPER_COLUMNS = 6


@dataclass(frozen=True)
class LogEntry:
    """One row of a case's log: the event as it was published."""

    sequence: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]


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


async def log_of(conn: Connection, case_id: UUID, *, after: int = 0) -> list[LogEntry]:
    """What happened to a case behind a sequence, oldest first."""
    rows = await conn.fetch(
        "SELECT sequence, type, occurred_at, recorded_at, data FROM case_events"
        " WHERE case_id = $1 AND sequence > $2 ORDER BY sequence",
        case_id,
        after,
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


_APPROVED_CHANGES = """
SELECT coalesce(sum((state->'answers'->$4::text->>$5::text)::bigint), 0)::bigint FROM cases
WHERE village_code = $1 AND flow = $2 AND status <> 'withdrawn' AND state->'completed' ? $4::text
  AND EXISTS (SELECT 1 FROM jsonb_each(state->'answers') AS told WHERE told.value->>$6::text = $3)
"""


async def approved_changes(conn: Connection, case: Case, changes: Changes) -> int:
    """What the changes of a case's works come to that were approved in cases of their own, in fen."""
    named = (changes.flow, case.case_no, changes.node, changes.amount, changes.names)
    return int(await conn.fetchval(_APPROVED_CHANGES, case.village_code, *named))


# One round trip for all that a deed writes down; keys and triggers are looked at when all of it is there.
_SAVE = """
WITH saved AS (
    INSERT INTO cases (case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
                       waits_for, due_at, opened_at, updated_at, sequence, imported, state, closed_at, amount_fen,
                       waits)
    SELECT case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
           string_to_array(waits_for, ','), due_at, opened_at, updated_at, sequence, imported, state::jsonb,
           CASE WHEN status <> 'open' THEN updated_at END, amount_fen, waits
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
                $15::int[], $16::boolean[], $17::jsonb[], $18::bigint[], $19::jsonb[])
      AS t (case_id, case_no, title, matter, flow, flow_version, village_code, town_code, status, node,
            waits_for, due_at, opened_at, updated_at, sequence, imported, state, amount_fen, waits)
    ON CONFLICT (case_id) DO UPDATE SET
        status = excluded.status, node = excluded.node, waits_for = excluded.waits_for, due_at = excluded.due_at,
        updated_at = excluded.updated_at, sequence = excluded.sequence, state = excluded.state,
        closed_at = excluded.closed_at, waits = excluded.waits,
        amount_fen = coalesce(excluded.amount_fen, cases.amount_fen), changed_at = now()),
told AS (
    INSERT INTO case_events (case_id, sequence, village_code, type, occurred_at, data)
    SELECT * FROM unnest($20::uuid[], $21::int[], $22::text[], $23::text[], $24::timestamptz[], $25::jsonb[]))
INSERT INTO case_documents (case_id, sequence, sha256, village_code, kind, name)
SELECT * FROM unnest($26::uuid[], $27::int[], $28::text[], $29::text[], $30::text[], $31::text[])
ON CONFLICT DO NOTHING
"""


async def save(conn: Connection, changes: Sequence[CaseChange]) -> None:
    """Write cases, their log, their papers and the events to publish, in the caller's transaction."""
    changed = [change for change in changes if change.events]
    if not changed:
        return
    envelopes = [envelope for change in changed for envelope in _envelopes(change)]
    told = [event for change in changed for event in change.events]
    cases = _columns([_case_row(change) for change in changed])
    events = _columns([_event_row(event, envelope) for event, envelope in zip(told, envelopes, strict=True)])
    papers = _columns([row for event in told for row in _paper_rows(event)]) or [[]] * _PAPER_COLUMNS
    await conn.execute(_SAVE, *cases, *events, *papers)
    await publish(conn, envelopes)


def _event_row(event: PowerEvent, envelope: Envelope) -> tuple[Any, ...]:
    return event.case_id, event.sequence, event.village_code, event.TYPE, event.occurred_at, envelope.data


def _paper_rows(event: PowerEvent) -> list[tuple[Any, ...]]:
    if not isinstance(event, NodeCompleted):
        return []
    at = (event.case_id, event.sequence)
    return [(*at, paper.sha256, event.village_code, paper.kind, paper.name) for paper in event.documents]


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
        ",".join(sorted({role for wait in change.waits for role in wait.roles})),
        min((wait.due_at for wait in change.waits if wait.due_at), default=None),
        case.opened_at,
        case.last_at,
        case.sequence,
        change.imported,
        case.to_state(),
        change.amount_fen,
        _waits(change.waits),
    )


def _waits(waits: Sequence[Wait]) -> dict[str, Any] | None:
    """What the columns of the first node don't say; None when they say it all."""
    if len(waits) < 2 and not any(wait.voted for wait in waits):
        return None
    return {
        wait.node: {
            "due_at": wait.due_at.isoformat() if wait.due_at else None,
            "waits_for": list(wait.roles),
            "voted": list(wait.voted),
        }
        for wait in waits
    }


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
