"""What was public for a term vanishes when it ends, by the clock; what was taken back is out of sight for sure."""

from datetime import UTC, datetime

from services.disclosure import revising
from services.disclosure.projections import case, downloads, takedowns
from shared.background import every
from shared.db import Database, Scope

_TICK_SECONDS = 10.0
_AT_ONCE = 500


async def run(db: Database) -> None:
    """Look until cancelled; a fault of the database is waited out."""

    async def look() -> bool:
        return await fade(db, datetime.now(UTC)) == _AT_ONCE

    await every(_TICK_SECONDS, "fading", look)


async def fade(db: Database, now: datetime) -> int:
    """Take out of the read models what is no longer public at a moment (UTC); of how many cases."""
    async with db.begin(Scope.system()) as conn:
        due = await case.fading(conn, now, _AT_ONCE)
        if due:
            await revising.revise(conn, due, lambda each: each, now)
        if await takedowns.obey_all(conn, now):
            await downloads.take_away(conn)
    return len(due)
