"""What a silence or a graver alert kept quiet is judged anew once that is over, and rings if it is still open."""

from datetime import UTC, datetime

from services.notifier import inbox
from services.notifier.handling import lifecycle
from services.notifier.standing import Change
from shared.background import every
from shared.db import Database, Scope

_BATCH = 200
_TICK_SECONDS = 2.0
# Both rows are locked: an instance that comes second sees what the first has written, and passes it over.
_OVER = """
SELECT h.alert_id::text FROM heard h JOIN alerts a USING (alert_id)
WHERE h.cause_id IS NOT NULL AND a.state <> ALL($2::text[]) AND CASE h.cause_kind
    WHEN 'red' THEN NOT EXISTS (SELECT 1 FROM alerts r WHERE r.alert_id = h.cause_id AND r.grade = 'red'
                                AND r.state <> ALL($2::text[]))
    ELSE NOT EXISTS (SELECT 1 FROM silences s WHERE s.silence_id = h.cause_id AND s.state = 'approved'
                     AND s.ends_at > $1) END
ORDER BY h.alert_id LIMIT $3 FOR UPDATE OF h, a SKIP LOCKED
"""


async def run(db: Database) -> None:
    """Unmute what is due until cancelled; of several instances each takes what the others have not locked."""

    async def look() -> bool:
        return await unmute(db, datetime.now(UTC)) == _BATCH

    await every(_TICK_SECONDS, "unmuting", look)


async def unmute(db: Database, now: datetime) -> int:
    """Judge a batch anew of what nothing keeps quiet any more at `now` (UTC); returns how many."""
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch(_OVER, now, sorted(lifecycle.finished()), _BATCH)
        held = await inbox.load(conn, [row[0] for row in rows]) if rows else {}
        await inbox.save(conn, [Change("unmuted", one, now, one.state) for one in held.values()])
    return len(rows)
