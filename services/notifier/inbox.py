"""Alerts on desks in PostgreSQL. Every read and write runs in a transaction opened for someone: rows of other desks
don't exist in it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from pydantic import TypeAdapter

from services.notifier.errors import MoveNotYours, NoSuchAlert
from services.notifier.handling import lifecycle
from services.notifier.handling.history_schemas import HistoryDetails, HistoryEntry
from services.notifier.handling.judgement import Judgement
from services.notifier.noise import loudness, noise
from services.notifier.noise.noise import Loudness, Verdict
from services.notifier.routing import routing
from services.notifier.routing.routing import Desk, Route
from services.notifier.schemas import AlertCard, DeskView, Named, Reading
from services.notifier.standing import Assignee, Change, Extension, Standing, person_key_of, seats
from services.notifier.vocabulary import vocabulary
from shared import audit
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.alerts import LIFECYCLE_TOPIC, Alert, Bilingual
from shared.db import Connection, Scope
from shared.principals import Principal
from shared.telemetry import current_traceparent

CHANNEL = "stream"
_SOURCE = "/notifier"
_SYSTEM = Scope.system().roles
_COLUMNS = """revision, state, desks, raised_at, updated_at, escalated, due_by, withdrawn_reason, judgement, assignee,
              extension, extended, body, route, steps_taken, steps_of"""
_INSERT = """
INSERT INTO alerts (alert_id, revision, rule_id, grade, matter, village_code, town_code, state, desks, holders, readers,
                    escalated, due_by, withdrawn_reason, outcome, finished, raised_at, updated_at, body, judgement,
                    assignee, extension, extended, barred, route, steps_taken, steps_of, escalate_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26, $27, $28)
"""
_UPDATE = """
UPDATE alerts SET revision = $2, rule_id = $3, grade = $4, matter = $5, village_code = $6, town_code = $7, state = $8,
                  desks = $9, holders = $10, readers = $11, escalated = $12, due_by = $13,
                  withdrawn_reason = $14, outcome = $15, finished = $16, raised_at = $17, updated_at = $18, body = $19,
                  judgement = $20, assignee = $21, extension = $22, extended = $23, barred = $24, route = $25,
                  steps_taken = $26, steps_of = $27, escalate_at = $28
WHERE alert_id = $1
"""
_ADD_DESK = """
INSERT INTO inbox (alert_id, desk, why, added_at, removed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (alert_id, desk)
DO UPDATE SET why = excluded.why, added_at = excluded.added_at, removed_at = excluded.removed_at
"""
_REMOVE_DESK = "UPDATE inbox SET removed_at = $3 WHERE alert_id = $1 AND desk = $2"
_RECORD = """
INSERT INTO history (alert_id, at, kind, revision, state_from, state_to, by_subject, by_name, by_role, note, outcome,
                     reason, request_key, details, request)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_SEEN = """
INSERT INTO colleagues AS c (desk, holders, subject, name, person_key) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (desk, subject) DO UPDATE SET name = excluded.name, person_key = excluded.person_key, seen_at = now()
WHERE (c.name, c.person_key) IS DISTINCT FROM (excluded.name, excluded.person_key)
   OR c.seen_at < now() - interval '1 day'
"""
_ANNOUNCE = """
INSERT INTO stream_events (alert_id, kind, readers, barred, at, body, loudness, muted_by, only_for, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
# The last position taken by this transaction is the stream's last: nobody else takes one while it holds the lock.
_END_STREAM = """
WITH ended AS (UPDATE stream_ends SET latest = currval(pg_get_serial_sequence('stream_events', 'position')))
SELECT pg_notify(current_schema() || '.' || $1, '')
"""
# Why a desk gets an alert by a change; by all others it is routed there.
_WHY = {"escalated": "escalated", "stood_in": "stood_in", "moved": "review"}
_ASSIGNEE: TypeAdapter[Assignee | None] = TypeAdapter(Assignee | None)
_EXTENSION: TypeAdapter[Extension | None] = TypeAdapter(Extension | None)
_ROUTE: TypeAdapter[Route] = TypeAdapter(Route)


async def load(conn: Connection, alert_ids: Iterable[str]) -> dict[str, Standing]:
    """The alerts of these ids by id, locked until the commit."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM alerts WHERE alert_id = ANY($1::uuid[]) ORDER BY alert_id FOR UPDATE",
        sorted(set(alert_ids)),
    )
    found = [_standing(row) for row in rows]
    return {held.alert.alert_id: held for held in found}


async def read(conn: Connection, alert_ids: Iterable[str]) -> dict[str, Standing]:
    """Those alerts of these ids that the caller may read, by id, as they are."""
    rows = await conn.fetch(f"SELECT {_COLUMNS} FROM alerts WHERE alert_id = ANY($1::uuid[])", sorted(set(alert_ids)))
    found = [_standing(row) for row in rows]
    return {held.alert.alert_id: held for held in found}


async def lapsed(conn: Connection, now: datetime, limit: int) -> list[Standing]:
    """Alerts whose next step upwards is due by `now`, locked; what others have locked is skipped."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM alerts WHERE escalate_at <= $1 ORDER BY escalate_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [_standing(row) for row in rows]


async def open_on(conn: Connection, desk: str) -> list[Standing]:
    """The open alerts on a desk, locked."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM alerts WHERE NOT finished AND desks && ARRAY[$1]::text[] ORDER BY alert_id FOR UPDATE",
        desk,
    )
    return [_standing(row) for row in rows]


async def save(conn: Connection, changes: Sequence[Change], *, new: frozenset[str] = frozenset()) -> None:
    """Write what happened, in order: alerts, desks, history, events to others, and last the stream, which it wakes.

    `new` names the alerts that were not there before. The stream's lock is taken last and held to the commit; at the
    commit every process that listens to `CHANNEL` hands the new events to its open pages.
    """
    if not changes:
        return
    latest = {change.standing.alert.alert_id: change.standing for change in changes}
    await conn.executemany(_INSERT, [_alert_row(held) for key, held in latest.items() if key in new])
    await conn.executemany(_UPDATE, [_alert_row(held) for key, held in latest.items() if key not in new])
    await _save_desks(conn, changes)
    await conn.executemany(_RECORD, [_history_row(change) for change in changes])
    await outbox.publish(conn, [_envelope(change) for change in changes if change.event])
    await lock_stream(conn)
    judged = await loudness.settle(conn, changes)
    trace = current_traceparent()
    rows = [(*row, trace) for one in judged for row in _stream_rows(one.change, one.verdict)]
    await conn.executemany(_ANNOUNCE, rows)
    await conn.execute(_END_STREAM, CHANNEL)


async def lock_stream(conn: Connection) -> None:
    """Let nobody else announce or judge how loud a change is until the commit. Taken last, after all rows."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('stream'), hashtext(current_schema()))")


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


async def mark_read(conn: Connection, held: Standing, caller: Principal) -> None:
    """Note who opened it first when, at which of his desks; the audit log tells of it anew each hour."""
    # First what whoever moves the alert has locked first: of a reading and a move of one person neither waits for both.
    await conn.execute("SELECT 1 FROM alerts WHERE alert_id = $1 FOR KEY SHARE", held.alert.alert_id)
    await conn.executemany(
        "INSERT INTO readings (alert_id, seat, subject, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [(held.alert.alert_id, seat, caller.subject, caller.name) for seat in seats(held, caller)],
    )
    await conn.executemany(
        _SEEN,
        [
            (desk.address, list(desk.holders), caller.subject, caller.name, person_key_of(caller))
            for desk in held.desks
            if any(desk.held_by(grant) for grant in caller.grants)
        ],
    )
    where = routing.audited_at(held.alert)
    await audit.record(conn, caller, "alert.viewed", f"alert:{held.alert.alert_id}", region=where, hourly=True)


async def delivery(conn: Connection, alert_id: UUID) -> list[DeskView]:
    """The desks that an alert reached, in their order, and last its auditors: why, since when, who read it there."""
    reached = await conn.fetch(
        "SELECT desk, why, added_at, removed_at FROM inbox WHERE alert_id = $1 ORDER BY added_at, desk", alert_id
    )
    read_at: dict[str, list[Reading]] = {row["desk"]: [] for row in reached}
    for row in await conn.fetch(
        "SELECT seat, name, read_at FROM readings WHERE alert_id = $1 ORDER BY read_at, subject", alert_id
    ):
        read_at.setdefault(row["seat"], []).append(Reading(name=row["name"], at=row["read_at"]))
    desks = [
        DeskView.of(row["desk"], row["why"], row["added_at"], row["removed_at"], read_at.pop(row["desk"]))
        for row in reached
    ]
    return desks + [DeskView.of(seat, "audit", readings[0].at, None, readings) for seat, readings in read_at.items()]


async def history(conn: Connection, alert_id: UUID) -> list[HistoryEntry]:
    """All that happened to an alert, the oldest first."""
    rows = await conn.fetch("SELECT * FROM history WHERE alert_id = $1 ORDER BY id", alert_id)
    return [_history_entry(row) for row in rows]


async def move_under_key(conn: Connection, subject: str, key: str) -> Record | None:
    """The move that a person made under an Idempotency-Key."""
    return await conn.fetchrow(
        "SELECT alert_id, request FROM history WHERE by_subject = $1 AND request_key = $2", subject, key
    )


async def last_move(conn: Connection, alert_id: UUID) -> Record | None:
    """What happened last to an alert."""
    return await conn.fetchrow(
        "SELECT by_subject, request FROM history WHERE alert_id = $1 ORDER BY id DESC LIMIT 1", alert_id
    )


def _standing(row: Record) -> Standing:
    reason = row["withdrawn_reason"]
    return Standing(
        alert=Alert.model_validate(row["body"]),
        revision=row["revision"],
        state=row["state"],
        desks=tuple(Desk.at(address) for address in row["desks"]),
        raised_at=row["raised_at"],
        updated_at=row["updated_at"],
        escalated=row["escalated"],
        due_by=row["due_by"],
        withdrawn_reason=Bilingual.model_validate(reason) if reason else None,
        judgement=Judgement.model_validate(row["judgement"]) if row["judgement"] else None,
        assignee=_ASSIGNEE.validate_python(row["assignee"]),
        extension=_EXTENSION.validate_python(row["extension"]),
        extended=row["extended"],
        routed=_ROUTE.validate_python(row["route"]),
        steps_taken=row["steps_taken"],
        steps_of=row["steps_of"],
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
        [*held.holders, _SYSTEM],
        [*held.readers, _SYSTEM],
        held.escalated,
        held.due_by,
        held.withdrawn_reason and held.withdrawn_reason.model_dump(),
        held.outcome,
        held.finished,
        held.raised_at,
        held.updated_at,
        alert.model_dump(mode="json", exclude_defaults=True),
        held.judgement and held.judgement.model_dump(mode="json"),
        _ASSIGNEE.dump_python(held.assignee, mode="json"),
        _EXTENSION.dump_python(held.extension, mode="json"),
        held.extended,
        list(held.barred),
        _ROUTE.dump_python(held.routed, mode="json", exclude_defaults=True),
        held.steps_taken,
        held.steps_of,
        None if held.finished else held.escalate_at,
    )


async def _save_desks(conn: Connection, changes: Sequence[Change]) -> None:
    """Each desk once, as the last of the changes leaves it."""
    added: dict[tuple[str, str], tuple[str, datetime, datetime | None]] = {}
    removed: dict[tuple[str, str], datetime] = {}
    for change in changes:
        alert_id, why = change.standing.alert.alert_id, _WHY.get(change.kind, "routed")
        for desk in change.gained:
            added[alert_id, desk.address] = (why, change.at, None)
        for desk in change.lost:
            if one := added.get((alert_id, desk.address)):
                added[alert_id, desk.address] = (*one[:2], change.at)
            else:
                removed[alert_id, desk.address] = change.at
    await conn.executemany(_REMOVE_DESK, [(*key, at) for key, at in removed.items() if key not in added])
    await conn.executemany(_ADD_DESK, [(*key, *one) for key, one in added.items()])


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
        dict(change.details),
        change.request,
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
        details=HistoryDetails.model_validate(row["details"]),
    )


def _stream_rows(change: Change, verdict: Verdict) -> Iterable[tuple[Any, ...]]:
    held = change.standing
    alert_id, barred = held.alert.alert_id, list(held.barred)
    card = AlertCard.of(held, change.at)
    # To whoever has not seen it before, more evidence is a new alert.
    new = change.sighted if change.kind in ("updated", "stood_in") else ()
    told = [grant for grant in held.readers if grant not in new]
    gone = {"alert_id": alert_id}, "quiet", None
    yield alert_id, change.kind, told, barred, change.at, *_heard(card, verdict), None
    if new:
        yield alert_id, "raised", list(new), barred, change.at, *_heard(card, noise.RING), None
    if change.blinded:
        yield alert_id, "removed", list(change.blinded), barred, change.at, *gone, None
    if change.hidden_from:
        before = [grant for grant in held.readers if grant not in change.sighted] + list(change.blinded)
        yield alert_id, "removed", before, [], change.at, *gone, list(change.hidden_from)


def _heard(card: AlertCard, verdict: Verdict) -> tuple[dict[str, Any], Loudness, dict[str, Any] | None]:
    heard = card.model_copy(update={"loudness": verdict.loudness, "muted_by": verdict.muted})
    told = heard.model_dump(mode="json")
    return told, verdict.loudness, told["muted_by"]


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
