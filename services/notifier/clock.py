"""Absence is an event: what nobody acknowledges in time is escalated."""

import asyncio
from datetime import UTC, datetime

import asyncpg

from services.notifier import inbox, standing
from shared.db import Database, Scope
from shared.telemetry import logger

_BATCH = 200
_TICK_SECONDS = 5.0
log = logger("clock")


async def run(db: Database) -> None:
    """Escalate what has lapsed until cancelled; of several instances each takes what the others have not locked."""
    while True:
        try:
            while await escalate_lapsed(db, datetime.now(UTC)) == _BATCH:
                continue
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("clock.interrupted", error=type(error).__name__)
        await asyncio.sleep(_TICK_SECONDS)


async def escalate_lapsed(db: Database, now: datetime) -> int:
    """Escalate a batch of what lapsed by `now` (UTC); returns how many."""
    async with db.begin(Scope.system()) as conn:
        lapsed = await inbox.lapsed(conn, now, _BATCH)
        await inbox.save(conn, [standing.escalate(held, now) for held in lapsed])
    return len(lapsed)
