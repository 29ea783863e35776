"""Sees to it that the files of the open data follow the cases: every replica looks, one process makes."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from services.disclosure.opendata.publication import publication
from services.disclosure.projections import downloads, open_cases
from shared.db import DATABASE_FAULTS, Database, Scope
from shared.settings import Settings
from shared.telemetry import logger

_LOOK_SECONDS = 30.0
# Made anew even when no case has changed: names and masks may have.
_OLDEST = timedelta(days=1)
log = logger("downloads")


class Maker:
    """Looks now and then, and starts a process that makes the files when they are due."""

    def __init__(self, db: Database, settings: Settings, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._db = db
        self._settings = settings
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """Look until cancelled. A failed making is told and tried again at the next look."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                if await self.due(datetime.now(UTC)):
                    await self.make()
            except (*DATABASE_FAULTS, TimeoutError) as error:
                log.warning("downloads.interrupted", error=type(error).__name__)

    async def due(self, now: datetime) -> bool:
        """Whether the files are older than the cases, and not too young to be made again."""
        async with self._db.begin(Scope.public(), readonly=True) as conn:
            made, state = await downloads.state(conn), await open_cases.state(conn)
        if made is None:
            return True
        of_state, made_at = made
        age = now - made_at
        return age >= _OLDEST or (of_state != state.cases and age >= publication().make_every)

    async def make(self) -> bool:
        """Make the files in a process of its own, so that nobody who reads a page waits; whether that went well."""
        values = self._settings.model_dump(mode="json", exclude_none=True)
        environment = os.environ | {name.upper(): str(value) for name, value in values.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.disclosure.opendata.making", env=environment
        )
        try:
            failed = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if failed:
            log.error("downloads.failed", code=failed)
        return not failed
