"""What waits for somebody: his tasks by their terms, narrowed, counted, page after page.

Only the open cases of his own places are read, by the index `cases_open_of_village`.
"""

from collections.abc import Mapping
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
from shared.principals import Principal

Sort = Literal["due", "oldest", "newest"]
_NO_TERM = datetime(9999, 1, 1, tzinfo=UTC)
_TERM = "coalesce(c.due_at, timestamptz '9999-01-01 00:00+00')"
_KEYS: Mapping[Sort, str] = {"due": _TERM, "oldest": "c.opened_at", "newest": "c.opened_at"}
_NEAR: Mapping[Nearness, str] = {
    "overdue": "c.due_at <= $1",
    "soon": "c.due_at > $1 AND c.due_at <= coalesce(h.soon_until, $4)",
    "later": "c.due_at > greatest($1, coalesce(h.soon_until, $4))",
    "none": "c.due_at IS NULL",
}
_WAITING = """
FROM cases c LEFT JOIN unnest($2::text[], $3::timestamptz[]) AS h (node, soon_until) USING (node)
WHERE c.status = 'open' AND c.village_code >= $5 AND c.village_code <= $6 AND EXISTS (
    SELECT 1 FROM unnest($7::text[], $8::text[]) AS held (role, region)
    WHERE held.role = ANY (c.waits_for) AND c.village_code LIKE held.region)
  AND ($9::text IS NULL OR c.matter = $9) AND ($10::text IS NULL OR c.flow = $10)
  AND ($11::text IS NULL OR c.village_code LIKE $11)
  AND ($12::text IS NULL OR c.title ILIKE $12 OR c.case_no ILIKE $12) AND ($13::text IS NULL OR c.node = $13)
"""


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
    counted = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in _NEAR.items())
    counts = await conn.fetchrow(f"SELECT {counted} {_WAITING}", *asked)
    conditions, key, more = [], _KEYS[sought.sort], []
    if sought.due:
        conditions.append(f"AND {_NEAR[sought.due]}")
    if after:
        conditions.append(f"AND ({key}, c.case_id) {'<' if sought.sort == 'newest' else '>'} ($14, $15)")
        more = list(_read_cursor(after, sought.sort))
    down = "DESC" if sought.sort == "newest" else "ASC"
    rows = await conn.fetch(
        f"WITH page AS (SELECT c.case_id, {key} AS key {_WAITING} {' '.join(conditions)}"
        f" ORDER BY key {down}, c.case_id {down} LIMIT {int(limit) + 1})"
        " SELECT c.state, c.waits_for, page.key, d.saved_at FROM page JOIN cases c USING (case_id)"
        " LEFT JOIN drafts d ON d.case_id = c.case_id AND d.node = c.node"
        f" ORDER BY page.key {down}, page.case_id {down}",
        *asked,
        *more,
    )
    tasks = [_task(row, caller, catalogue, plan, now) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = cursor.write(sought.sort, rows[limit - 1]["key"].isoformat(), tasks[-1].case.case_id)
    return Inbox(tasks, following, dict(counts) if counts else {})


def _asked(caller: Principal, sought: Sought, catalogue: Catalogue, plan: Plan, now: datetime) -> list[Any]:
    """What `_WAITING` and `_NEAR` take, in their order."""
    grants = sorted(caller.grants)
    nodes = [node for flow in catalogue.flows.values() for node in flow.nodes]
    patterns = [region_prefix(grant.region) for grant in grants]
    return [
        now,
        [node.code for node in nodes],
        [soon_until(now, plan.days_before(node)) for node in nodes],
        soon_until(now, plan.reminders[0].days_before),
        min((pattern.removesuffix("%").ljust(12, "0") for pattern in patterns), default=""),
        max((pattern.removesuffix("%").ljust(12, "9") for pattern in patterns), default=""),
        [grant.role for grant in grants],
        patterns,
        sought.matter,
        sought.flow,
        region_prefix(sought.village) if sought.village else None,
        containing(sought.text) if sought.text else None,
        sought.node,
    ]


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
