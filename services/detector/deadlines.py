"""When each key must be judged again though nothing happens."""

from collections.abc import Mapping
from datetime import datetime

from shared.db import Connection

_KEEP = """
INSERT INTO deadlines AS d (key, due_at, judged_until)
SELECT n.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n (key, due_at, judged_until)
WHERE n.due_at IS NOT NULL OR EXISTS (SELECT FROM deadlines AS old WHERE old.key = n.key)
ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, judged_until = coalesce(excluded.judged_until, d.judged_until)
WHERE d.due_at IS DISTINCT FROM excluded.due_at OR excluded.judged_until IS NOT NULL
"""
_DUE = "SELECT key FROM deadlines WHERE due_at <= $1 ORDER BY due_at, key LIMIT $2"


async def keep(
    conn: Connection, again_at: Mapping[str, datetime | None], *, judged_until: datetime | None = None
) -> None:
    """Keep each key's next moment, and how far the clock has judged it."""
    await conn.execute(_KEEP, list(again_at), list(again_at.values()), [judged_until] * len(again_at))


async def due(conn: Connection, until: datetime, limit: int) -> list[str]:
    """Keys whose moment has come by `until`, the earliest first."""
    return [row["key"] for row in await conn.fetch(_DUE, until, limit)]
