"""Back-tests of drafts: started as processes of their own, watched, cancelled, and their results read."""

import asyncio
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from services.detector.backtesting import Difference, Kind, State
from services.detector.drafts import Draft
from services.detector.errors import BacktestBusy, NoSuchBacktest
from shared.background import stopped
from shared.contracts.alerts import Bilingual
from shared.db import ROOT, Connection, Database, Scope
from shared.settings import Settings
from shared.telemetry import logger

MOST_AT_ONCE = 2
# A run whose process died with the machine never says so: it no longer stirs.
_DEAD = "stirred_at < now() - interval '3 minutes'"
_BURY = f"""
UPDATE backtests SET state = 'failed', ended_at = now(), message = 'it no longer stirred'
WHERE state = 'running' AND {_DEAD}
"""
_RUNNING = (
    "SELECT count(*) AS total, count(*) FILTER (WHERE draft_id = $1) AS own FROM backtests WHERE state = 'running'"
)
_ENDED = """
UPDATE backtests SET state = $2, message = $3, ended_at = now(), stirred_at = now()
WHERE id = $1 AND state = 'running' RETURNING id
"""
_PROGRESS = """
UPDATE backtests SET keys = $2, judged = $3, stirred_at = now() WHERE id = $1 AND state = 'running' RETURNING id
"""
_DONE = """
UPDATE backtests SET state = 'done', ended_at = now(), stirred_at = now(), judged = keys, before = $2, after = $3,
    more = $4, fewer = $5, regraded = $6, faults = $7
WHERE id = $1 AND state = 'running' RETURNING id
"""
_KEEP = """
INSERT INTO backtest_differences
    (backtest_id, position, kind, alert_id, grade_before, grade_after, village_code, case_nos, explanation)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_DIFFERENCES = """
SELECT position, kind, alert_id::text, grade_before, grade_after, village_code, case_nos, explanation
FROM backtest_differences
WHERE backtest_id = $1 AND position > $2 AND ($3::text IS NULL OR kind = $3) ORDER BY position LIMIT $4
"""
log = logger("backtests")


@dataclass(frozen=True)
class Backtest:
    """A run over the history: how far it is, and once done how many alerts there are without and with the change."""

    id: uuid.UUID
    draft_id: uuid.UUID
    region_code: str
    state: State
    keys: int
    judged: int
    before: int
    after: int
    more: int
    fewer: int
    regraded: int
    faults: int
    message: str
    started_at: datetime
    ended_at: datetime | None


_COLUMNS = ", ".join(field.name for field in fields(Backtest))


async def open_run(conn: Connection, draft: Draft) -> Backtest:
    """Make room for a run; raises `BacktestBusy`. `conn` sees all regions."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('backtests'))")
    await conn.execute(_BURY)
    running = await conn.fetchrow(_RUNNING, draft.id)
    assert running
    if running["own"]:
        raise BacktestBusy("这份草案正在回测", "This draft is being back-tested")
    if running["total"] >= MOST_AT_ONCE:
        raise BacktestBusy(f"最多同时回测 {MOST_AT_ONCE} 份草案,请稍后再试", f"At most {MOST_AT_ONCE} run at a time")
    row = await conn.fetchrow(
        f"INSERT INTO backtests (id, draft_id, region_code, state) VALUES ($1, $2, $3, 'running') RETURNING {_COLUMNS}",
        uuid.uuid4(),
        draft.id,
        draft.region_code,
    )
    assert row
    return Backtest(**row)


async def latest(conn: Connection, draft_id: uuid.UUID) -> Backtest:
    """The last run of a draft; raises `NoSuchBacktest`."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM backtests WHERE draft_id = $1 ORDER BY started_at DESC LIMIT 1", draft_id
    )
    if row is None:
        raise NoSuchBacktest("请先启动回测", "Start one first")
    return Backtest(**row)


async def was_done(conn: Connection, draft_id: uuid.UUID) -> bool:
    """Whether a run of the draft came to its end."""
    return bool(
        await conn.fetchval("SELECT EXISTS (SELECT FROM backtests WHERE draft_id = $1 AND state = 'done')", draft_id)
    )


async def end(conn: Connection, id: uuid.UUID, state: State, message: str) -> bool:
    """End a run that is not done; false when it had ended."""
    return await conn.fetchval(_ENDED, id, state, message) is not None


async def progress(conn: Connection, id: uuid.UUID, keys: int, judged: int) -> bool:
    """Say how far a run is; false when it was cancelled."""
    return await conn.fetchval(_PROGRESS, id, keys, judged) is not None


async def finish(
    conn: Connection, id: uuid.UUID, differences: Sequence[Difference], *, before: int, after: int, faults: int
) -> None:
    """Keep what a run came to, unless it was cancelled."""
    kinds = [difference.kind for difference in differences]
    counts = (kinds.count("more"), kinds.count("fewer"), kinds.count("regraded"))
    if await conn.fetchval(_DONE, id, before, after, *counts, faults) is None:
        return
    await conn.executemany(
        _KEEP,
        [
            (
                id,
                position,
                one.kind,
                one.alert_id,
                one.grade_before,
                one.grade_after,
                one.village_code,
                list(one.case_nos),
                one.explanation.model_dump(),
            )
            for position, one in enumerate(differences, start=1)
        ],
    )


async def differences(
    conn: Connection, id: uuid.UUID, *, kind: Kind | None, after: int, limit: int
) -> list[tuple[int, Difference]]:
    """What a run found, with each one's position, behind a position."""
    rows = await conn.fetch(_DIFFERENCES, id, after, kind, limit)
    return [(row["position"], _difference(row)) for row in rows]


def _difference(row: Mapping[str, Any]) -> Difference:
    told = {field.name: row[field.name] for field in fields(Difference)}
    return Difference(
        **{**told, "case_nos": tuple(row["case_nos"]), "explanation": Bilingual.model_validate(row["explanation"])}
    )


class Runner:
    """Starts runs as processes of low priority and notes those that fail. `stop` ends all of them."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._watched: set[asyncio.Task[None]] = set()

    def start(self, id: uuid.UUID) -> None:
        """Start the process of a run."""
        task = asyncio.create_task(self._run(id))
        self._watched.add(task)
        task.add_done_callback(self._watched.discard)

    async def stop(self) -> None:
        """End the runs that were started here."""
        await stopped(self._watched)

    async def _run(self, id: uuid.UUID) -> None:
        values = self._settings.model_dump(mode="json", exclude_none=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "services.detector.backtest", str(id)),
            cwd=ROOT,
            env=os.environ | {name.upper(): str(value) for name, value in values.items()},
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            code = -1
        if code != 0:
            log.warning("backtest.failed", code=code)
            async with self._db.begin(Scope.system()) as conn:
                await end(conn, id, "failed", f"the process ended with {code}")
