"""Works import jobs: reads the file, checks its rows, takes them over. Each chunk is a transaction with its progress.

A worker that dies leaves its lease to run out; another goes on behind the last chunk that was committed, so no row is
lost and none is taken twice. Between two chunks of a large file it lets a much smaller one by, from its start to its
end: whoever brings a page of rows doesn't wait for a county's history.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from asyncpg import DataError

from services.approval import flows
from services.approval.cases import RoleHolder
from services.approval.imports import jobs, waiting
from services.approval.imports.columns import called
from services.approval.imports.files import rows_of
from services.approval.imports.jobs import Job
from services.approval.imports.layout import Sheet
from services.approval.imports.mapping import Mapping
from services.approval.imports.records import Record, RowFault
from services.approval.imports.rows import RowReader, nothing_found
from services.approval.imports.take import take_batch
from shared.background import every, woken
from shared.db import DATABASE_FAULTS, Database, Scope
from shared.headers import IGNORED
from shared.problems import Problem
from shared.settings import Settings
from shared.telemetry import logger

_CHUNK = 400
log = logger("imports")
_LOOK_SECONDS = 5.0
_LEASE = timedelta(seconds=60)
# A file waits, between two chunks, for one of an eighth of its size.
_MUCH_SMALLER = 8
Between = Callable[[Job], Awaitable[None]]


def file_of(data_dir: Path, job_id: UUID) -> Path:
    """Where a job's file lies until the job ends."""
    return data_dir / "imports" / str(job_id)


@dataclass
class _File:
    """A file as it is read, in the order that never changes: what is hidden in it, then its rows and faults."""

    job: Job
    path: Path
    secret: str
    sheets: list[Sheet] = field(default_factory=list)

    def rows(self) -> Iterator[Record | RowFault]:
        """All of them; raises `SheetRefused`."""
        mapping = Mapping.model_validate(self.job.mapping)
        reader = RowReader(flows.load(), self.secret, self.job.region_code, mapping, self.sheets.append)
        return rows_of(self.path, self.job.file_name, reader)


class Worker:
    """One process's worker. `wake` has it look at once."""

    def __init__(self, db: Database, settings: Settings, *, lease: timedelta = _LEASE) -> None:
        self._db = db
        self._settings = settings
        self._lease = lease
        self._id = uuid4()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Work whatever comes, until cancelled."""

        async def look() -> bool:
            self._woken.clear()
            if not await self.work():
                await woken(self._woken, _LOOK_SECONDS)
            return True

        await every(_LOOK_SECONDS, "imports", look)

    async def work(self, only: UUID | None = None) -> Job | None:
        """Work one job until it rests or is lost; none when none waits."""
        async with self._db.begin(Scope.system()) as conn:
            job = await jobs.claim(conn, self._id, self._lease, only)
        return await self._work(job, self._go_on if only else self._let_by) if job else None

    async def _work(self, job: Job, between: Between) -> Job:
        going: Job | None = job
        try:
            while going and not going.resting:
                job = going
                if going.state == "reading":
                    going = await self._read(going, between)
                else:
                    await between(going)
                    going = await self._pass(going)
        except Exception as error:
            if isinstance(error, DATABASE_FAULTS) and not isinstance(error, DataError):
                raise
            # A file that we stumble over must not hold up those behind it.
            log.exception("imports.stumbled", job_id=str(job.job_id))
            going = await self._refuse(job, _Stumbled())
        finally:
            async with self._db.begin(Scope.system()) as conn:
                await jobs.release(conn, job.job_id, self._id)
        if going and going.ended:
            await asyncio.to_thread(self.file(going.job_id).unlink, missing_ok=True)
        return going or job

    async def _let_by(self, job: Job) -> None:
        """Work one much smaller job that waits; after it the large one has its next chunk, so neither stands."""
        async with self._db.begin(Scope.system()) as conn:
            await jobs.hold_all(conn, self._id, self._lease)
            small = await jobs.claim(conn, self._id, self._lease, below=job.size // _MUCH_SMALLER)
        if small:
            await self._work(small, self._let_by)

    async def _go_on(self, job: Job) -> None:
        """Nobody else is let by: who asked for one job waits for that one."""

    def file(self, job_id: UUID) -> Path:
        """Where a job's file lies."""
        return file_of(self._settings.data_dir, job_id)

    async def _read(self, job: Job, between: Between) -> Job | None:
        """Read the file to its end, from where it was left."""
        file = _File(job, self.file(job.job_id), self._settings.identity_secret)
        going: Job | None = job
        try:
            rows = file.rows()
            left = job.read
            while going and left:
                # What was read before is read over; the lease must not run out meanwhile.
                left -= len(await asyncio.to_thread(_chunk, rows, min(left, _CHUNK)))
                async with self._db.begin(job.scope) as conn:
                    going = await jobs.hold(conn, job, self._id, self._lease)
            while going:
                await between(going)
                chunk = await asyncio.to_thread(_chunk, rows, _CHUNK)
                if not chunk:
                    return await self._end_reading(going, file)
                going = await self._keep(going, chunk)
        except (Problem, OSError) as error:
            return await self._refuse(going or job, error)
        return None

    async def _keep(self, job: Job, chunk: list[Record | RowFault]) -> Job | None:
        records = [(job.read + at, row) for at, row in enumerate(chunk) if isinstance(row, Record)]
        faults = [row for row in chunk if isinstance(row, RowFault)]
        async with self._db.begin(job.scope) as conn:
            held = await jobs.hold(conn, job, self._id, self._lease)
            if held is None or held.read != job.read:
                return None
            await waiting.keep(conn, held, records)
            return await jobs.has_read(
                conn,
                held,
                read=len(chunk),
                rows=len(records),
                faults=faults,
                notices=sum(not fault.grave for fault in faults),
                unmapped=sum(fault.header and fault.grave for fault in faults),
            )

    async def _end_reading(self, job: Job, file: _File) -> Job | None:
        if not job.rows and not job.faults:
            return await self._refuse(job, nothing_found())
        async with self._db.begin(job.scope) as conn:
            held = await jobs.hold(conn, job, self._id, self._lease)
            return await jobs.is_read(conn, held, [_shown(sheet) for sheet in file.sheets]) if held else None

    async def _refuse(self, job: Job, error: Problem | OSError) -> Job | None:
        zh, en = "文件已不在,请重新上传", "The file is gone: upload it again"
        if isinstance(error, Problem):
            zh, en = error.detail_zh or error.title_zh, error.detail_en or error.title_en
        async with self._db.begin(job.scope) as conn:
            held = await jobs.hold(conn, job, self._id, self._lease)
            return await jobs.is_refused(conn, held, zh, en) if held else None

    async def _pass(self, job: Job) -> Job | None:
        """Check or take the next cases."""
        async with self._db.begin(job.scope) as conn:
            held = await jobs.hold(conn, job, self._id, self._lease)
            if held is None:
                return None
            keep = held.state == "taking"
            batch = await waiting.next_cases(conn, held, flows.load())
            if not batch:
                return await (jobs.is_done if keep else jobs.is_checked)(conn, held)
            importer = RoleHolder(held.person_key, held.name, frozenset())
            made = await take_batch(conn, batch, importer, keep=keep)
            changed: dict[str, Any] = {"worked": held.worked + len(batch)}
            changed["at_village"], changed["at_case"] = batch[-1].case
            if keep:
                changed["cases_opened"] = held.cases_opened + made.opened
                changed["nodes_recorded"] = held.nodes_recorded + made.nodes
                changed["rows_repeated"] = held.rows_repeated + made.repeated
            else:
                await jobs.add_faults(conn, held, made.faults)
                changed["faults"] = held.faults + len(made.faults)
            return await jobs.has_worked(conn, held, **changed)


class _Stumbled(Problem):
    """A fault of ours."""

    status, code = 500, "import-stumbled"
    title_zh, title_en = "导入中断,原因已记录,请联系管理员", "The import broke off; the cause is in the log"


def _chunk(rows: Iterator[Record | RowFault], most: int) -> list[Record | RowFault]:
    return list(itertools.islice(rows, most))


def _shown(sheet: Sheet) -> dict[str, Any]:
    """A sheet as the mapping's page shows it."""
    columns = []
    for at, (title, target) in enumerate(zip(sheet.titles, sheet.targets, strict=True)):
        if title:
            likely = sheet.proposals(at) if not target else []
            named = called(target) if target else None
            columns.append(
                {
                    "title": title,
                    "place": sheet.place(at),
                    "target": target,
                    "ignored": target == IGNORED,
                    "zh": named.zh if named else "",
                    "en": named.en if named else "",
                    "unit": sheet.units[at],
                    "proposals": likely,
                }
            )
    return {
        "name": sheet.name,
        "line": sheet.line,
        "flow": sheet.flow,
        "node": sheet.node,
        "skipped": sheet.skipped,
        "missing": list(sheet.missing),
        "columns": columns,
    }


async def forget_old(db: Database, settings: Settings) -> None:
    """Cancel and drop jobs of long ago, with their files."""
    async with db.begin(Scope.system()) as conn:
        left = await jobs.forget_old(conn)
    for job_id in left:
        with suppress(OSError):
            await asyncio.to_thread(file_of(settings.data_dir, job_id).unlink, missing_ok=True)
