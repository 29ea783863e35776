"""A service's own check of its audit log: each hour, and when an auditor asks. Its verdict is shown and measured."""

import asyncio

from aiokafka.errors import KafkaError

from shared.audit.check import Verdict, check, published_heads
from shared.audit.errors import NotChecked
from shared.audit.schemas import Verification
from shared.db import DATABASE_FAULTS, Database
from shared.settings import Settings
from shared.telemetry import logger

_FIRST_SECONDS = 60.0
_EVERY_SECONDS = 3600.0
log = logger("audit")


class Watch:
    """The last verdict, and the way to a new one."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._looking = asyncio.Lock()
        self.last: Verification | None = None

    async def run(self) -> None:
        """Check until cancelled; what can't be checked now is checked at the next time."""
        await asyncio.sleep(_FIRST_SECONDS)
        while True:
            try:
                await self.look()
            except (NotChecked, *DATABASE_FAULTS) as error:
                log.warning("audit.not_checked", error=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> Verification:
        """Check now; raises `NotChecked`. Who asks while a check runs waits for his own."""
        async with self._looking:
            try:
                heads = await published_heads(self._settings)
            except KafkaError as error:
                raise NotChecked("消息总线未连上", "The message bus is not connected") from error
            self.last = _told(await check(self._db, heads))
        if self.last.broken:
            log.error("audit.broken", service=self._db.schema, number=self.last.broken.number)
        return self.last


def _told(verdict: Verdict) -> Verification:
    return Verification(
        service=verdict.service,
        sound=verdict.sound,
        checked_at=verdict.at,
        entries=verdict.entries,
        heads=verdict.heads,
        hash=verdict.hash,
        broken=Verification.broken_at(verdict.broken),
    )
