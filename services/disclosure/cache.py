"""Villages' pages in this process's memory, dropped the moment that another process commits a new one.

Nothing is kept while nobody listens: when the listening connection is lost, all of it goes, and every read asks the
database until it listens again.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from services.disclosure import village_page
from services.disclosure.appeals import opinions
from services.disclosure.appeals.opinions import Fragment
from services.disclosure.packed import Packed
from services.disclosure.policies.reading import Held
from services.disclosure.projections import village
from services.disclosure.rendered import Rendered
from shared.db import DATABASE_FAULTS, Connection, Database, Scope
from shared.telemetry import VILLAGE_PAGES, logger

_RETRY_SECONDS = 0.5
_PULSE_SECONDS = 1.0
_PULSE_TERM_SECONDS = 2.0
_FROM_MEMORY, _FROM_DATABASE = VILLAGE_PAGES.labels("memory"), VILLAGE_PAGES.labels("database")
log = logger("cache")


class VillageCache:
    """The ready pages of villages."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listens = False
        self._pages: dict[str, Rendered] = {}
        self._reading: dict[str, object] = {}
        self._opinions: dict[str, Fragment] = {}
        self._html: dict[str, tuple[str, datetime, Packed]] = {}
        self._policies: dict[str, Held] = {}

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is replaced."""
        while True:
            try:
                await self._run_once()
            except (*DATABASE_FAULTS, TimeoutError) as error:
                log.warning("cache.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def read(self, code: str) -> Rendered:
        """A village's page as it is now; raises `BadVillageCode`, `NoSuchVillage`."""
        page = self._pages.get(code)
        (_FROM_MEMORY if page else _FROM_DATABASE).inc()
        page = page or await self._fetch(village_page.check(code))
        now = datetime.now(UTC)
        if page.stale_at is None or now < page.stale_at:
            return page
        current = page.at(now)
        if self._pages.get(code) is page:
            self._pages[code] = current
        return current

    async def opinions(self, code: str) -> Fragment:
        """What the page shows of a village's appeals, which are told on the same channel as the page."""
        if held := self._opinions.get(code):
            return held
        ticket = self._reading.setdefault(code, object())
        async with self._db.begin(Scope.public(), readonly=True) as conn:
            fragment = await opinions.read(conn, village_page.check(code))
        if self._listens and self._reading.get(code) is ticket:
            self._opinions[code] = fragment
        return fragment

    async def policies(self, code: str) -> Held:
        """The policies for a village, which are told on the same channel as the page."""
        if held := self._policies.get(code):
            return held
        ticket = self._reading.setdefault(code, object())
        async with self._db.begin(Scope.public(), readonly=True) as conn:
            found = await Held.of(conn, code)
        if self._listens and self._reading.get(code) is ticket:
            self._policies[code] = found
        return found

    def html(self, code: str, content: str, now: datetime, render: Callable[[], bytes]) -> Packed:
        """The HTML of a village's page, rendered once for each content (by its tag) and hour: it counts the hours that
        its notices still run.
        """
        hour = now.replace(minute=0, second=0, microsecond=0)
        held = self._html.get(code)
        if held and held[:2] == (content, hour):
            return held[2]
        packed = Packed.of(render())
        self._html[code] = content, hour, packed
        return packed

    async def _fetch(self, code: str) -> Rendered:
        # Whoever is told of a change meanwhile takes the ticket away: what was read may be from before it.
        ticket = self._reading[code] = object()
        async with self._db.begin(Scope.public(), readonly=True) as conn:
            page = await village.read(conn, code)
        if self._listens and self._reading.get(code) is ticket:
            self._pages[code] = page
        return page

    async def _run_once(self) -> None:
        conn = await self._db.dedicated()
        conn.add_termination_listener(lambda *_: self._drop())
        try:
            await conn.add_listener(f"{self._db.schema}.{village.CHANNEL}", self._changed)
            self._drop()
            self._listens = True
            while True:
                await asyncio.sleep(_PULSE_SECONDS)
                await asyncio.wait_for(conn.execute("SELECT"), _PULSE_TERM_SECONDS)
        finally:
            self._drop()
            conn.terminate()

    def _changed(self, _conn: Connection, _pid: int, _channel: str, code: object) -> None:
        self._pages.pop(str(code), None)
        self._opinions.pop(str(code), None)
        self._policies.pop(str(code), None)
        self._reading.pop(str(code), None)

    def _drop(self) -> None:
        self._listens = False
        self._pages.clear()
        self._opinions.clear()
        self._policies.clear()
        self._reading.clear()
