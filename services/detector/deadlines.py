"""When each key must be judged again though nothing happens."""

from datetime import datetime

from services.detector.judging import Judgement
from shared.db import Connection

_KEEP = """
INSERT INTO deadlines AS d (key, due_at, judged_until)
SELECT n.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n (key, due_at, judged_until)
WHERE n.due_at IS NOT NULL OR EXISTS (SELECT FROM deadlines AS old WHERE old.key = n.key)
ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, judged_until = coalesce(excluded.judged_until, d.judged_until)
WHERE d.due_at IS DISTINCT FROM excluded.due_at OR excluded.judged_until IS NOT NULL
"""
_DUE = "SELECT key FROM deadlines WHERE due_at <= $1 ORDER BY due_at, key LIMIT $2"


async def keep(conn: Connection, judgement: Judgement, *, judged_until: datetime | None) -> None:
    """Keep each key's next moment, and how far the clock has judged it."""
    rows = [
        (key, min((moment for moment in detection.again_at if moment > judgement.cases[key].now), default=None))
        for key, detection in judgement.detections.items()
    ]
    await conn.execute(_KEEP, [key for key, _ in rows], [due for _, due in rows], [judged_until for _ in rows])


async def due(conn: Connection, until: datetime, limit: int) -> list[str]:
    """Keys whose moment has come by `until`, the earliest first."""
    return [row["key"] for row in await conn.fetch(_DUE, until, limit)]
