"""Import jobs in PostgreSQL: made by an upload, claimed by one worker at a time, moved on chunk by chunk.

Each change of a job that is being worked goes through `hold`: whoever has lost its lease changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from uuid import UUID

from asyncpg import Record as Row

from services.approval.imports.errors import ImportNotFound, ImportNotReady
from services.approval.imports.mapping import Mapping
from services.approval.imports.records import RowFault
from shared.db import Connection, Scope, region_prefix
from shared.principals import Principal

State = Literal["reading", "checking", "checked", "taking", "done", "cancelled", "refused"]
Wish = Literal["look", "all", "good"]
MOST_FAULTS = 10_000
_KEPT = timedelta(days=14)
_FORGOTTEN = timedelta(days=90)


@dataclass(frozen=True)
class Job:
    """One file on its way in. `worked` counts rows checked in state `checking`, taken over in `taking`."""

    job_id: UUID
    region_code: str
    subject: str
    person_key: str
    name: str
    file_name: str
    sha256: str
    size: int
    mapping: dict[str, Any]
    mapping_name: str | None
    wish: Wish
    state: State
    sheets: list[dict[str, Any]]
    read: int
    rows: int
    faults: int
    notices: int
    unmapped: int
    worked: int
    at_village: str
    at_case: str
    cases_opened: int
    nodes_recorded: int
    rows_repeated: int
    refused_zh: str
    refused_en: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("done", "cancelled", "refused")

    @property
    def resting(self) -> bool:
        """Whether no worker is wanted."""
        return self.ended or self.state == "checked"

    @property
    def scope(self) -> Scope:
        """What its rows may reach: the region it is for, and the papers of whoever uploaded it."""
        return Scope(regions=region_prefix(self.region_code), roles="", subject=self.subject, person=self.person_key)

    @classmethod
    def of(cls, row: Row) -> Self:
        """A row of the table."""
        return cls(**{name: row[name] for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Job))
_COLUMNS = ", ".join(_NAMES)


async def create(
    conn: Connection,
    job_id: UUID,
    by: Principal,
    *,
    region: str,
    file_name: str,
    sha256: str,
    size: int,
    mapping: Mapping,
    mapping_name: str | None,
    wish: Wish,
) -> Job:
    """A job whose file lies ready under its id."""
    row = await conn.fetchrow(
        "INSERT INTO import_jobs (job_id, region_code, subject, person_key, name, file_name, sha256, size, mapping,"
        f" mapping_name, wish) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {_COLUMNS}",
        job_id,
        region,
        by.subject,
        by.person_key,
        by.name,
        file_name,
        sha256,
        size,
        mapping.model_dump(exclude_defaults=True),
        mapping_name,
        wish,
    )
    return Job.of(row)


async def find(conn: Connection, job_id: UUID) -> Job:
    """A job in the caller's regions; raises `ImportNotFound`."""
    return _found(await conn.fetchrow(f"SELECT {_COLUMNS} FROM import_jobs WHERE job_id = $1", job_id))


async def lock(conn: Connection, job_id: UUID) -> Job:
    """A job to change; raises `ImportNotFound`."""
    return _found(await conn.fetchrow(f"SELECT {_COLUMNS} FROM import_jobs WHERE job_id = $1 FOR UPDATE", job_id))


async def newest(conn: Connection, limit: int) -> list[Job]:
    """The newest jobs in the caller's regions."""
    rows = await conn.fetch(f"SELECT {_COLUMNS} FROM import_jobs ORDER BY created_at DESC, job_id LIMIT $1", limit)
    return [Job.of(row) for row in rows]


def _found(row: Row | None) -> Job:
    if row is None:
        raise ImportNotFound("没有这次导入,或不在您的权限范围内", "No such import within your regions")
    return Job.of(row)


async def take_over(conn: Connection, job: Job, *, good_rows_only: bool) -> Job:
    """Let a job that was checked be taken over; raises `ImportNotReady`."""
    if job.state != "checked":
        raise ImportNotReady("只有检查完毕的导入可以写入", "Only an import that was checked can be taken over")
    if job.unmapped:
        raise ImportNotReady("请先指定不认识的列", "Map the columns first that aren't known")
    if job.faults and not good_rows_only:
        raise ImportNotReady(
            f"{job.faults} 处需要修改;或选择只导入正确的行",
            f"{job.faults} places must be mended, or have only the good rows taken",
        )
    return await _set(conn, job.job_id, state="taking", wish="good" if good_rows_only else "all", worked=0)


async def read_anew(conn: Connection, job: Job, mapping: Mapping, mapping_name: str | None) -> Job:
    """Read a job's file again by another mapping; raises `ImportNotReady`."""
    if job.state not in ("reading", "checking", "checked"):
        raise ImportNotReady("这次导入已经写入或结束", "This import is being taken over, or has ended")
    await conn.execute("DELETE FROM import_rows WHERE job_id = $1", job.job_id)
    await conn.execute("DELETE FROM import_faults WHERE job_id = $1", job.job_id)
    counts = dict.fromkeys(("read", "rows", "faults", "notices", "unmapped", "worked"), 0)
    return await _set(
        conn,
        job.job_id,
        state="reading",
        mapping=mapping.model_dump(exclude_defaults=True),
        mapping_name=mapping_name,
        at_village="",
        at_case="",
        sheets=[],
        leased_by=None,
        **counts,
    )


async def cancel(conn: Connection, job: Job) -> Job:
    """End a job; what was taken over until now stays. Raises `ImportNotReady`."""
    if job.ended:
        raise ImportNotReady("这次导入已经结束", "This import has ended")
    await conn.execute("DELETE FROM import_rows WHERE job_id = $1", job.job_id)
    return await _end(conn, job.job_id, state="cancelled")


async def claim(
    conn: Connection, worker: UUID, lease: timedelta, only: UUID | None = None, *, below: int | None = None
) -> Job | None:
    """The next job that waits for a worker, or `only` that one, or one of fewer bytes than `below`; system scope.

    The smallest is next, and whoever waits grows smaller by it: after an hour a file counts as a sixtieth of itself.
    """
    row = await conn.fetchrow(
        f"""
        UPDATE import_jobs SET leased_by = $1, leased_until = now() + $2 WHERE job_id = (
            SELECT job_id FROM import_jobs
            WHERE state IN ('reading', 'checking', 'taking') AND job_id = coalesce($3, job_id)
              AND size < coalesce($4::bigint, size + 1)
              AND (leased_by IS NULL OR leased_by = $1 OR leased_until < now())
            ORDER BY size / (60 + extract(epoch FROM now() - updated_at)), created_at, job_id
            LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}
        """,
        worker,
        lease,
        only,
        below,
    )
    return Job.of(row) if row else None


async def hold_all(conn: Connection, worker: UUID, lease: timedelta) -> None:
    """Keep all that a worker has for itself while it works one of them; runs with system scope."""
    await conn.execute("UPDATE import_jobs SET leased_until = now() + $2 WHERE leased_by = $1", worker, lease)


async def hold(conn: Connection, job: Job, worker: UUID, lease: timedelta) -> Job | None:
    """The job locked for this transaction; none when it was cancelled or another worker has it by now."""
    row = await conn.fetchrow(
        "UPDATE import_jobs SET leased_until = now() + $3"
        f" WHERE job_id = $1 AND leased_by = $2 AND state = $4 RETURNING {_COLUMNS}",
        job.job_id,
        worker,
        lease,
        job.state,
    )
    return Job.of(row) if row else None


async def release(conn: Connection, job_id: UUID, worker: UUID) -> None:
    """Let others have the job."""
    await conn.execute(
        "UPDATE import_jobs SET leased_by = NULL, leased_until = NULL WHERE job_id = $1 AND leased_by = $2",
        job_id,
        worker,
    )


async def has_read(
    conn: Connection, job: Job, *, read: int, rows: int, faults: Sequence[RowFault], notices: int, unmapped: int
) -> Job:
    """Count what a chunk of the file came to."""
    await add_faults(conn, job, faults)
    return await _set(
        conn,
        job.job_id,
        read=job.read + read,
        rows=job.rows + rows,
        faults=job.faults + len(faults) - notices,
        notices=job.notices + notices,
        unmapped=job.unmapped + unmapped,
    )


async def is_read(conn: Connection, job: Job, sheets: list[dict[str, Any]]) -> Job:
    """The file has been read to its end; without a mapping for all its columns it waits for one."""
    return await _set(conn, job.job_id, state="checked" if job.unmapped else "checking", sheets=sheets)


async def is_checked(conn: Connection, job: Job) -> Job:
    """All rows were checked: taken over at once where that was wished and may be, else it waits for a word."""
    goes_on = job.rows and (job.wish == "good" or (job.wish == "all" and not job.faults))
    return await _set(
        conn,
        job.job_id,
        state="taking" if goes_on else "checked",
        at_village="",
        at_case="",
        worked=0 if goes_on else job.rows,
    )


async def has_worked(conn: Connection, job: Job, **changed: Any) -> Job:
    """Keep how far the rows were checked or taken."""
    return await _set(conn, job.job_id, **changed)


async def is_done(conn: Connection, job: Job) -> Job:
    """All rows were taken over."""
    await conn.execute("DELETE FROM import_rows WHERE job_id = $1", job.job_id)
    return await _end(conn, job.job_id, state="done")


async def is_refused(conn: Connection, job: Job, zh: str, en: str) -> Job:
    """The file can't be read at all."""
    await conn.execute("DELETE FROM import_rows WHERE job_id = $1", job.job_id)
    return await _end(conn, job.job_id, state="refused", refused_zh=zh[:1000], refused_en=en[:1000])


async def add_faults(conn: Connection, job: Job, faults: Sequence[RowFault]) -> None:
    """Keep faults to be shown, up to so many of a job."""
    room = max(0, MOST_FAULTS - job.faults - job.notices)
    kept = faults[:room]
    await conn.execute(
        'INSERT INTO import_faults (job_id, region_code, sheet, line, "column", zh, en, value, grave, header)'
        " SELECT $1, $2, * FROM unnest($3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],"
        " $9::boolean[], $10::boolean[])",
        job.job_id,
        job.region_code,
        *([getattr(fault, name) for fault in kept] for name in _OF_FAULT),
    )


_OF_FAULT = ("sheet", "line", "column", "zh", "en", "value", "grave", "header")


async def faults_of(conn: Connection, job_id: UUID, *, after: int, limit: int) -> list[tuple[int, RowFault]]:
    """What must be mended, and what is told of, in the order it was found."""
    rows = await conn.fetch(
        'SELECT fault_id, sheet, line, "column", zh, en, value, grave, header FROM import_faults'
        " WHERE job_id = $1 AND fault_id > $2 ORDER BY fault_id LIMIT $3",
        job_id,
        after,
        limit,
    )
    return [(row["fault_id"], RowFault(**{name: row[name] for name in _OF_FAULT})) for row in rows]


async def forget_old(conn: Connection) -> list[UUID]:
    """Cancel jobs that nobody went on with and drop old ones; answers whose files go. Runs with system scope."""
    left = await conn.fetch(
        "UPDATE import_jobs SET state = 'cancelled', ended_at = now(), updated_at = now()"
        " WHERE state = 'checked' AND updated_at < now() - $1::interval RETURNING job_id",
        _KEPT,
    )
    ids = [row["job_id"] for row in left]
    await conn.execute("DELETE FROM import_rows WHERE job_id = ANY($1::uuid[])", ids)
    await conn.execute("DELETE FROM import_jobs WHERE ended_at < now() - $1::interval", _FORGOTTEN)
    return ids


async def _end(conn: Connection, job_id: UUID, **changed: Any) -> Job:
    ended: datetime = await conn.fetchval("SELECT now()")
    return await _set(conn, job_id, leased_by=None, leased_until=None, ended_at=ended, **changed)


async def _set(conn: Connection, job_id: UUID, **changed: Any) -> Job:
    named = ", ".join(f"{name} = ${at}" for at, name in enumerate(changed, start=2))
    row = await conn.fetchrow(
        f"UPDATE import_jobs SET {named}, updated_at = now() WHERE job_id = $1 RETURNING {_COLUMNS}",
        job_id,
        *changed.values(),
    )
    return _found(row)
