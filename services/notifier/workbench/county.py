"""How the towns stand: what is open, late, unread and slow, as the reader of a transaction may see it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db import Connection
from shared.workdays import SHANGHAI

_MOST_LISTED = 20
_TALLY = """
SELECT town_code, state, grade, matter, finished, count(*) AS all,
       count(*) FILTER (WHERE NOT finished AND due_by <= $1) AS overdue
FROM alerts GROUP BY town_code, state, grade, matter, finished
"""
# Red ones past their term that nobody has opened at any of their desks.
_UNREAD = """
SELECT alert_id, town_code, village_code, body #>> '{title,zh}' AS title, due_by, count(*) OVER () AS of_all
FROM alerts a
WHERE NOT finished AND state = 'pushed' AND grade = 'red' AND due_by <= $1
  AND NOT EXISTS (SELECT 1 FROM readings r WHERE r.alert_id = a.alert_id AND r.seat = ANY (a.desks))
ORDER BY due_by, alert_id LIMIT $2
"""
# From delivery to the first acknowledgement, and to the judgement that holds, by the month in which it was done.
_ACKNOWLEDGED = """
SELECT date_trunc('month', h.at, 'Asia/Shanghai') AS month, count(*) AS done,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM h.at - a.raised_at)) AS seconds
FROM (SELECT alert_id, min(at) AS at FROM history
      WHERE kind = 'moved' AND state_to = 'acknowledged' AND at >= $1 GROUP BY alert_id) AS h
JOIN alerts a USING (alert_id) WHERE h.at >= a.raised_at GROUP BY month
"""
_CLOSED = """
SELECT date_trunc('month', made, 'Asia/Shanghai') AS month, count(*) AS done,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM made - raised_at)) AS seconds
FROM (SELECT (judgement ->> 'at')::timestamptz AS made, raised_at FROM alerts WHERE judgement IS NOT NULL) AS j
WHERE made >= $1 GROUP BY month
"""
_HOLES = "SELECT kind, count(*) AS count FROM reckoning_findings WHERE ended_at IS NULL GROUP BY kind ORDER BY kind"


@dataclass(frozen=True)
class Town:
    """One town: its alerts by state, and those past their term by grade."""

    code: str
    states: Mapping[str, int]
    overdue: Mapping[str, int]

    @property
    def late(self) -> int:
        """How many are past their term."""
        return sum(self.overdue.values())


@dataclass(frozen=True)
class Unread:
    """A red alert past its term that nobody has opened."""

    alert_id: UUID
    town_code: str
    village_code: str
    title: str
    due_by: datetime


@dataclass(frozen=True)
class Pace:
    """How many were done in a month, and the median seconds from delivery; None when there were none."""

    done: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Overview:
    """The county as its reader may see it; `states` and `matters` are of open alerts. Paces: this month, last month.
    `holes`: notices unaccounted for, by kind."""

    towns: tuple[Town, ...]
    states: Mapping[str, int]
    matters: Mapping[str, int]
    unread: tuple[Unread, ...]
    unread_in_all: int
    acknowledged: tuple[Pace, Pace]
    closed: tuple[Pace, Pace]
    holes: Mapping[str, int]


async def overview(conn: Connection, now: datetime) -> Overview:
    """How the towns stand at `now` (UTC)."""
    tally = [dict(row) for row in await conn.fetch(_TALLY, now)]
    unread = await conn.fetch(_UNREAD, now, _MOST_LISTED)
    return Overview(
        towns=_towns(tally),
        states=_sums(tally, "state"),
        matters=_sums(tally, "matter"),
        unread=tuple(Unread(**{name: row[name] for name in Unread.__dataclass_fields__}) for row in unread),
        unread_in_all=unread[0]["of_all"] if unread else 0,
        acknowledged=await _paces(conn, _ACKNOWLEDGED, now),
        closed=await _paces(conn, _CLOSED, now),
        holes={row["kind"]: row["count"] for row in await conn.fetch(_HOLES)},
    )


def months(now: datetime) -> tuple[datetime, datetime]:
    """When this month and the last began in Shanghai."""
    this = now.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = this.replace(month=this.month - 1) if this.month > 1 else this.replace(year=this.year - 1, month=12)
    return this, last


def _towns(tally: list[dict[str, Any]]) -> tuple[Town, ...]:
    states: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    overdue: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in tally:
        states[row["town_code"]][row["state"]] += row["all"]
        overdue[row["town_code"]][row["grade"]] += row["overdue"]
    towns = [Town(code, dict(states[code]), dict(overdue[code])) for code in states]
    return tuple(sorted(towns, key=lambda town: (-town.late, town.code)))


def _sums(tally: list[dict[str, Any]], by: str) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for row in tally:
        if not row["finished"]:
            sums[row[by]] += row["all"]
    return dict(sorted(sums.items(), key=lambda one: (-one[1], one[0])))


async def _paces(conn: Connection, query: str, now: datetime) -> tuple[Pace, Pace]:
    this, last = months(now)
    found = {row["month"]: Pace(row["done"], row["seconds"]) for row in await conn.fetch(query, last)}
    return found.get(this, Pace()), found.get(last, Pace())
