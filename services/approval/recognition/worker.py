"""Reads what waits, one paper at a time, and tells the detector what stands on it.

Each step is a transaction of its own: whoever kills the worker loses nothing but the paper it was at, which waits again
when its lease has run out.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from services.approval.documents import shelf
from services.approval.recognition import queue
from services.approval.recognition.pictures import pictures_of
from services.approval.recognition.queue import Job
from services.approval.recognition.reading import Reading
from services.approval.recognition.telling import tell
from shared.background import every
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from shared.shelves import NotOnTheShelf, nearby
from shared.telemetry import logger

_LOOK_SECONDS = 2.0
_READ_SECONDS = 180.0
_MARGIN = timedelta(seconds=60)
_MOST_ATTEMPTS = 3
_LONGEST_ANSWER = 4 * 1024 * 1024
log = logger("recognition")


class ReaderDied(Exception):
    """The reader ended before it answered."""


class Reader:
    """The process that opens the papers, started when there is one, and anew when it died or was too slow."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, asked: dict[str, str], seconds: float) -> dict[str, Any]:
        """Its answer; raises `TimeoutError` and `ReaderDied`, and it is gone then."""
        process = await self._running()
        assert process.stdin
        assert process.stdout
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(json.dumps(asked).encode() + b"\n")
                await process.stdin.drain()
                answer = await process.stdout.readline()
                told: dict[str, Any] = json.loads(answer)
                return told
        except TimeoutError:
            await self.stop()
            raise
        except (ConnectionError, ValueError) as error:
            await self.stop()
            raise ReaderDied from error

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.approval.recognition.reader",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LONGEST_ANSWER,
            )
        return self._process


class Worker:
    """One process's worker."""

    def __init__(self, db: Database, settings: Settings, reader: Reader, *, seconds: float = _READ_SECONDS) -> None:
        self._db = db
        self._shelf = shelf(settings)
        self._data_dir = settings.data_dir
        self._reader = reader
        self._seconds = seconds

    async def run(self) -> None:
        """Read whatever comes, until cancelled."""

        async def look() -> bool:
            read = await self.read_one()
            return await self.tell() > 0 or read is not None

        await every(_LOOK_SECONDS, "recognition", look)

    async def read_one(self) -> Job | None:
        """Read the paper that has waited longest; None when none waits."""
        async with self._db.begin(Scope.system()) as conn:
            job = await queue.claim(conn, timedelta(seconds=self._seconds) + _MARGIN)
        if job is None:
            return None
        if job.attempts > _MOST_ATTEMPTS:
            answer: dict[str, Any] = {"unreadable": "died"}
        else:
            answer = await self._answer(job)
        async with self._db.begin(Scope.system()) as conn:
            await _keep(conn, job, answer)
        log.info("recognition.read", sha256=job.sha256, attempts=job.attempts, unreadable=answer.get("unreadable"))
        return job

    async def tell(self) -> int:
        """Publish what was read and isn't told yet; how many papers at nodes."""
        async with self._db.begin(Scope.system()) as conn:
            return await tell(conn)

    async def _answer(self, job: Job) -> dict[str, Any]:
        asked = {"media_type": job.media_type, "pictures": str(pictures_of(self._data_dir, job.sha256))}
        try:
            async with nearby(self._shelf, job.sha256) as path:
                return await self._reader.ask({"path": str(path), **asked}, self._seconds)
        except NotOnTheShelf:
            return {"unreadable": "died"}
        except TimeoutError:
            return {"unreadable": "too_slow"}
        except ReaderDied:
            return {}


async def _keep(conn: Connection, job: Job, answer: dict[str, Any]) -> None:
    if "reading" in answer:
        await queue.settle(conn, job.sha256, Reading.from_row(answer["reading"]))
    elif "unreadable" in answer:
        await queue.give_up(conn, job.sha256, str(answer["unreadable"]))
    else:
        await queue.release(conn, job.sha256)


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    """A worker with its connections and its reader."""
    db, reader = Database(settings, "approval"), Reader()
    await db.open()
    try:
        yield Worker(db, settings, reader)
    finally:
        await reader.stop()
        await db.close()
