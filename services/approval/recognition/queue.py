"""Papers that wait to be read, in PostgreSQL: one at a time under a lease, so a worker that dies loses nothing."""

from dataclasses import dataclass
from datetime import timedelta

from asyncpg import BitString

from services.approval.recognition.likeness import LOOK_BITS, Traits, bands_of
from services.approval.recognition.reading import Reading
from shared.db import Connection

_CLAIM = """
UPDATE paper_readings r SET attempts = attempts + 1, leased_until = now() + $1
FROM documents d
WHERE d.sha256 = r.sha256 AND r.sha256 = (
    SELECT sha256 FROM paper_readings WHERE state = 'waiting' AND coalesce(leased_until, now()) <= now()
    ORDER BY queued_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING r.sha256, d.media_type, r.attempts
"""


@dataclass(frozen=True)
class Job:
    """A paper to read, and the how manieth time it is tried."""

    sha256: str
    media_type: str
    attempts: int


async def claim(conn: Connection, lease: timedelta) -> Job | None:
    """The paper that has waited longest, for as long as the lease runs; None when none waits."""
    row = await conn.fetchrow(_CLAIM, lease)
    return Job(**dict(row)) if row else None


async def settle(conn: Connection, sha256: str, reading: Reading) -> None:
    """Keep what was read; whoever comes second with it changes nothing."""
    look = None if reading.look is None else BitString.frombytes(reading.look.to_bytes(LOOK_BITS // 8))
    traits = Traits.of(reading.sketch, reading.look, reading.found)
    await conn.execute(
        "UPDATE paper_readings SET state = 'read', read_at = now(), leased_until = NULL, source = $2, pages = $3,"
        " sizes = $4, lines = $5, found = $6, invoices = $7, sketch = $8, bands = $9, look = $10"
        " WHERE sha256 = $1 AND state = 'waiting'",
        sha256,
        reading.source,
        reading.pages,
        [list(size) for size in reading.sizes],
        reading.lines,
        [one.to_row() for one in reading.found],
        sorted(traits.invoices),
        list(reading.sketch),
        bands_of(reading.sketch),
        look,
    )


async def give_up(conn: Connection, sha256: str, reason: str) -> None:
    """It can't be read: that is the answer."""
    await conn.execute(
        "UPDATE paper_readings SET state = 'unreadable', read_at = now(), leased_until = NULL, reason = $2"
        " WHERE sha256 = $1 AND state = 'waiting'",
        sha256,
        reason,
    )


async def release(conn: Connection, sha256: str) -> None:
    """A paper that wasn't read waits again at once, behind the others."""
    await conn.execute(
        "UPDATE paper_readings SET leased_until = NULL, queued_at = now() WHERE sha256 = $1 AND state = 'waiting'",
        sha256,
    )
