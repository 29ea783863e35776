"""Absence is an event: what is left lying goes up step by step, and where nobody is at a desk the one above gets it."""

from datetime import UTC, datetime

from services.notifier import inbox, standing
from services.notifier.routing.plans import Plans
from shared.background import every
from shared.db import Connection, Database, Scope

_BATCH = 200
_TICK_SECONDS = 5.0
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('desks_seen'), hashtext(current_schema()))"
_SEEN = """
INSERT INTO desks_seen (desk, at_hand) VALUES ($1, $2) ON CONFLICT (desk) DO UPDATE SET at_hand = excluded.at_hand
"""


async def run(db: Database) -> None:
    """Escalate what has lapsed until cancelled; of several instances each takes what the others have not locked."""
    plans = Plans()

    async def look() -> bool:
        now = datetime.now(UTC)
        return await escalate_lapsed(db, now, plans) > 0 or await stand_in(db, now, plans)

    await every(_TICK_SECONDS, "clock", look)


async def escalate_lapsed(db: Database, now: datetime, plans: Plans | None = None) -> int:
    """Take the next step of a batch of alerts for which it is due by `now` (UTC), one each; returns how many.

    A step that was taken is on record with the term it was for: a clock that goes back and forth takes it once.
    """
    async with db.begin(Scope.system()) as conn:
        lapsed = await inbox.lapsed(conn, now, _BATCH)
        if lapsed:
            plan = await (plans or Plans()).at(conn, now)
            await inbox.save(conn, [standing.escalate(held, now, plan) for held in lapsed])
    return len(lapsed)


async def stand_in(db: Database, now: datetime, plans: Plans | None = None) -> bool:
    """Look after one desk where other people are at hand than when it was looked at last; False when there is none.

    Its open alerts go to the desk above, too, where nobody is left who may take them.
    """
    async with db.begin(Scope.system()) as conn:
        if not await conn.fetchval(_ALONE):
            return False
        plan = await (plans or Plans()).at(conn, now)
        changed = await _changed(conn, plan.roster.at_hand(now))
        if changed is None:
            return False
        desk, at_hand = changed
        await conn.execute(_SEEN, desk, at_hand)
        lying = await inbox.open_on(conn, desk)
        await inbox.save(conn, [change for held in lying if (change := standing.stand_in(held, now, plan))])
    return True


async def _changed(conn: Connection, at_hand: dict[str, list[str]]) -> tuple[str, list[str]] | None:
    seen = {row["desk"]: row["at_hand"] for row in await conn.fetch("SELECT desk, at_hand FROM desks_seen")}
    return next(((desk, now) for desk, now in sorted(at_hand.items()) if seen.get(desk) != now), None)
