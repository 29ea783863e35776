"""What waits for somebody: his tasks by their terms, narrowed, counted, page after page.

Only the open cases of his own places are read, by the index `cases_open_of_village`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
_NO_TERM = datetime(9999, 1, 1, tzinfo=UTC)
_TERM = "coalesce(c.due_at, timestamptz '9999-01-01 00:00+00')"
_KEYS: Mapping[Sort, str] = {"due": "term", "oldest": "opened_at", "newest": "opened_at"}
_WAITING = f"""
WITH waiting AS (
  SELECT c.case_id, c.opened_at, {_TERM} AS term, CASE
      WHEN c.due_at IS NULL THEN 'none' WHEN c.due_at <= $1::timestamptz THEN 'overdue'
      WHEN c.due_at <= coalesce(($2::jsonb->>c.node)::timestamptz, $3::timestamptz) THEN 'soon'
      ELSE 'later' END AS nearness
  FROM cases c
  WHERE c.status = 'open' AND c.village_code >= $4 AND c.village_code <= $5 AND EXISTS (
      SELECT 1 FROM unnest($6::text[], $7::text[]) AS held (role, region)
      WHERE held.role = ANY (c.waits_for) AND c.village_code LIKE held.region)
    AND ($8::text IS NULL OR c.matter = $8) AND ($9::text IS NULL OR c.flow = $9)
    AND ($10::text IS NULL OR c.village_code LIKE $10)
    AND ($11::text IS NULL OR c.title ILIKE $11 OR c.case_no ILIKE $11) AND ($12::text IS NULL OR c.node = $12))
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
    """A case that waits for somebody: how near its term is, and through whose absence it is his."""

    case: Case
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
    before = f"AND ({key}, case_id) {'<' if sought.sort == 'newest' else '>'} ($14, $15)" if after else ""
    rows = await conn.fetch(
        f"{_WAITING}, page AS (SELECT case_id, {key} AS key FROM waiting"
        f" WHERE ($13::text IS NULL OR nearness = $13) {before} ORDER BY key {down}, case_id {down}"
        f" LIMIT {int(limit) + 1})"
        " SELECT c.state, c.waits_for, page.key, d.saved_at FROM page JOIN cases c USING (case_id)"
        " LEFT JOIN drafts d ON d.case_id = c.case_id AND d.node = c.node"
        f" ORDER BY page.key {down}, page.case_id {down}",
        *asked,
        sought.due,
        *(_read_cursor(after, sought.sort) if after else ()),
    )
    tasks = [_task(row, caller, catalogue, plan, now) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = cursor.write(sought.sort, rows[limit - 1]["key"].isoformat(), tasks[-1].case.case_id)
    return Inbox(tasks, following, counts)


async def at_nodes(conn: Connection, caller: Principal, nodes: Sequence[str], now: datetime) -> list[tuple[str, int]]:
    """How many cases wait for the caller at each of these nodes, the most first."""
    grants = sorted(caller.grants)
    low, high = _span(grants)
    rows = await conn.fetch(
        "SELECT c.node, count(*) AS number FROM cases c"
        " WHERE c.status = 'open' AND c.village_code >= $1 AND c.village_code <= $2 AND c.node = ANY ($3::text[])"
        "   AND (c.state->>'notice_ends_at' IS NULL OR (c.state->>'notice_ends_at')::timestamptz <= $6) AND EXISTS ("
        "     SELECT 1 FROM unnest($4::text[], $5::text[]) AS held (role, region)"
        "     WHERE held.role = ANY (c.waits_for) AND c.village_code LIKE held.region)"
        " GROUP BY c.node ORDER BY number DESC, c.node",
        low,
        high,
        list(nodes),
        [grant.role for grant in grants],
        [region_prefix(grant.region) for grant in grants],
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
    grants = sorted(caller.grants)
    return [
        now,
        horizons(catalogue, plan, now),
        soon_until(now, plan.reminders[0].days_before),
        *_span(grants),
        [grant.role for grant in grants],
        [region_prefix(grant.region) for grant in grants],
        sought.matter,
        sought.flow,
        region_prefix(sought.village) if sought.village else None,
        containing(sought.text) if sought.text else None,
        sought.node,
    ]


def horizons(catalogue: Catalogue, plan: Plan, now: datetime) -> dict[str, str]:
    """By node, the latest end of a term that is near at a moment."""
    nodes = [node for flow in catalogue.flows.values() for node in flow.nodes]
    return {node.code: soon_until(now, plan.days_before(node)).isoformat() for node in nodes}


def _task(row: Mapping[str, Any], caller: Principal, catalogue: Catalogue, plan: Plan, now: datetime) -> Task:
    case = Case.from_state(row["state"])
    waits_for = frozenset(row["waits_for"])
    return Task(
        case,
        nearness(case.due_at, now, _days_before(case, catalogue, plan)),
        working_days_left(case.due_at, now) if case.due_at else None,
        waits_for & caller.roles_in(case.village_code),
        _through(caller, case, waits_for),
        row["saved_at"],
    )


def _days_before(case: Case, catalogue: Catalogue, plan: Plan) -> int:
    flow = catalogue.flows.get(case.flow)
    node = next((each for each in flow.nodes if each.code == case.node), None) if flow else None
    return plan.days_before(node) if node else plan.reminders[0].days_before


def _through(caller: Principal, case: Case, waits_for: frozenset[str]) -> Absence | None:
    if not isinstance(caller, Seated) or waits_for & own_roles(caller, case.village_code):
        return None
    held = (each for each in caller.standing_in if each.grant.covers(case.village_code))
    return next((each for each in held if each.grant.role in waits_for), None)


def _read_cursor(text: str, sort: Sort) -> tuple[datetime, UUID]:
    try:
        made_for, moment, case_id = cursor.read(text)
        at = datetime.fromisoformat(moment)
        if made_for != sort or at.tzinfo is None:
            raise ValueError(made_for)
        return at, UUID(case_id)
    except ValueError as error:
        raise CursorInvalid("翻页参数无效,请从第一页开始", "The page marker is invalid, begin at page one") from error
