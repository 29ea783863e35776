"""The queue of messages in PostgreSQL: from the stream into it, out of it under leases, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.notifier.channels.kinds import channels
from services.notifier.channels.receipt import Receipt
from shared.db import Connection
from shared.webhooks import retries

_BATCH = 500
# Systems get every change. People get what rings, unless it is about them or their kin; in quiet hours only red.
_FAN_OUT = f"""
WITH done AS (SELECT position FROM delivery_progress FOR UPDATE),
fresh AS (
    SELECT e.position, e.alert_id, e.kind, e.readers, e.barred, e.only_for, e.loudness,
           e.body -> 'grade' ->> 'code' AS grade
    FROM stream_events e, done WHERE e.position > done.position ORDER BY e.position LIMIT {_BATCH}),
queued AS (
    INSERT INTO deliveries (subscription_id, channel, gateway, recipient, desks, position, alert_id, kind, lasting,
                            next_at, give_up_at)
    SELECT s.subscription_id, s.kind, s.gateway, concat_ws(' ', s.owner_name, s.shown), s.desks, f.position,
           f.alert_id, f.kind, s.kind <> 'webhook', at.due, at.due + term.wait
    FROM fresh f
    JOIN subscriptions s
      ON s.desks && f.readers AND f.position > s.since AND s.expires_at > now() AND s.removed_at IS NULL
     AND s.verified_at IS NOT NULL AND NOT s.paused AND s.person_key <> ALL (f.barred)
     AND (cardinality(s.grades) = 0 OR f.kind = 'removed' OR f.grade = ANY (s.grades))
     AND f.only_for IS NULL AND (s.kind = 'webhook' OR f.loudness = 'ring' AND f.kind <> 'removed')
    JOIN unnest($1::text[], $2::interval[]) AS term (kind, wait) ON term.kind = s.kind
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.grade = 'red' THEN now() ELSE after_quiet(s.quiet_from, s.quiet_until, now()) END) at (due))
UPDATE delivery_progress p SET position = (SELECT max(position) FROM fresh)
WHERE EXISTS (SELECT 1 FROM fresh) RETURNING (SELECT count(*) FROM fresh)
"""
_ENQUEUE = """
INSERT INTO deliveries (subscription_id, channel, gateway, recipient, desks, kind, body, lasting, next_at, give_up_at)
SELECT s.subscription_id, s.kind, s.gateway, concat_ws(' ', s.owner_name, s.shown), s.desks, $2, $3, false,
       at.due, at.due + term.wait
FROM subscriptions s
JOIN unnest($5::text[], $6::interval[]) AS term (kind, wait) ON term.kind = s.kind
CROSS JOIN LATERAL (
    SELECT CASE WHEN $4 THEN now() ELSE after_quiet(s.quiet_from, s.quiet_until, now()) END) at (due)
WHERE s.subscription_id = $1 AND s.removed_at IS NULL
RETURNING delivery_id
"""
# Each lane takes as many subscriptions as it has room for. Of each one message is under way at a time, the first due.
_CLAIM = """
WITH due AS (
    SELECT ready.* FROM unnest($1::text[], $2::bool[], $3::int[]) AS lane (gateway, failing, free)
    CROSS JOIN LATERAL (
        SELECT s.subscription_id, lane.failing FROM subscriptions s
        WHERE s.gateway = lane.gateway AND (lane.failing IS NULL OR (s.failures > 0) = lane.failing)
          AND coalesce(s.leased_until <= now(), true) AND coalesce(s.paused_until <= now(), true)
          AND s.removed_at IS NULL AND s.expires_at > now()
          AND EXISTS (SELECT 1 FROM deliveries d
                      WHERE d.subscription_id = s.subscription_id AND d.state = 'waiting' AND d.next_at <= now())
        LIMIT lane.free FOR UPDATE OF s SKIP LOCKED) ready),
leased AS (
    UPDATE subscriptions s SET leased_until = now() + $4 FROM due WHERE s.subscription_id = due.subscription_id
    RETURNING s.subscription_id, s.gateway, s.address, s.secret, s.failures, s.leased_until, s.challenge, due.failing)
SELECT l.*, d.delivery_id, d.position, d.attempts, d.kind, d.channel, d.give_up_at, e.loudness,
       coalesce(e.at, d.queued_at) AS at, coalesce(d.body, e.body) AS body
FROM leased l
CROSS JOIN LATERAL (
    SELECT * FROM deliveries d
    WHERE d.subscription_id = l.subscription_id AND d.state = 'waiting' AND d.next_at <= now()
    ORDER BY d.next_at, d.delivery_id LIMIT 1) d
LEFT JOIN stream_events e ON e.position = d.position
"""
# An answer that comes after the lease is over: that it was taken is true all the same, that it failed is of no account.
_RECORD = """
UPDATE deliveries SET state = $2, attempts = attempts + 1, next_at = $3, attempted_at = $4, status = $5, error = $6,
                      provider_id = $7, delivered_at = CASE WHEN $2 = 'delivered' THEN coalesce(delivered_at, $4)
                                                            ELSE delivered_at END
WHERE delivery_id = $1 AND (state = 'waiting' OR $2 = 'delivered')
"""
_FREE = """
UPDATE subscriptions SET leased_until = NULL, failures = $3, paused_until = $4
WHERE subscription_id = $1 AND leased_until = $2
"""
# While the circuit is open the attempts that were under way count no more: they failed for the same cause.
_BREAK = """
INSERT INTO circuits AS c (gateway, failures) VALUES ($1, 1)
ON CONFLICT (gateway) DO UPDATE SET failures = c.failures + 1 WHERE coalesce(c.paused_until <= $2, true)
RETURNING failures
"""
_GIVE_UP = """
UPDATE deliveries SET state = 'given_up', error = coalesce(error, 'not taken in time')
WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE state = 'waiting' AND give_up_at <= $1
                      LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True)
class Lane:
    """Messages that share room to be sent in: of a gateway; where each address has its own circuit, those whose last
    message was taken (`failing` false) apart from those whose was not, so that dead ones take no room from the others.
    """

    gateway: str
    failing: bool | None


async def fan_out(conn: Connection) -> bool:
    """Queue what the stream brought; whether there may be more."""
    return bool(await conn.fetchval(_FAN_OUT, *_terms()) == _BATCH)


async def enqueue(
    conn: Connection, subscription_id: UUID, kind: str, body: Mapping[str, Any], *, at_once: bool = False
) -> int | None:
    """Queue a message of its own words; its id, or None when there is no such subscription.

    `kind` is `digest` (its body: `text` in two languages, `inbox` and `links`), `reminder` (`text` and
    `page`), `code` or `test`. Quiet hours hold it back unless `at_once`.
    """
    made: int | None = await conn.fetchval(_ENQUEUE, subscription_id, kind, dict(body), at_once, *_terms())
    return made


async def circuits(conn: Connection) -> dict[str, Record]:
    """The circuits of gateways that failed lately, by gateway."""
    return {row["gateway"]: row for row in await conn.fetch("SELECT gateway, failures, paused_until FROM circuits")}


async def claim(conn: Connection, room: Mapping[Lane, int], lease: timedelta) -> Sequence[Record]:
    """Take messages that are due under a lease, so many a lane; what another process has is left to it."""
    lanes = [lane for lane in room if room[lane] > 0]
    if not lanes:
        return []
    found: Sequence[Record] = await conn.fetch(
        _CLAIM,
        [lane.gateway for lane in lanes],
        [lane.failing for lane in lanes],
        [room[lane] for lane in lanes],
        lease,
    )
    return found


async def record(
    conn: Connection, row: Record, receipt: Receipt, waits: Sequence[float], now: datetime, chance: Random
) -> str:
    """Write what became of a claimed message and free its subscription; returns the message's new state.

    Subscriptions are locked before their deliveries, here as everywhere.
    """
    again = None if receipt.taken or receipt.final else _again(row, waits, now, chance)
    state = "delivered" if receipt.taken else "waiting" if again else "given_up"
    shared = channels().kinds[row["channel"]].breaker == "gateway"
    own_fault = not receipt.taken and not (shared and receipt.fault == "way")
    failures = 0 if receipt.taken else row["failures"] + own_fault
    await conn.execute(
        _FREE, row["subscription_id"], row["leased_until"], failures, retries.paused_until(failures, now)
    )
    await conn.execute(
        _RECORD, row["delivery_id"], state, again or now, now, receipt.status, receipt.error, receipt.provider_id
    )
    if shared:
        await _keep_circuit(conn, row["gateway"], receipt, now)
    return state


async def give_up_late(conn: Connection, now: datetime) -> None:
    """Give up what was not taken within its time, also where a circuit kept it from being tried."""
    await conn.execute(_GIVE_UP, now)


def _terms() -> tuple[list[str], list[timedelta]]:
    kinds = channels().kinds
    return list(kinds), [kind.give_up_after for kind in kinds.values()]


def _again(row: Record, waits: Sequence[float], now: datetime, chance: Random) -> datetime | None:
    return retries.next_try(row["attempts"] + 1, waits, now, row["give_up_at"], chance)


async def _keep_circuit(conn: Connection, gateway: str, receipt: Receipt, now: datetime) -> None:
    if receipt.taken or receipt.fault == "address":
        await conn.execute("DELETE FROM circuits WHERE gateway = $1", gateway)
        return
    failures = await conn.fetchval(_BREAK, gateway, now)
    if failures and (until := retries.paused_until(failures, now)):
        await conn.execute("UPDATE circuits SET paused_until = $2 WHERE gateway = $1", gateway, until)
