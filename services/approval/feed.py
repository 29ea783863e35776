"""All changes of cases in one line that others follow: read from any place of it, nothing missed, nothing twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from services.approval.errors import CursorInvalid
from shared import cursor
from shared.background import woken
from shared.db import DATABASE_FAULTS, Connection, Database, Scope, region_prefix
from shared.telemetry import logger

LATEST = "latest"
_MARK = "changes"
_BATCH = 5_000
_IDLE_SECONDS, _RETRY_SECONDS = 1.0, 0.5
# What happens within a moment is placed in one transaction: a busy hour shouldn't pay for each change apart.
_GATHER_SECONDS = 0.05
_PLACE = f"""
WITH taken AS (
    DELETE FROM unplaced_changes WHERE id IN (SELECT id FROM unplaced_changes ORDER BY id LIMIT {_BATCH})
    RETURNING id, case_id, sequence, village_code)
INSERT INTO case_changes (case_id, sequence, village_code)
SELECT case_id, sequence, village_code FROM taken ORDER BY id RETURNING position
"""
_READ = """
SELECT c.position, e.case_id, k.case_no, k.title, k.matter, k.flow, e.village_code, k.town_code, e.sequence, e.type,
       e.occurred_at, e.recorded_at, e.data
FROM case_changes c JOIN case_events e USING (case_id, sequence) JOIN cases k USING (case_id)
WHERE c.position > $1 AND ($2::text IS NULL OR c.village_code LIKE $2) AND ($3::text IS NULL OR k.flow = $3)
  AND ($4::text IS NULL OR k.matter = $4) AND (cardinality($5::text[]) = 0 OR e.type = ANY ($5))
  AND ($6::timestamptz IS NULL OR e.recorded_at >= $6) AND ($7::timestamptz IS NULL OR e.recorded_at < $7)
ORDER BY c.position LIMIT $8
"""
# Acts with a batch from one position to another, in its transaction; whether there is something to be done behind it.
Placed = Callable[[Connection, int, int], Awaitable[bool]]
log = logger("feed")


@dataclass(frozen=True)
class Followed:
    """Which changes somebody follows. `recorded_from` is taken in, `recorded_before` left out."""

    village: str | None = None
    flow: str | None = None
    matter: str | None = None
    types: Sequence[str] = ()
    recorded_from: datetime | None = None
    recorded_before: datetime | None = None


@dataclass(frozen=True)
class Stretch:
    """A stretch of the line within the caller's regions, where the next begins, and whether there is more already."""

    rows: Sequence[Record]
    next: str
    more: bool


async def read(conn: Connection, wanted: Followed, *, after: str | None, limit: int) -> Stretch:
    """The changes behind a place; raises `CursorInvalid`."""
    # First the end, then the rows: what is placed between the two is read, or waits behind `next`.
    end: int = await conn.fetchval("SELECT coalesce(max(position), 0) FROM case_changes")
    place = end if after == LATEST else _place_of(after)
    rows = await _rows(conn, wanted, place, limit + 1)
    page, more = rows[:limit], len(rows) > limit
    reached = [row["position"] for row in page[-1:]]
    if not more:
        reached += [end, place]
    return Stretch(page, cursor.write(_MARK, str(max(reached))), more)


async def read_on(conn: Connection, wanted: Followed, place: int, limit: int) -> Sequence[Record]:
    """The rows behind a position, for whoever reads the line to its end."""
    return await _rows(conn, wanted, place, limit)


async def _rows(conn: Connection, wanted: Followed, place: int, limit: int) -> Sequence[Record]:
    rows: Sequence[Record] = await conn.fetch(
        _READ,
        place,
        region_prefix(wanted.village) if wanted.village else None,
        wanted.flow,
        wanted.matter,
        list(wanted.types),
        wanted.recorded_from,
        wanted.recorded_before,
        limit,
    )
    return rows


def _place_of(after: str | None) -> int:
    if not after:
        return 0
    try:
        mark, place = cursor.read(after)
        if mark != _MARK or not place.isascii() or not place.isdigit() or len(place) > 18:
            raise ValueError(mark)
        return int(place)
    except ValueError as error:
        raise CursorInvalid(
            "after 应为上次答复的 next,或 latest", "`after` takes `next` of an answer before, or `latest`"
        ) from error


class Line:
    """Gives committed changes their place. Of several instances one works at a time; `placed` acts with each batch."""

    def __init__(self, db: Database, placed: Placed, wake: Callable[[], None]) -> None:
        self._db = db
        self._placed = placed
        self._wake = wake
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Place until cancelled; a fault of the database is waited out."""
        while True:
            try:
                await self._run_once()
            except DATABASE_FAULTS as error:
                log.warning("feed.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _run_once(self) -> None:
        listening = await self._db.dedicated()
        try:
            # Each change of a case commits with its events in the outbox, which tells of itself.
            await listening.add_listener(f"{self._db.schema}.outbox", self._heard)
            while not listening.is_closed():  # a listener that was cut off hears nothing: begin anew
                self._woken.clear()
                if not await self.place():
                    await woken(self._woken, _IDLE_SECONDS)
                    await asyncio.sleep(_GATHER_SECONDS)
        finally:
            await listening.close()

    def _heard(self, *_: Any) -> None:
        self._woken.set()

    async def place(self) -> bool:
        """Place what has committed; whether there may be more."""
        async with self._db.begin(Scope.system()) as conn:
            # Another instance that is at it holds the lock until its places are seen by all.
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('changes'), hashtext(current_schema()))")
            rows = await conn.fetch(_PLACE)
            positions = [row["position"] for row in rows]
            more = bool(positions) and await self._placed(conn, min(positions), max(positions))
        if more:
            self._wake()
        return len(rows) == _BATCH
