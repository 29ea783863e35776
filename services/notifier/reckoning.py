"""Every notice is accounted for: a work that looks for alerts and events that should have gone on and did not, raises
them as findings and measures, and whose own heartbeat goes stale when it stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.background import every
from shared.db import Connection, Database, Scope
from shared.telemetry import NOTICES_LOST, RECKONED, logger

# Each hole's query: the alerts (NULL for what is no single alert's) of which it is true since $1 or before, and when.
_QUERIES = {
    "no_desk": """
        SELECT a.alert_id, a.updated_at AS since FROM alerts a
        WHERE NOT a.finished AND a.state <> 'withdrawn' AND a.updated_at <= $1
          AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.alert_id = a.alert_id AND i.removed_at IS NULL)
    """,
    "unread": """
        SELECT a.alert_id, a.raised_at AS since FROM alerts a
        WHERE a.grade = 'red' AND a.state = 'pushed' AND a.raised_at <= $1
          AND NOT EXISTS (SELECT 1 FROM readings r WHERE r.alert_id = a.alert_id AND r.seat = ANY (a.desks))
    """,
    "not_escalated": """
        SELECT a.alert_id, coalesce(a.escalate_at, a.due_by) AS since FROM alerts a
        WHERE NOT a.finished AND (a.escalate_at <= $1
              OR a.escalate_at IS NULL AND a.state = 'pushed' AND a.due_by <= $1 AND NOT a.escalated)
    """,
    "not_told": "SELECT NULL::uuid AS alert_id, min(time) AS since FROM outbox HAVING min(time) <= $1",
    "not_fanned_out": """
        SELECT NULL::uuid AS alert_id, min(e.at) AS since FROM stream_events e
        WHERE e.position > (SELECT position FROM delivery_progress) HAVING min(e.at) <= $1
    """,
}
_RAISE = """
INSERT INTO reckoning_findings (kind, alert_id, since, found_at)
SELECT $1, hole.alert_id, hole.since, $4 FROM unnest($2::uuid[], $3::timestamptz[]) AS hole (alert_id, since)
ON CONFLICT (kind, alert_id) WHERE ended_at IS NULL DO NOTHING
"""
_END = """
UPDATE reckoning_findings SET ended_at = $3
WHERE kind = $1 AND ended_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM unnest($2::uuid[]) AS hole (id) WHERE hole.id IS NOT DISTINCT FROM reckoning_findings.alert_id)
"""
_BEAT = """
INSERT INTO reckoning_beat (at) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET at = greatest(reckoning_beat.at, $1)
"""
# Of several instances one reckons at a time.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('reckoning'), hashtext(current_schema()))"
log = logger("reckoning")


class Hole(BaseModel):
    """A kind of hole: how long until it is one, and what it is called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: int
    zh: str
    en: str


class Book(BaseModel):
    """The whole of `reckoning.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_seconds: float
    stale_after_seconds: float
    holes: Mapping[str, Hole]


@dataclass(frozen=True)
class Finding:
    """A hole that is open now; `alert_id` is None where it concerns no single alert."""

    kind: str
    alert_id: str | None
    since: datetime


@cache
def book() -> Book:
    """The terms; raises pydantic's error at start when the file is malformed, `KeyError` for an unknown hole."""
    told = Book.model_validate(yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")))
    if told.holes.keys() != _QUERIES.keys():
        raise KeyError(f"reckoning.yaml: {sorted(told.holes.keys() ^ _QUERIES.keys())}")
    return told


class Reckoning:
    """The work, and whether it is still at it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last = datetime.now(UTC)

    @property
    def beating(self) -> bool:
        """Whether a round was completed lately; `/readyz` asks."""
        return datetime.now(UTC) - self._last < timedelta(seconds=book().stale_after_seconds)

    async def run(self) -> None:
        """Reckon until cancelled; a fault of the database is waited out, and the heartbeat stands still meanwhile."""

        async def look() -> bool:
            await self.reckon(datetime.now(UTC))
            return False

        await every(book().every_seconds, "reckoning", look)

    async def reckon(self, now: datetime) -> None:
        """One round at `now` (UTC): raise new holes, end those that are filled, and beat."""
        async with self._db.begin(Scope.system()) as conn:
            if await conn.fetchval(_LOCK):
                for kind in _QUERIES:
                    await _account(conn, kind, now)
                await conn.execute(_BEAT, now)
        self._last = datetime.now(UTC)
        RECKONED.set(now.timestamp())


async def _account(conn: Connection, kind: str, now: datetime) -> None:
    rows = await conn.fetch(_QUERIES[kind], now - timedelta(minutes=book().holes[kind].minutes))
    alerts, since = [row["alert_id"] for row in rows], [row["since"] for row in rows]
    raised = await conn.execute(_RAISE, kind, alerts, since, now)
    await conn.execute(_END, kind, alerts, now)
    NOTICES_LOST.labels(kind).set(len(rows))
    if new := int(raised.split()[-1]):
        log.error("reckoning.found", kind=kind, new=new, open=len(rows))


async def standing(conn: Connection, limit: int = 100) -> list[Finding]:
    """The holes that are open now and the caller may know of, the oldest first."""
    rows = await conn.fetch(
        "SELECT kind, alert_id::text, since FROM reckoning_findings WHERE ended_at IS NULL ORDER BY since, id LIMIT $1",
        limit,
    )
    return [Finding(row["kind"], row["alert_id"], row["since"]) for row in rows]


async def last_beat(conn: Connection) -> datetime | None:
    """When the last round was completed, by whichever instance."""
    at: datetime | None = await conn.fetchval("SELECT at FROM reckoning_beat")
    return at
