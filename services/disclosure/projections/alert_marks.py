"""Alerts, for nothing but their number in a year: for the system alone, without their case, rule or content."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.alerts import Alert, AlertWithdrawn
from shared.db import Connection
from shared.workdays import SHANGHAI

_PROMPT = "prompt"
_ADD = """
INSERT INTO alert_marks (alert_id, revision, village_code, year, counts)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::boolean[])
ON CONFLICT DO NOTHING
"""
# An alert counts in the year in which it first did, where and as it stood when that year was over.
_COUNT = """
WITH concerned AS (
    SELECT DISTINCT alert_id FROM alert_marks WHERE village_code = ANY($1)
), standing AS (
    SELECT DISTINCT ON (w.code, m.alert_id) w.code, w.until, m.alert_id, m.village_code, m.counts
    FROM unnest($1::text[], $2::int[]) AS w (code, until)
    JOIN alert_marks m ON m.year <= w.until AND m.alert_id IN (SELECT alert_id FROM concerned)
    ORDER BY w.code, m.alert_id, m.revision DESC
)
SELECT code, count(*) FROM standing s
WHERE counts AND village_code = code
  AND until = (SELECT min(year) FROM alert_marks f WHERE f.alert_id = s.alert_id AND f.counts)
GROUP BY code
"""


@dataclass(frozen=True)
class Mark:
    """What one revision of an alert says: whether it counts, where, and in which year that was told."""

    alert_id: str
    revision: int
    village_code: str
    year: int
    counts: bool

    @classmethod
    def of(cls, event: Alert | AlertWithdrawn, told_at: datetime) -> "Mark":
        """A prompt to the person at work is no alert about the village."""
        counts = isinstance(event, Alert) and event.grade != _PROMPT
        year = told_at.astimezone(SHANGHAI).year
        return cls(event.alert_id, event.revision, event.village_code, year, counts)


async def add(conn: Connection, marks: Sequence[Mark]) -> None:
    """Put marks down; one that is there changes nothing."""
    await conn.execute(
        _ADD,
        [UUID(mark.alert_id) for mark in marks],
        [mark.revision for mark in marks],
        [mark.village_code for mark in marks],
        [mark.year for mark in marks],
        [mark.counts for mark in marks],
    )


async def villages_of(conn: Connection, alert_ids: Iterable[str]) -> set[str]:
    """Where these alerts were counted before."""
    rows = await conn.fetch(
        "SELECT DISTINCT village_code FROM alert_marks WHERE alert_id = ANY($1::uuid[])", sorted(set(alert_ids))
    )
    return {row["village_code"] for row in rows}


async def count(conn: Connection, years: Collection[tuple[str, int]]) -> dict[str, int]:
    """How many alerts each of these villages had in the year that is named beside it."""
    wanted = sorted(years)
    rows = await conn.fetch(_COUNT, [code for code, _ in wanted], [year for _, year in wanted])
    return {code: 0 for code, _ in wanted} | {row["code"]: row["count"] for row in rows}
