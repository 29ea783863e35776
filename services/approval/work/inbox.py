"""What waits for somebody: his tasks by their terms, narrowed, counted, page after page.

Only the open cases of his own places are read, by the index `cases_open_of_village`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.approval.case_list import containing
from services.approval.cases import Case
from services.approval.errors import CursorInvalid
from services.approval.flows import Catalogue
from services.approval.work.plan import Plan
from services.approval.work.standing_in import Absence, Seated, own_roles
from services.approval.work.terms import Nearness, nearness, soon_until, working_days_left
from shared import cursor
from shared.db import Connection, region_prefix
from shared.principals import Grant, Principal

Sort = Literal["due", "oldest", "newest"]
_TERM = "coalesce(w.due_at, timestamptz '9999-01-01 00:00+00')"
_KEYS: Mapping[Sort, str] = {"due": "term", "oldest": "opened_at", "newest": "opened_at"}
# Who has voted at a node has done his part of it, unless he writes its minutes.
_HELD = """EXISTS (
      SELECT 1 FROM unnest($3::text[], $4::text[]) AS held (role, region)
      WHERE held.role = ANY (w.waits_for) AND w.village_code LIKE held.region
        AND (held.role = 'handler' OR $5 <> ALL (w.voted)))"""
_WAITING = f"""
WITH waiting AS (
  SELECT w.case_id, w.node, w.due_at, w.waits_for, w.opened_at, {_TERM} AS term, CASE
      WHEN w.due_at IS NULL THEN 'none' WHEN w.due_at <= $6::timestamptz THEN 'overdue'
      WHEN w.due_at <= coalesce(($7::jsonb->>w.node)::timestamptz, $8::timestamptz) THEN 'soon'
      ELSE 'later' END AS nearness
  FROM case_waits w
  WHERE w.village_code >= $1 AND w.village_code <= $2 AND {_HELD}
    AND ($9::text IS NULL OR w.matter = $9) AND ($10::text IS NULL OR w.flow = $10)
    AND ($11::text IS NULL OR w.village_code LIKE $11)
    AND ($12::text IS NULL OR w.title ILIKE $12 OR w.case_no ILIKE $12) AND ($13::text IS NULL OR w.node = $13))
"""
_COUNTS = f"{_WAITING} SELECT nearness, count(*) AS number FROM waiting GROUP BY nearness"


@dataclass(frozen=True)
class Sought:
    """Which tasks to show, and in which order."""

    due: Nearness | None = None
    matter: str | None = None
    flow: str | None = None
    village: str | None = None
    node: str | None = None
    text: str | None = None
    sort: Sort = "due"


@dataclass(frozen=True)
class Task:
    """A node where a case waits for somebody: how near its term is, and through whose absence it is his."""

    case: Case
    node: str
    due_at: datetime | None
    nearness: Nearness
    days_left: int | None
    roles: frozenset[str]
    through: Absence | None
    drafted_at: datetime | None


@dataclass(frozen=True)
class Inbox:
    """A page of tasks, where the next begins, and how many there are of each nearness."""

    tasks: list[Task]
    next: str | None
    counts: Mapping[Nearness, int]

    @property
    def total(self) -> int:
        """All that waits."""
        return sum(self.counts.values())


async def waiting_for(
    conn: Connection,
    caller: Principal,
    sought: Sought,
    *,
    catalogue: Catalogue,
    plan: Plan,
    now: datetime,
    after: str | None = None,
    limit: int = 30,
) -> Inbox:
    """What waits for the caller; counted without regard to `due` and place. Raises `CursorInvalid`."""
    asked = _asked(caller, sought, catalogue, plan, now)
    counts: dict[Nearness, int] = {"overdue": 0, "soon": 0, "later": 0, "none": 0}
    counts |= {row["nearness"]: row["number"] for row in await conn.fetch(_COUNTS, *asked)}
    key, down = _KEYS[sought.sort], "DESC" if sought.sort == "newest" else "ASC"
    before = f"AND ({key}, case_id, node) {'<' if sought.sort == 'newest' else '>'} ($15, $16, $17)" if after else ""
    rows = await conn.fetch(
        f"{_WAITING}, page AS (SELECT case_id, node, due_at, waits_for, {key} AS key FROM waiting"
        f" WHERE ($14::text IS NULL OR nearness = $14) {before}"
        f" ORDER BY key {down}, case_id {down}, node {down} LIMIT {int(limit) + 1})"
        " SELECT c.state, page.node, page.due_at, page.waits_for, page.key, d.saved_at"
        " FROM page JOIN cases c USING (case_id) LEFT JOIN drafts d ON d.case_id = c.case_id AND d.node = page.node"
        f" ORDER BY page.key {down}, page.case_id {down}, page.node {down}",
        *asked,
        sought.due,
        *(_read_cursor(after, sought.sort) if after else ()),
    )
    tasks = [_task(row, caller, catalogue, plan, now) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        last = tasks[-1]
        following = cursor.write(sought.sort, rows[limit - 1]["key"].isoformat(), last.case.case_id, last.node)
    return Inbox(tasks, following, counts)


async def at_nodes(conn: Connection, caller: Principal, nodes: Sequence[str], now: datetime) -> list[tuple[str, int]]:
    """How many cases wait for the caller at each of these nodes, the most first."""
    rows = await conn.fetch(
        "SELECT w.node, count(*) AS number FROM case_waits w"
        f" WHERE w.village_code >= $1 AND w.village_code <= $2 AND w.node = ANY ($6::text[]) AND {_HELD}"
        "   AND (w.state->>'notice_ends_at' IS NULL OR (w.state->>'notice_ends_at')::timestamptz <= $7)"
        " GROUP BY w.node ORDER BY number DESC, w.node",
        *_held(caller),
        list(nodes),
        now,
    )
    return [(row["node"], row["number"]) for row in rows]


async def openings(conn: Connection, case_ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """What each of these cases was opened with, by its id: the first event of its log."""
    rows = await conn.fetch(
        "SELECT case_id, data FROM case_events WHERE case_id = ANY ($1::uuid[]) AND sequence = 1", list(case_ids)
    )
    return {str(row["case_id"]): row["data"] for row in rows}


def _span(grants: Sequence[Grant]) -> tuple[str, str]:
    """The least and the greatest village code that the grants reach: what the index is read between."""
    patterns = [region_prefix(grant.region).removesuffix("%") for grant in grants]
    low = min((pattern.ljust(12, "0") for pattern in patterns), default="")
    return low, max((pattern.ljust(12, "9") for pattern in patterns), default="")


def _asked(caller: Principal, sought: Sought, catalogue: Catalogue, plan: Plan, now: datetime) -> list[Any]:
    """What `_WAITING` takes, in its order."""
    return [
        *_held(caller),
        now,
        horizons(catalogue, plan, now),
        soon_until(now, plan.reminders[0].days_before),
        sought.matter,
        sought.flow,
        region_prefix(sought.village) if sought.village else None,
        containing(sought.text) if sought.text else None,
        sought.node,
    ]


def _held(caller: Principal) -> list[Any]:
    """The villages between which the caller's lie, and what `_HELD` takes."""
    grants = sorted(caller.grants)
    patterns = [region_prefix(grant.region) for grant in grants]
    return [*_span(grants), [grant.role for grant in grants], patterns, caller.person_key]


def horizons(catalogue: Catalogue, plan: Plan, now: datetime) -> dict[str, str]:
    """By node, the latest end of a term that is near at a moment."""
    nodes = [node for flow in catalogue.flows.values() for node in flow.nodes]
    return {node.code: soon_until(now, plan.days_before(node)).isoformat() for node in nodes}


def _task(row: Mapping[str, Any], caller: Principal, catalogue: Catalogue, plan: Plan, now: datetime) -> Task:
    case = Case.from_state(row["state"])
    waits_for = frozenset(row["waits_for"])
    return Task(
        case,
        row["node"],
        row["due_at"],
        nearness(row["due_at"], now, _days_before(case, row["node"], catalogue, plan)),
        working_days_left(row["due_at"], now) if row["due_at"] else None,
        waits_for & caller.roles_in(case.village_code),
        _through(caller, case, waits_for),
        row["saved_at"],
    )


def _days_before(case: Case, at: str, catalogue: Catalogue, plan: Plan) -> int:
    return plan.days_before(catalogue.flow(case.flow, case.flow_version).node(at))


def _through(caller: Principal, case: Case, waits_for: frozenset[str]) -> Absence | None:
    if not isinstance(caller, Seated) or waits_for & own_roles(caller, case.village_code):
        return None
    held = (each for each in caller.standing_in if each.grant.covers(case.village_code))
    return next((each for each in held if each.grant.role in waits_for), None)


def _read_cursor(text: str, sort: Sort) -> tuple[datetime, UUID, str]:
    try:
        made_for, moment, case_id, node = cursor.read(text)
        at = datetime.fromisoformat(moment)
        if made_for != sort or at.tzinfo is None:
            raise ValueError(made_for)
        return at, UUID(case_id), node
    except ValueError as error:
        raise CursorInvalid("翻页参数无效,请从第一页开始", "The page marker is invalid, begin at page one") from error
