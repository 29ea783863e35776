"""Who stands in for whom now, as this process knows it: read anew every few seconds, checked again at each deed."""

import asyncio
import time
from datetime import UTC, datetime

from services.approval.work import absences, standing_in
from services.approval.work.plan import plan
from services.approval.work.standing_in import Absence
from shared.db import Database, Scope
from shared.principals import Principal

_KNOWN_SECONDS = 5.0


class Deputies:
    """Gives each caller the roles that were handed over to him."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: list[Absence] = []
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def seated(self, caller: Principal) -> Principal:
        """The caller with those for whom he stands in; a client stands in for nobody."""
        if caller.scopes is not None:
            return caller
        return standing_in.seated(caller, await self._absences(), plan(), datetime.now(UTC))

    def changed(self) -> None:
        """Read anew at the next request."""
        self._read_at = float("-inf")

    async def _absences(self) -> list[Absence]:
        async with self._lock:
            if time.monotonic() - self._read_at > _KNOWN_SECONDS:
                async with self._db.begin(Scope.system(), readonly=True) as conn:
                    self._known = await absences.with_deputies(conn)
                self._read_at = time.monotonic()
            return self._known
