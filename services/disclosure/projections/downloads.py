"""The made files of the open data in PostgreSQL: replaced all at once, read part by part by any replica."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from services.disclosure.opendata.catalogue import Download
from shared.db import Connection, Database, Scope

Coding = Literal["", "gzip"]
PART_BYTES = 512 * 1024
_KEPT = "interval '1 hour'"
_NOW = "SELECT * FROM downloads WHERE replaced_at IS NULL AND (true_until IS NULL OR true_until > now())"
_HELD = "SELECT * FROM downloads WHERE replaced_at IS NULL FOR UPDATE"
_STATE = "SELECT max(state) AS state, max(checked_at) AS at FROM downloads WHERE replaced_at IS NULL"
_ADD = """
INSERT INTO downloads (blob, name, coding, media_type, etag, source, size, rows, state, true_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


@dataclass(frozen=True)
class Made:
    """A file that was made: `source` is the fingerprint of what it says, whatever form that has."""

    name: str
    coding: Coding
    media_type: str
    source: str
    rows: int
    path: Path


@dataclass(frozen=True)
class Stored:
    """A file as it is served."""

    blob: UUID
    name: str
    coding: str
    media_type: str
    etag: str
    size: int
    made_at: datetime


async def save(conn: Connection, files: Sequence[Made], state: str, true_until: datetime) -> None:
    """Put files in the place of those that were there, in the caller's transaction: all or none.

    One that says the same as before stays as it is; what is no longer made goes. Beyond `true_until` none is served.
    """
    held = {(row["name"], row["coding"]): row for row in await conn.fetch(_HELD)}
    same = [f for f in files if (old := held.get((f.name, f.coding))) and old["source"] == f.source]
    kept = [held[each.name, each.coding]["blob"] for each in same]
    await conn.execute("UPDATE downloads SET replaced_at = now() WHERE replaced_at IS NULL AND blob <> ALL($1)", kept)
    await conn.execute(
        "UPDATE downloads SET state = $1, true_until = $2, checked_at = now() WHERE blob = ANY($3)",
        state,
        true_until,
        kept,
    )
    for file in files:
        if file not in same:
            await _add(conn, file, state, true_until)
    await conn.execute(f"DELETE FROM downloads WHERE replaced_at < now() - {_KEPT}")


async def alone(conn: Connection) -> None:
    """Wait until no other transaction puts files in place or takes them away, and keep others from it until the end."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('downloads.kept'), hashtext(current_schema()))")


async def take_away(conn: Connection) -> None:
    """No file is served until they are made anew: something in them is no longer public.

    In the transaction that takes it out of the cases: files of before are either in place by now, or never will be.
    """
    await alone(conn)
    await conn.execute("UPDATE downloads SET replaced_at = now() WHERE replaced_at IS NULL")


async def state(conn: Connection) -> tuple[str, datetime] | None:
    """Of which state of the cases the files were made, and when that was; none when there are none."""
    row = await conn.fetchrow(_STATE)
    return (row["state"], row["at"]) if row and row["state"] else None


async def find(conn: Connection, name: str) -> dict[str, Stored]:
    """A file by its coding; empty when there is none of this name."""
    rows = await conn.fetch(f"{_NOW} AND name = $1", name)
    return {row["coding"]: _stored(row) for row in rows}


async def listed(conn: Connection) -> list[Download]:
    """All files there are, by name."""
    rows = await conn.fetch(f"{_NOW} AND coding = '' ORDER BY name")
    return [
        Download(
            name=row["name"],
            media_type=row["media_type"],
            size=row["size"],
            rows=row["rows"],
            made_at=row["made_at"],
        )
        for row in rows
    ]


async def read(db: Database, file: Stored, start: int, stop: int) -> AsyncIterator[bytes]:
    """The bytes from `start` up to `stop`, a part in a transaction at a time: no connection waits for a slow reader."""
    for number in range(start // PART_BYTES, (stop + PART_BYTES - 1) // PART_BYTES):
        async with db.begin(Scope.public(), readonly=True) as conn:
            part: bytes | None = await conn.fetchval(
                "SELECT bytes FROM download_parts WHERE blob = $1 AND number = $2", file.blob, number
            )
        if part is None:
            # Replaced more than an hour ago: the answer breaks off, and whoever asks on meets another ETag.
            raise ConnectionResetError
        begins = number * PART_BYTES
        yield part[max(0, start - begins) : max(0, stop - begins)]


async def _add(conn: Connection, file: Made, state: str, true_until: datetime) -> None:
    blob, digest = uuid4(), hashlib.sha256()
    for part in _parts(file.path):
        digest.update(part)
    size, etag = file.path.stat().st_size, f'"{digest.hexdigest()[:32]}"'
    values = blob, file.name, file.coding, file.media_type, etag, file.source, size, file.rows, state, true_until
    await conn.execute(_ADD, *values)
    parts: Iterable[tuple[Any, ...]] = ((blob, number, part) for number, part in enumerate(_parts(file.path)))
    await conn.executemany("INSERT INTO download_parts (blob, number, bytes) VALUES ($1, $2, $3)", parts)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part


def _stored(row: Any) -> Stored:
    return Stored(**{name: row[name] for name in Stored.__dataclass_fields__})
