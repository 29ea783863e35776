"""Terms of inquiries and proposals that pass in silence, and inquiries that no desk holds any more."""

from datetime import UTC, datetime

from services.notifier.folders import reminders
from services.notifier.inquiries import inquiries, inquiry_store
from services.notifier.proposals import proposal_store, proposals
from shared.background import every
from shared.db import Database, Scope

_BATCH = 200
_TICK_SECONDS = 5.0


async def run(db: Database) -> None:
    """Look every few seconds until cancelled; of several instances each takes what the others have not locked."""

    async def look_once() -> bool:
        await look(db, datetime.now(UTC))
        return False

    await every(_TICK_SECONDS, "folder_clock", look_once)


async def look(db: Database, now: datetime) -> None:
    """Record and tell a batch of each that lapsed by `now` (UTC), once a term, and pass up what has lost its desk."""
    async with db.begin(Scope.system()) as conn:
        for held in await inquiry_store.lapsed(conn, now, _BATCH):
            await inquiry_store.save(conn, inquiries.lapse(held, now))
            await reminders.of_inquiry(conn, held, await inquiry_store.alerts_of(conn, held))
    async with db.begin(Scope.system()) as conn:
        for one in await proposal_store.lapsed(conn, now, _BATCH):
            await proposal_store.save(conn, proposals.lapse(one, now))
            await reminders.of_proposal(conn, one)
    async with db.begin(Scope.system()) as conn:
        for held in await inquiry_store.touched(conn, _BATCH):
            step = inquiries.pass_up(held, await inquiry_store.alerts_of(conn, held), now)
            if step:
                await inquiry_store.save(conn, step)
