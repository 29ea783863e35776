"""Lists of cases: narrowed, in a stable order, page after page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.approval.cases import Case
from services.approval.errors import CursorInvalid
from shared import cursor
from shared.db import Connection, region_prefix
from shared.principals import Principal

_NO_TERM = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """Which cases to list. Amounts are fen; each span takes in its beginning and leaves out its end."""

    village: str | None = None
    status: str | None = None
    flow: str | None = None
    matter: str | None = None
    text: str | None = None
    waiting_for: Principal | None = None
    node: str | None = None
    changed_since: datetime | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    closed_from: datetime | None = None
    closed_before: datetime | None = None
    amount_from: int | None = None
    amount_to: int | None = None


@dataclass(frozen=True)
class Listing:
    """A page of cases, and where the next one begins."""

    cases: list[Case] = field(default_factory=list)
    next: str | None = None


_CONDITIONS = {
    "village": "village_code LIKE {}",
    "status": "status = {}",
    "flow": "flow = {}",
    "matter": "matter = {}",
    "text": "(title ILIKE {0} OR case_no ILIKE {0})",
    "node": "(node = {0} OR waits ? {0})",
    "changed_since": "changed_at >= {}",
    "opened_from": "opened_at >= {}",
    "opened_before": "opened_at < {}",
    "closed_from": "closed_at >= {}",
    "closed_before": "closed_at < {}",
    "amount_from": "amount_fen >= {}",
    "amount_to": "amount_fen <= {}",
}
_HELD = """status = 'open' AND EXISTS (
    SELECT 1 FROM case_waits w, unnest({}::text[], {}::text[]) AS held (role, region)
    WHERE w.case_id = cases.case_id AND held.role = ANY (w.waits_for) AND w.village_code LIKE held.region
      AND (held.role = 'handler' OR {} <> ALL (w.voted)))"""
_TERM = "coalesce(due_at, timestamptz '9999-01-01 00:00+00')"


async def list_cases(conn: Connection, wanted: Wanted, *, after: str | None = None, limit: int = 50) -> Listing:
    """A page of cases: what waits for somebody by its term, all else newest first; raises `CursorInvalid`."""
    order = "term" if wanted.waiting_for else "newest"
    values: list[Any] = []
    conditions = ["true"]

    def put(condition: str, *given: Any) -> None:
        values.extend(given)
        first = len(values) - len(given) + 1
        conditions.append(condition.format(*(f"${place}" for place in range(first, len(values) + 1))))

    for name, condition in _CONDITIONS.items():
        if (value := getattr(wanted, name)) is not None:
            put(condition, _as_sought(name, value))
    if wanted.waiting_for:
        grants = sorted(wanted.waiting_for.grants)
        patterns = [region_prefix(grant.region) for grant in grants]
        put(_HELD, [grant.role for grant in grants], patterns, wanted.waiting_for.person_key)
    if after:
        key = f"({_TERM}, case_id) > ({{}}, {{}})" if order == "term" else "(opened_at, case_id) < ({}, {})"
        put(key, *_read_cursor(after, order))
    sorting = f"{_TERM}, case_id" if order == "term" else "opened_at DESC, case_id DESC"
    rows = await conn.fetch(
        f"SELECT state, opened_at, due_at, case_id FROM cases WHERE {' AND '.join(conditions)}"
        f" ORDER BY {sorting} LIMIT {int(limit) + 1}",
        *values,
    )
    page, following = rows[:limit], None
    if len(rows) > limit:
        last = page[-1]
        moment = (last["due_at"] or _NO_TERM) if order == "term" else last["opened_at"]
        following = _write_cursor(order, moment, last["case_id"])
    return Listing([Case.from_state(row["state"]) for row in page], following)


def _as_sought(name: str, value: Any) -> Any:
    match name:
        case "village":
            return region_prefix(value)
        case "text":
            return containing(value)
        case _:
            return value


def containing(text: str) -> str:
    """The LIKE pattern of all texts with this one in them."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _write_cursor(order: str, moment: datetime, case_id: UUID) -> str:
    return cursor.write(order, moment.isoformat(), str(case_id))


def _read_cursor(text: str, order: str) -> tuple[datetime, UUID]:
    try:
        made_for, moment, case_id = cursor.read(text)
        at = datetime.fromisoformat(moment)
        if made_for != order or at.tzinfo is None:
            raise ValueError(made_for)
        return at, UUID(case_id)
    except ValueError as error:
        raise CursorInvalid("翻页参数无效,请从第一页开始", "The page marker is invalid, begin at page one") from error
