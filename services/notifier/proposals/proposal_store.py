"""Supervision proposals in PostgreSQL, for the desk that wrote them and the one above."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from pydantic import TypeAdapter

from services.notifier import inbox
from services.notifier.errors import MoveNotYours, NoSuchProposal
from services.notifier.inquiries.inquiry_store import Cursor
from services.notifier.proposals import proposal_book, proposals
from services.notifier.proposals.proposal_schemas import (
    LinkedProposal,
    Pattern,
    ProposalCard,
    ProposalEntry,
    ProposalFilter,
)
from services.notifier.proposals.proposal_standing import Comparison, Proposal, Step
from services.notifier.routing import routing
from services.notifier.schemas import Named
from services.notifier.standing import Standing
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.alerts import LIFECYCLE_TOPIC
from shared.db import Connection, Scope, region_prefix

MOST_ALERTS = 500
_SOURCE = "/notifier"
_SYSTEM = Scope.system().roles
_BODY = TypeAdapter(Proposal)
_INSERT = """
INSERT INTO proposals (proposal_id, number, state, finished, due_by, told_overdue, updated_at, body,
                             issued_by, region_code, rule_id, alert_ids, inquiry_id, desks, holders, readers, barred,
                             written_at, written_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
"""
_UPDATE = """
UPDATE proposals SET number = $2, state = $3, finished = $4, due_by = $5, told_overdue = $6, updated_at = $7,
                           body = $8
WHERE proposal_id = $1
"""
_RECORD = """
INSERT INTO proposal_history (proposal_id, at, kind, state_from, state_to, by_subject, by_name, by_role,
                                    note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_SHOWN = {"going_on": "NOT finished", "finished": "finished"}


async def find(conn: Connection, proposal_id: UUID) -> Proposal:
    """One proposal that the caller may read; raises `NoSuchProposal`."""
    row = await conn.fetchrow("SELECT body FROM proposals WHERE proposal_id = $1", proposal_id)
    if row is None:
        raise NoSuchProposal(
            "没有这份监察建议书,或不在您的权限范围内", "There is no such proposal, or it isn't yours to see"
        )
    return _proposal(row)


async def lock(conn: Connection, proposal_id: UUID) -> Proposal:
    """One that the caller may handle, locked; raises `NoSuchProposal`, or `MoveNotYours` for a mere reader."""
    row = await conn.fetchrow("SELECT body FROM proposals WHERE proposal_id = $1 FOR UPDATE", proposal_id)
    if row is None:
        await find(conn, proposal_id)
        raise MoveNotYours("您只能查阅,不能办理", "You may read this proposal but not handle it")
    return _proposal(row)


async def save(conn: Connection, step: Step, *, new: Sequence[Standing] = ()) -> None:
    """Write what happened: the proposal, its record, and the event for others. `new` are a new one's alerts."""
    held = step.proposal
    if new:
        await conn.execute(_INSERT, *_row(held), *_first(held, new), step.by.subject)
    else:
        await conn.execute(_UPDATE, *_row(held))
    await conn.execute(_RECORD, *_history_row(step))
    if step.event:
        key = held.proposal_id
        told = Envelope.of(step.event, source=_SOURCE, topic=LIFECYCLE_TOPIC, key=key, time=step.at, subject=key)
        await outbox.publish(conn, [told])


async def search(conn: Connection, wanted: ProposalFilter, now: datetime) -> tuple[list[ProposalCard], str | None]:
    """A page of what the caller may read, the newest first, and the cursor of the next page."""
    after = Cursor.parse(wanted.after) if wanted.after else None
    rows = await conn.fetch(
        f"""
        SELECT body FROM proposals
        WHERE {_SHOWN.get(wanted.state or "", "true")} AND ($1::text IS NULL OR state = $1)
          AND ($2::bool IS NULL OR $2 = (NOT finished AND coalesce(due_by <= $3, false)))
          AND ($4::text IS NULL OR region_code LIKE $4) AND ($5::text IS NULL OR rule_id = $5)
          AND ($6::timestamptz IS NULL OR (written_at, proposal_id) < ($6, $7::uuid))
        ORDER BY written_at DESC, proposal_id DESC LIMIT $8
        """,
        None if wanted.state in _SHOWN else wanted.state,
        wanted.overdue,
        now,
        region_prefix(wanted.region) if wanted.region else None,
        wanted.rule,
        after and after.at,
        after and after.folder_id,
        wanted.limit + 1,
    )
    page = [_proposal(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    last = Cursor(page[-1].written_at, UUID(page[-1].proposal_id)).text() if more else None
    return [ProposalCard.of(held, now) for held in page], last


async def history(conn: Connection, proposal_id: UUID) -> list[ProposalEntry]:
    """All that happened to a proposal, the oldest first."""
    rows = await conn.fetch("SELECT * FROM proposal_history WHERE proposal_id = $1 ORDER BY id", proposal_id)
    return [ProposalEntry.of(row) for row in rows]


async def resting_on(
    conn: Connection, *, alert_id: UUID | None = None, inquiry_id: UUID | None = None
) -> list[LinkedProposal]:
    """The proposals that rest on an alert or on an inquiry, as far as the caller may read them."""
    rows = await conn.fetch(
        "SELECT body FROM proposals WHERE alert_ids @> ARRAY[$1::uuid] OR inquiry_id = $2 ORDER BY written_at",
        alert_id,
        inquiry_id,
    )
    states = proposal_book.book().states
    return [
        LinkedProposal(
            proposal_id=UUID(held.proposal_id),
            number=held.number,
            state=Named.of(held.state, states[held.state]),
            addressee_name=held.content.addressee_name,
        )
        for held in map(_proposal, rows)
    ]


async def of_pattern(conn: Connection, wanted: Pattern, now: datetime) -> list[Standing]:
    """The alerts of a pattern on the caller's own desks, the latest `MOST_ALERTS`, in the order in which they occurred.

    What was withdrawn is left out.
    """
    rows = await conn.fetch(
        """
        SELECT alert_id FROM alerts
        WHERE rule_id = $1 AND village_code LIKE $2 AND state <> 'withdrawn' AND holders && grants_to_inquire()
          AND (body->>'occurred_at')::timestamptz >= $3 AND (body->>'occurred_at')::timestamptz <= $4
        ORDER BY (body->>'occurred_at')::timestamptz DESC, alert_id LIMIT $5
        """,
        wanted.rule_id,
        region_prefix(wanted.region_code),
        wanted.since,
        wanted.until or now,
        MOST_ALERTS,
    )
    found = await inbox.read(conn, [str(row["alert_id"]) for row in rows])
    return sorted(found.values(), key=lambda one: (one.alert.occurred_at, one.alert.alert_id))


async def compare(conn: Connection, held: Proposal, now: datetime) -> Comparison:
    """The alerts of its rule in its region in equal spans before and after it was served, that the caller may read."""
    since, served, until, days, full = proposals.span(held, now)
    row = await conn.fetchrow(
        """
        SELECT count(*) FILTER (WHERE at < $4) AS before, count(*) FILTER (WHERE at >= $4) AS after
        FROM (SELECT (body->>'occurred_at')::timestamptz AS at FROM alerts
              WHERE rule_id = $1 AND village_code LIKE $2 AND state <> 'withdrawn') AS found
        WHERE at >= $3 AND at < $5
        """,
        held.grounds.rule_id,
        region_prefix(held.grounds.region_code),
        since,
        served,
        until,
    )
    assert row
    return Comparison(row["before"], row["after"], days, full)


async def lapsed(conn: Connection, now: datetime, limit: int) -> list[Proposal]:
    """Those whose term has run out untold, locked; what others hold is skipped."""
    rows = await conn.fetch(
        "SELECT body FROM proposals WHERE NOT finished AND NOT told_overdue AND due_by <= $1"
        " ORDER BY due_by LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [_proposal(row) for row in rows]


def _row(held: Proposal) -> tuple[Any, ...]:
    return (
        held.proposal_id,
        held.number,
        held.state,
        held.state in proposal_book.finished(),
        held.due_by,
        held.told_overdue,
        held.updated_at,
        _BODY.dump_python(held, mode="json"),
    )


def _first(held: Proposal, alerts: Sequence[Standing]) -> tuple[Any, ...]:
    """What of a proposal never changes."""
    place = alerts[0].alert
    return (
        held.issued_by,
        held.grounds.region_code,
        held.grounds.rule_id,
        list(held.grounds.alert_ids),
        held.grounds.inquiry_id,
        [desk.address for desk in held.desks],
        [*routing.holders(held.desks), _SYSTEM],
        [*routing.readers(held.desks, place), _SYSTEM],
        sorted(held.barred),
        held.written_at,
    )


def _history_row(step: Step) -> tuple[Any, ...]:
    return (
        step.proposal.proposal_id,
        step.at,
        step.kind,
        step.state_from,
        step.proposal.state,
        step.by.subject,
        step.by.name,
        step.role,
        step.note,
    )


def _proposal(row: Record) -> Proposal:
    return _BODY.validate_python(row["body"])
