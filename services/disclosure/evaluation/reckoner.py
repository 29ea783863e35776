"""The cards of a quarter that nobody has sealed: counted when asked for, kept for a minute."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from services.disclosure.evaluation import figures, readings, store
from services.disclosure.evaluation.cards import Quartered, deal
from services.disclosure.evaluation.indicators import plan
from services.disclosure.evaluation.quarters import Quarter
from shared import regions
from shared.db import Connection, Database, Scope, region_prefix

_KEPT_SECONDS = 60.0
_MOST = 12


@dataclass(frozen=True)
class _Kept:
    until: float
    made: Quartered


class Reckoner:
    """Counts a county's quarter, once a minute at most."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[tuple[str, Quarter], _Kept] = {}
        self._one = asyncio.Lock()

    async def cards(self, county: str, quarter: Quarter) -> Quartered:
        """The provisional cards."""
        async with self._one:
            kept = self._kept.get((county, quarter))
            if kept is None or kept.until < time.monotonic():
                async with self._db.begin(Scope.system(), readonly=True) as conn:
                    made = await reckoned(conn, county, quarter, datetime.now(UTC))
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                kept = self._kept[county, quarter] = _Kept(time.monotonic() + _KEPT_SECONDS, made)
            return kept.made

    def forget(self) -> None:
        """Count anew from now on: figures have changed."""
        self._kept.clear()


async def reckoned(conn: Connection, county: str, quarter: Quarter, now: datetime) -> Quartered:
    """The cards as the tables have them now; the transaction must see all of the county."""
    rows = await readings.of(conn, quarter, region_prefix(county))
    told = figures.told(await store.approved(conn, county, quarter), quarter, plan())
    villages = [each.code for each in regions.villages() if regions.county_of(each.code) == county]
    return await asyncio.to_thread(deal, county, quarter, rows, told, villages, plan(), now)
