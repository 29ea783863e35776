"""Tells terms that come near or pass, and forgets old drafts, every few minutes."""

from datetime import UTC, datetime

from services.approval import flows
from services.approval.work import drafts, reminders
from services.approval.work.plan import plan
from shared.background import every
from shared.db import Database, Scope

_SECONDS = 300


async def run(db: Database) -> None:
    """Until cancelled."""
    await every(_SECONDS, "reminders", lambda: look(db, datetime.now(UTC)))


async def look(db: Database, now: datetime) -> bool:
    """Do what is due, and say whether there is more."""
    async with db.begin(Scope.system()) as conn:
        await drafts.forget_old(conn, now)
        return await reminders.tell(conn, flows.load(), plan(), now)
