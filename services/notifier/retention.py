"""How long the stream is kept: long enough for whoever was away to resume, and no longer. The alerts stay for good."""

from datetime import UTC, datetime, timedelta

from shared.background import every
from shared.db import Database, Scope

KEPT = timedelta(days=7)
_BATCH = 5000
_EVERY_SECONDS = 3600.0
# What a subscription still waits for is kept beyond the term, and so is what has not been turned into deliveries yet.
# The receipts of people stay with their alerts; the log of systems goes, and so do codes, tests and digests.
_PRUNE = """
WITH old AS (
    SELECT e.position FROM stream_events e
    WHERE e.at < $1 AND e.position <= (SELECT position FROM delivery_progress)
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.position = e.position AND d.state = 'waiting')
    ORDER BY e.at LIMIT $2),
gone AS (DELETE FROM stream_events e USING old WHERE e.position = old.position RETURNING e.position),
forgotten AS (DELETE FROM deliveries d USING gone WHERE d.position = gone.position AND NOT d.lasting),
spoken AS (DELETE FROM deliveries WHERE position IS NULL AND state <> 'waiting' AND queued_at < $1),
noted AS (
    UPDATE stream_ends SET pruned = greatest(pruned, (SELECT max(position) FROM gone))
    WHERE EXISTS (SELECT 1 FROM gone))
SELECT count(*) FROM gone
"""


async def run(db: Database) -> None:
    """Prune each hour until cancelled."""

    async def look() -> bool:
        return await prune(db, datetime.now(UTC)) == _BATCH

    await every(_EVERY_SECONDS, "retention", look)


async def prune(db: Database, now: datetime) -> int:
    """Delete a batch of what is past its term, with the log of its deliveries; returns how many events."""
    async with db.begin(Scope.system()) as conn:
        return int(await conn.fetchval(_PRUNE, now - KEPT, _BATCH))
