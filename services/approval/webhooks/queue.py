"""The messages of subscriptions: one for each change that a subscription asked for, tried until taken or given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from asyncpg import Record

from services.approval.errors import CursorInvalid
from services.approval.rest import rest
from services.approval.webhooks.schemas import DeliveryOut, DeliveryPage, ReplayRequest, State
from shared import cursor
from shared.db import Connection
from shared.webhooks import retries

_MARK = "deliveries"
_LIVE = "NOT s.paused AND s.switched_off_at IS NULL AND s.expires_at > now()"
_FAN_OUT = f"""
INSERT INTO webhook_deliveries (webhook_id, subject, position, give_up_at)
SELECT s.webhook_id, s.subject, c.position, now() + $3
FROM case_changes c JOIN case_events e USING (case_id, sequence) JOIN cases k USING (case_id)
JOIN webhooks s ON {_LIVE} AND c.village_code LIKE ANY (s.reach)
  AND (cardinality(s.matters) = 0 OR k.matter = ANY (s.matters))
  AND (cardinality(s.types) = 0 OR e.type = ANY (s.types))
WHERE c.position BETWEEN $1 AND $2
ON CONFLICT DO NOTHING
"""
# Of each subscription one message is under way at a time, so that a slow receiver takes no room from the others.
_CLAIM = f"""
WITH due AS (
    SELECT s.webhook_id FROM webhooks s
    WHERE {_LIVE} AND coalesce(s.leased_until <= now(), true) AND coalesce(s.resting_until <= now(), true)
      AND EXISTS (SELECT 1 FROM webhook_deliveries d
                  WHERE d.webhook_id = s.webhook_id AND d.state = 'waiting' AND d.next_at <= now())
    LIMIT $1 FOR UPDATE OF s SKIP LOCKED),
leased AS (
    UPDATE webhooks s SET leased_until = now() + $2 FROM due WHERE s.webhook_id = due.webhook_id
    RETURNING s.webhook_id, s.url, s.secret, s.old_secret, s.old_secret_until, s.failures, s.failing_since,
              s.leased_until)
SELECT l.*, d.delivery_id, d.position, d.attempts, d.queued_at, d.give_up_at, e.type, e.occurred_at, e.case_id,
       e.sequence, e.village_code, k.town_code, k.case_no, k.flow, k.matter,
       coalesce(e.data ->> 'node', e.data ->> 'from_node') AS node
FROM leased l
CROSS JOIN LATERAL (
    SELECT * FROM webhook_deliveries d
    WHERE d.webhook_id = l.webhook_id AND d.state = 'waiting' AND d.next_at <= now()
    ORDER BY d.next_at, d.delivery_id LIMIT 1) d
LEFT JOIN case_changes c ON c.position = d.position
LEFT JOIN case_events e ON e.case_id = c.case_id AND e.sequence = c.sequence
LEFT JOIN cases k ON k.case_id = e.case_id
"""
_RECORD = """
UPDATE webhook_deliveries
SET state = $2, attempts = attempts + 1, next_at = $3, attempted_at = $4, status = $5, error = $6,
    delivered_at = CASE WHEN $2 = 'delivered' THEN coalesce(delivered_at, $4) ELSE delivered_at END
WHERE delivery_id = $1 AND (state = 'waiting' OR $2 = 'delivered')
"""
_FREE = """
UPDATE webhooks SET leased_until = NULL, failures = $3, failing_since = $4, resting_until = $5, switched_off_at = $6
WHERE webhook_id = $1 AND leased_until = $2
"""
_GIVE_UP = """
UPDATE webhook_deliveries SET state = 'given_up', error = coalesce(error, 'not taken in time')
WHERE state = 'waiting' AND give_up_at <= $1
"""
_LOG = """
SELECT delivery_id, webhook_id, position, state, attempts, replays, queued_at, next_at, attempted_at, delivered_at,
       status, error
FROM webhook_deliveries
WHERE webhook_id = $1 AND ($2::bigint IS NULL OR delivery_id < $2) AND ($3::text IS NULL OR state = $3)
ORDER BY delivery_id DESC LIMIT $4
"""
_REPLAY = """
UPDATE webhook_deliveries d
SET state = 'waiting', next_at = now(), give_up_at = now() + $2, attempts = 0, replays = replays + 1
FROM case_changes c
WHERE d.webhook_id = $1 AND c.position = d.position
  AND (cardinality($3::bigint[]) = 0 OR d.delivery_id = ANY ($3)) AND ($4::timestamptz IS NULL OR d.queued_at >= $4)
  AND ($5::timestamptz IS NULL OR d.queued_at < $5) AND ($6::text IS NULL OR d.state = $6)
"""


async def fan_out(conn: Connection, first: int, last: int) -> bool:
    """One message of each change between two places of the line for each subscription that asks for it; if any does."""
    made: str = await conn.execute(_FAN_OUT, first, last, _term())
    return made != "INSERT 0 0"


async def enqueue_test(conn: Connection, webhook_id: UUID, subject: str) -> int:
    """Queue a message that says nothing, to try the way; its id."""
    made: int = await conn.fetchval(
        "INSERT INTO webhook_deliveries (webhook_id, subject, give_up_at) VALUES ($1, $2, now() + $3)"
        " RETURNING delivery_id",
        webhook_id,
        subject,
        _term(),
    )
    return made


async def claim(conn: Connection, most: int, lease: timedelta) -> Sequence[Record]:
    """Take what is due under a lease, one message of so many subscriptions; what another process has is left to it."""
    rows: Sequence[Record] = await conn.fetch(_CLAIM, most, lease)
    return rows


async def record(
    conn: Connection, row: Record, status: int | None, error: str | None, now: datetime, chance: Random
) -> None:
    """Write what became of a claimed message and free its subscription; 410 Gone or long failure switches it off."""
    terms = rest().webhooks
    taken = status is not None and 200 <= status < 300
    tried = row["attempts"] + 1
    again = None if taken else retries.next_try(tried, terms.retry_seconds, now, row["give_up_at"], chance)
    since = None if taken else row["failing_since"] or now
    failures = 0 if taken else row["failures"] + 1
    too_long = since is not None and now - since >= timedelta(hours=terms.switch_off_hours)
    off = now if status == 410 or too_long else None
    rest_until = retries.paused_until(failures, now)
    await conn.execute(_FREE, row["webhook_id"], row["leased_until"], failures, since, rest_until, off)
    state = "delivered" if taken else "waiting" if again else "given_up"
    await conn.execute(_RECORD, row["delivery_id"], state, again or now, now, status, error)


async def give_up_late(conn: Connection, now: datetime) -> None:
    """Give up what was not taken within its time, also where its subscription rests."""
    await conn.execute(_GIVE_UP, now)


async def forget_old(conn: Connection) -> None:
    """Drop messages older than the log goes back, and subscriptions that ended as long ago; runs with system scope."""
    kept = timedelta(days=rest().webhooks.kept_days)
    await conn.execute("DELETE FROM webhook_deliveries WHERE queued_at < now() - $1::interval", kept)
    await conn.execute("DELETE FROM webhooks WHERE expires_at < now() - $1::interval", kept)


async def log(conn: Connection, webhook_id: UUID, state: State | None, after: str | None, limit: int) -> DeliveryPage:
    """A page of a subscription's messages, the newest first; raises `CursorInvalid`."""
    rows = await conn.fetch(_LOG, webhook_id, _place_of(after), state, limit + 1)
    page = [DeliveryOut(**dict(row), message_id=message_id(row)) for row in rows[:limit]]
    following = cursor.write(_MARK, str(page[-1].delivery_id)) if len(rows) > limit else None
    return DeliveryPage(deliveries=page, next=following)


async def replay(conn: Connection, webhook_id: UUID, wanted: ReplayRequest) -> int:
    """Send messages again that the caller may still see; how many. Those in the log only, tests never."""
    done = await conn.execute(
        _REPLAY,
        webhook_id,
        _term(),
        wanted.delivery_ids,
        wanted.queued_from,
        wanted.queued_before,
        wanted.state,
    )
    return int(done.rpartition(" ")[2])


def message_id(row: Record) -> str:
    """The id of a message, the same through all tries and replays, so that a receiver can leave out repeats."""
    place = row["position"] if row["position"] is not None else f"test-{row['delivery_id']}"
    return f"{row['webhook_id']}.{place}"


def _place_of(after: str | None) -> int | None:
    if not after:
        return None
    try:
        mark, place = cursor.read(after)
        if mark != _MARK or not place.isascii() or not place.isdigit() or len(place) > 18:
            raise ValueError(mark)
        return int(place)
    except ValueError as error:
        raise CursorInvalid("翻页参数无效,请从第一页开始", "The page marker is invalid, begin at page one") from error


def _term() -> timedelta:
    return timedelta(hours=rest().webhooks.give_up_hours)
