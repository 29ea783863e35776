"""A red alert that no channel of a desk could bring there, and that nobody has read, goes a step up at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.notifier import inbox, standing
from services.notifier.channels.kinds import channels
from services.notifier.routing.plans import Plans
from shared.background import every
from shared.contracts.alerts import Bilingual
from shared.db import Database, Scope

_BATCH = 100
_TICK_SECONDS = 10.0
# It was sent by channels, none of which took it since it was raised. A gateway that takes and loses can't be told
# from one that delivers: then the reading is missing, and the term of acknowledging still runs.
_UNREACHED = """
SELECT a.alert_id::text FROM alerts a
WHERE a.grade = 'red' AND a.state = 'pushed' AND NOT a.escalated AND a.raised_at <= $1
  AND NOT EXISTS (SELECT 1 FROM readings r WHERE r.alert_id = a.alert_id AND r.read_at >= a.raised_at)
  AND EXISTS (
      SELECT 1 FROM deliveries d WHERE d.alert_id = a.alert_id AND d.lasting AND d.queued_at <= $1
      GROUP BY a.alert_id HAVING count(d.delivered_at) = 0)
ORDER BY a.raised_at LIMIT $2
"""
_WHY = Bilingual(
    zh="所有渠道均未能送达,也无人查阅,提前升级",
    en="No channel could deliver it and nobody has read it: escalated ahead of its term",
)


async def run(db: Database, plans: Plans) -> None:
    """Look until cancelled; of several instances each escalates what the others have not."""

    async def look() -> bool:
        return await escalate_unreached(db, datetime.now(UTC), plans) == _BATCH

    await every(_TICK_SECONDS, "unreached", look)


async def escalate_unreached(db: Database, now: datetime, plans: Plans) -> int:
    """Escalate what has lain unreached too long by `now` (UTC); returns how many."""
    since = now - timedelta(minutes=channels().red_unreached_minutes)
    async with db.begin(Scope.system()) as conn:
        found = [row[0] for row in await conn.fetch(_UNREACHED, since, _BATCH)]
        held = await inbox.load(conn, found)
        due = [one for one in held.values() if one.state == "pushed" and not one.escalated]
        if due:
            plan = await plans.at(conn, now)
            await inbox.save(conn, [replace(standing.escalate(one, now, plan), reason=_WHY) for one in due])
    return len(due)
