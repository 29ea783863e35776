"""Terms of appeals that pass in silence: told, and taken a level up; and the day's keys against abuse, forgotten."""

from datetime import UTC, datetime

from services.disclosure.appeals import lifecycle, rates, store
from services.disclosure.appeals.plan import plan
from shared.background import every
from shared.db import Database, Scope

_BATCH = 200
_TICK_SECONDS = 10.0


async def run(db: Database, secret: str) -> None:
    """Look every few seconds until cancelled; of several instances each takes what the others have not locked."""

    async def look_once() -> bool:
        return await look(db, secret, datetime.now(UTC)) == _BATCH

    await every(_TICK_SECONDS, "appeals_clock", look_once)


async def look(db: Database, secret: str, now: datetime) -> int:
    """Tell a batch of what lapsed by `now` (UTC); how many there were."""
    async with db.begin(Scope.system()) as conn:
        await rates.forget(conn, now)
        found = await store.lapsed(conn, now, _BATCH, secret)
        for held in found:
            if step := lifecycle.lapse(held.appeal, now, plan()):
                await store.save(conn, held.appeal, step, secret)
    return len(found)
