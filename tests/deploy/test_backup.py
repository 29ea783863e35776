"""A backup is worth what its restore is: to the moment between two commits, to the last one, with the papers."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from deploy.local.backup import BackupFailed, NoBackup, archiving, backup, restore
from deploy.local.postgres import Postgres

_FAST = {"shared_buffers": "16MB", "fsync": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under pytest's own: that one is closed to the user as whom root runs the server."""
    with TemporaryDirectory(prefix="yunjing-backup-") as made:
        yield Path(made)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """The county's database, its log kept."""
    server = Postgres(folder / "postgres", tuning={**archiving(folder / "backups"), **_FAST})
    url = await asyncio.to_thread(server.start)
    conn = await asyncpg.connect(url)
    yield url, conn
    await conn.close()
    await asyncio.to_thread(server.stop)


async def told(conn: asyncpg.Connection, what: str) -> datetime:
    """Commit something; the moment after it, as the database has it."""
    await conn.execute("INSERT INTO deeds VALUES ($1)", what)
    await asyncio.sleep(0.01)
    moment: datetime = await conn.fetchval("SELECT clock_timestamp()")
    return moment


async def deeds(conn: asyncpg.Connection) -> list[str]:
    return [row["what"] for row in await conn.fetch("SELECT what FROM deeds ORDER BY 1")]


async def test_back_to_between_two_commits_and_to_the_last(folder: Path) -> None:
    papers = folder / "data"
    (papers / "documents").mkdir(parents=True)
    (papers / "documents" / "digest").write_bytes(b"%PDF")
    async with serving(folder) as (url, conn):
        await conn.execute("CREATE TABLE deeds (what text)")
        await told(conn, "1 before the copy")
        await asyncio.to_thread(backup, url, folder / "backups", papers)
        between = await told(conn, "2 after it")
        await told(conn, "3 the mistake")
        # One segment is in the archive, what comes next only in the server's own log.
        await conn.execute("SELECT pg_switch_wal()")
        await told(conn, "4 the last")
    (papers / "documents" / "digest").unlink()

    former = await asyncio.to_thread(restore, folder / "postgres", folder / "backups", papers)
    assert former is not None
    assert (former / "PG_VERSION").exists()
    assert (papers / "documents" / "digest").read_bytes() == b"%PDF"
    async with serving(folder) as (_, conn):
        assert await deeds(conn) == ["1 before the copy", "2 after it", "3 the mistake", "4 the last"]

    await asyncio.to_thread(restore, folder / "postgres", folder / "backups", papers, at=between)
    async with serving(folder) as (_, conn):
        assert await deeds(conn) == ["1 before the copy", "2 after it"]
        await told(conn, "and on it goes")


def test_a_damaged_copy_is_not_restored(folder: Path) -> None:
    base = folder / "backups" / "base" / "20261125T010000.000000Z"
    base.mkdir(parents=True)
    (base / "file").write_bytes(b"changed")
    told = {"Files": [{"Path": "file", "Checksum": hashlib.sha256(b"as it was").hexdigest()}]}
    (base / "backup_manifest").write_text(json.dumps(told))
    with pytest.raises(BackupFailed, match="damaged"):
        restore(folder / "postgres", folder / "backups", folder / "data")


async def test_there_is_no_way_back_to_before_the_first_copy(folder: Path) -> None:
    with pytest.raises(NoBackup):
        restore(folder / "postgres", folder / "backups", folder / "data")
    (folder / "backups" / "base" / "20261125T010000.000000Z").mkdir(parents=True)
    with pytest.raises(NoBackup, match="2026-11-25 01:00"):
        restore(folder / "postgres", folder / "backups", folder / "data", at=datetime.now(UTC) - timedelta(days=9999))
