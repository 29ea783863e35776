"""Deliveries as people see them: the log of a subscription, sending again, and the receipts of an alert."""

from uuid import UUID

from asyncpg import Record

from services.notifier.channels.channel_schemas import DeliveryFilter, Receipt, ReplayRequest
from services.notifier.channels.kinds import channels
from services.notifier.channels.webhook_schemas import DeliveryView
from services.notifier.schemas import Named
from services.notifier.vocabulary import vocabulary
from shared import audit
from shared.contracts.alerts import Bilingual
from shared.db import Connection
from shared.principals import Principal

_LOG = """
SELECT delivery_id, position, alert_id, kind, state, attempts, next_at, attempted_at, delivered_at, status, error,
       provider_id, replays
FROM deliveries
WHERE subscription_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)
  AND ($4::bigint IS NULL OR position >= $4) AND ($5::bigint IS NULL OR position <= $5)
  AND ($6::bigint IS NULL OR delivery_id < $6)
ORDER BY delivery_id DESC LIMIT $7
"""
# Only what the owner may still read: the stream's own row-level security decides.
_REPLAY = """
UPDATE deliveries d SET state = 'waiting', attempts = 0, next_at = now(), give_up_at = now() + $5, error = NULL,
                        replays = replays + 1
WHERE d.subscription_id = $1 AND d.position BETWEEN $2 AND $3 AND d.state <> 'waiting'
  AND ($4::text IS NULL OR d.state = $4)
  AND EXISTS (SELECT 1 FROM stream_events e WHERE e.position = d.position)
RETURNING 1
"""
_OF_ALERT = """
SELECT channel, recipient, desks, kind, state, queued_at, attempted_at, delivered_at,
       CASE WHEN state = 'waiting' THEN next_at END AS next_at, attempts, status, provider_id, error
FROM deliveries WHERE alert_id = $1 AND lasting ORDER BY delivery_id DESC LIMIT 200
"""


async def log(conn: Connection, subscription_id: UUID, wanted: DeliveryFilter) -> list[DeliveryView]:
    """The deliveries of a subscription of the caller, the newest first."""
    rows = await conn.fetch(
        _LOG,
        subscription_id,
        wanted.state,
        wanted.kind,
        wanted.from_position,
        wanted.to_position,
        wanted.before,
        wanted.limit,
    )
    return [DeliveryView(**dict(row)) for row in rows]


async def replay(
    conn: Connection, subscription_id: UUID, channel: str, wanted: ReplayRequest, caller: Principal
) -> int:
    """Send deliveries again under the same ids, so that the receiver can leave out what it has; how many."""
    term = channels().kinds[channel].give_up_after
    again = await conn.fetch(_REPLAY, subscription_id, wanted.from_position, wanted.to_position, wanted.state, term)
    span = {"channel": channel, "from": wanted.from_position, "to": wanted.to_position, "count": len(again)}
    await audit.record(conn, caller, "deliveries.replayed", f"channel:{subscription_id}", span)
    return len(again)


async def of_alert(conn: Connection, alert_id: UUID) -> list[Receipt]:
    """What was sent to people about an alert that the caller may read."""
    return [_receipt(row) for row in await conn.fetch(_OF_ALERT, alert_id)]


def _receipt(row: Record) -> Receipt:
    kind, happened = channels().kinds[row["channel"]], vocabulary().kinds
    return Receipt(
        **{
            **dict(row),
            "channel": Named(code=row["channel"], zh=kind.zh, en=kind.en),
            "kind": Named.of(row["kind"], happened.get(row["kind"], Bilingual(zh=row["kind"], en=row["kind"]))),
        }
    )
