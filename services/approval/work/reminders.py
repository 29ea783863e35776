"""Terms that come near or have passed are told once each, in one line that other systems can follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.approval.flows import Catalogue
from services.approval.work.inbox import horizons
from services.approval.work.plan import Plan
from services.approval.work.terms import soon_until
from shared.db import Connection, region_prefix

_LOCK = 7_205_110_041
_AT_ONCE = 2000
_TELL = """
INSERT INTO reminders (case_id, sequence, node, village_code, kind, due_at, told_at)
SELECT w.case_id, w.sequence, w.node, w.village_code, told.kind, w.due_at, $1
FROM case_waits w,
  LATERAL (SELECT CASE WHEN w.due_at <= $1 THEN 'overdue' ELSE 'soon' END) AS told (kind)
WHERE w.soonest <= $4 AND w.node IS NOT NULL
  AND w.due_at <= greatest($1, coalesce(($2::jsonb->>w.node)::timestamptz, $3))
  AND NOT EXISTS (SELECT 1 FROM reminders r WHERE (r.case_id, r.node, r.due_at, r.kind)
                  = (w.case_id, w.node, w.due_at, told.kind))
ORDER BY w.due_at, w.case_id, w.node LIMIT $5
"""
_READ = """
SELECT r.position, r.kind, r.due_at, r.told_at, r.node, r.sequence, c.case_id, c.case_no, c.title, c.flow, c.matter,
       c.village_code, c.town_code, coalesce(w.waits_for, c.waits_for) AS waits_for, w.case_id IS NOT NULL AS still
FROM reminders r JOIN cases c USING (case_id)
  LEFT JOIN case_waits w ON w.case_id = r.case_id AND w.node = r.node AND w.due_at IS NOT DISTINCT FROM r.due_at
WHERE r.position > $1 AND ($2::text IS NULL OR r.village_code LIKE $2) ORDER BY r.position LIMIT $3
"""


@dataclass(frozen=True)
class Reminder:
    """A term that came near or passed when it was told; `still` whether the case waits at it even now."""

    position: int
    kind: Literal["soon", "overdue"]
    due_at: datetime
    told_at: datetime
    node: str
    sequence: int
    case_id: Any
    case_no: str
    title: str
    flow: str
    matter: str
    village_code: str
    town_code: str
    waits_for: tuple[str, ...]
    still: bool


async def tell(conn: Connection, catalogue: Catalogue, plan: Plan, now: datetime) -> bool:
    """Put into the line what came near or passed since, and say whether there is more; runs with system scope.

    One process at a time, so that whoever has read up to a position has missed nothing before it.
    """
    if not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
        return False
    usual = soon_until(now, plan.reminders[0].days_before)
    latest = soon_until(now, max(each.days_before for each in plan.reminders))
    told = await conn.execute(_TELL, now, horizons(catalogue, plan, now), usual, latest, _AT_ONCE)
    return int(told.rpartition(" ")[2]) == _AT_ONCE


async def read(conn: Connection, village: str | None, *, after: int, limit: int) -> Sequence[Reminder]:
    """The reminders behind a position, within the caller's regions."""
    rows = await conn.fetch(_READ, after, region_prefix(village) if village else None, limit)
    return [Reminder(**dict(row) | {"waits_for": tuple(row["waits_for"])}) for row in rows]
