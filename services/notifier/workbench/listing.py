"""Lists of alerts in PostgreSQL: a page of what a filter finds, in one of three orders, and how many there are of what.

Every query runs in a transaction opened for someone: rows of other desks don't exist in it. A page's rows are found by
narrow columns first; only those shown are read whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from services.notifier import inbox
from services.notifier.errors import BadCursor
from services.notifier.noise import groups
from services.notifier.schemas import AlertCard, AlertFilter, Order
from services.notifier.standing import Standing
from shared import cursor
from shared.contracts.alerts import Bilingual
from shared.db import Connection, region_prefix

# Words of `AlertFilter.state` that are no state; `NOT finished` as such, so that its own index is used.
_SHOWN = {
    "all": "true",
    "open": "NOT finished",
    "finished": "finished",
    "review": "NOT finished AND outcome IS NOT NULL",
    "overdue": "NOT finished AND due_by <= now()",
}
_OVERDUE = {True: "NOT finished AND coalesce(due_by <= now(), false)"}
_OVERDUE[False] = f"NOT ({_OVERDUE[True]})"
_ASSIGNED = {
    "me": "assignee -> 'by' ->> 'subject' = current_setting('yunjing.subject', true)",
    "nobody": "assignee IS NULL",
}
_TEXT = "strpos(searched, lower($)) > 0"
_GROUP = "alert_id IN (SELECT g.alert_id FROM alert_groups g WHERE g.key = $)"
# What has no term comes last.
_DUE = "coalesce(due_by, '9999-12-31 00:00+00')"
_COUNTS = """
SELECT count(*) FILTER (WHERE grade = 'red' AND outcome IS NULL) AS red,
       count(*) FILTER (WHERE grade = 'yellow' AND outcome IS NULL) AS yellow,
       count(*) FILTER (WHERE grade = 'prompt' AND outcome IS NULL) AS prompt,
       count(*) FILTER (WHERE state = 'pushed') AS unacknowledged,
       count(*) FILTER (WHERE due_by <= now() AND outcome IS NULL) AS overdue,
       count(*) FILTER (WHERE outcome IS NOT NULL) AS in_review,
       count(*) FILTER (WHERE due_by <= now() AND outcome IS NOT NULL) AS review_overdue
FROM alerts WHERE NOT finished
"""


@dataclass(frozen=True)
class Sorting:
    """One order of a list: its keys, and how to go on behind a row with the keys $1 (grade), $2 (time), $3 (id)."""

    rank: str
    at: str
    by: str
    behind: str


_SORTINGS: Mapping[Order, Sorting] = {
    "graver": Sorting(
        rank="rank",
        at="raised_at",
        by="rank, raised_at DESC, alert_id DESC",
        behind="rank > $1 OR rank = $1 AND (raised_at, alert_id) < ($2, $3)",
    ),
    "due": Sorting(rank="0", at=_DUE, by=f"{_DUE}, alert_id", behind=f"({_DUE}, alert_id) > ($2, $3)"),
    "newest": Sorting(
        rank="0", at="raised_at", by="raised_at DESC, alert_id DESC", behind="(raised_at, alert_id) < ($2, $3)"
    ),
}


@dataclass(frozen=True)
class Cursor:
    """The place behind the last alert of a page, in one of the orders."""

    order: Order
    rank: int
    at: datetime
    alert_id: UUID

    def text(self) -> str:
        """The cursor as it stands in a URL."""
        return cursor.write(self.order, str(self.rank), self.at.isoformat(), str(self.alert_id))

    @classmethod
    def parse(cls, text: str, order: Order) -> Self:
        """A cursor from a URL, of a page in this order; raises `BadCursor`."""
        try:
            of, rank, at, alert_id = cursor.read(text)
            if of != order:
                raise ValueError(of)
            return cls(order, int(rank), datetime.fromisoformat(at), UUID(alert_id))
        except ValueError as error:
            raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error


@dataclass(frozen=True)
class Counts:
    """How much waits on the caller's desks: open alerts by grade, those not acknowledged, those past their term; and
    judgements that wait for review."""

    red: int
    yellow: int
    prompt: int
    unacknowledged: int
    overdue: int
    in_review: int
    review_overdue: int


@dataclass(frozen=True)
class Facets:
    """How many alerts each choice of a filter would show, all others as they are; and what the rules are called."""

    grades: Mapping[str, int]
    matters: Mapping[str, int]
    villages: Mapping[str, int]
    rules: Mapping[str, int]
    assigned: Mapping[str, int]
    titles: Mapping[str, Bilingual]


async def search(conn: Connection, wanted: AlertFilter) -> tuple[list[AlertCard], str | None]:
    """A page of the caller's alerts in the order that is asked for, and the cursor of the next page."""
    sorting = _SORTINGS[wanted.sort]
    after = Cursor.parse(wanted.after, wanted.sort) if wanted.after else None
    values: list[Any] = [after and after.rank, after and after.at, after and after.alert_id, wanted.limit + 1]
    rows = await conn.fetch(
        f"""
        SELECT {sorting.rank} AS rank, {sorting.at} AS at, alert_id FROM alerts
        WHERE {_condition(wanted, values)}
          AND ($1::smallint IS NULL OR $2::timestamptz IS NULL OR $3::uuid IS NULL OR {sorting.behind})
        ORDER BY {sorting.by} LIMIT $4
        """,
        *values,
    )
    page = rows[: wanted.limit]
    last = Cursor(wanted.sort, *page[-1]).text() if len(rows) > wanted.limit else None
    now, found = datetime.now(UTC), await inbox.read(conn, [str(row["alert_id"]) for row in page])
    return await groups.fill(conn, [AlertCard.of(found[str(row["alert_id"])], now) for row in page]), last


async def matches(conn: Connection, wanted: AlertFilter, alert_id: UUID) -> bool:
    """Whether a filter shows this alert, on whichever page."""
    values: list[Any] = [alert_id]
    condition = _condition(wanted, values)
    return await conn.fetchval(f"SELECT 1 FROM alerts WHERE alert_id = $1 AND {condition}", *values) is not None


async def changed(
    conn: Connection, wanted: AlertFilter, after: tuple[datetime, UUID] | None, until: datetime, limit: int
) -> list[Standing]:
    """The caller's alerts that last changed behind `after` and by `until`, the least recently changed first."""
    values: list[Any] = [until, *(after or (None, None)), limit]
    rows = await conn.fetch(
        f"""
        SELECT alert_id FROM alerts
        WHERE {_condition(wanted, values)} AND updated_at <= $1
          AND ($2::timestamptz IS NULL OR (updated_at, alert_id) > ($2, $3::uuid))
        ORDER BY updated_at, alert_id LIMIT $4
        """,
        *values,
    )
    found = await inbox.read(conn, [str(row["alert_id"]) for row in rows])
    return [found[str(row["alert_id"])] for row in rows]


async def counts(conn: Connection) -> Counts:
    """What waits on the caller's desks."""
    row = await conn.fetchrow(_COUNTS)
    assert row
    return Counts(**dict(row))


async def facets(conn: Connection, wanted: AlertFilter) -> Facets:
    """How many alerts each choice of grade, matter, place, rule and person would show: one pass over those that the
    other filters let through."""
    values: list[Any] = []
    base = _all(_fixed(wanted, values))
    chosen = {name: f"({clause})" for name, clause in _choices(wanted, values).items()}

    def others(name: str) -> str:
        return _all([clause for of, clause in chosen.items() if of != name])

    rows = await conn.fetch(
        f"""
        SELECT grade, matter, village_code, rule_id, whose, any_value(alert_id) AS example,
               count(*) FILTER (WHERE {others("grade")}) AS of_grade,
               count(*) FILTER (WHERE {others("matter")}) AS of_matter,
               count(*) FILTER (WHERE {others("place")}) AS of_village,
               count(*) FILTER (WHERE {others("rule")}) AS of_rule,
               count(*) FILTER (WHERE {others("assigned")}) AS of_whose
        FROM (SELECT *, CASE WHEN {_ASSIGNED["nobody"]} THEN 'nobody' WHEN {_ASSIGNED["me"]} THEN 'me'
                        ELSE 'another' END AS whose FROM alerts WHERE {base}) AS a
        GROUP BY GROUPING SETS ((grade), (matter), (village_code), (rule_id), (whose))
        """,
        *values,
    )

    def counted(column: str, count: str) -> dict[str, int]:
        return {row[column]: row[count] for row in rows if row[column] is not None and row[count]}

    return Facets(
        counted("grade", "of_grade"),
        counted("matter", "of_matter"),
        counted("village_code", "of_village"),
        counted("rule_id", "of_rule"),
        counted("whose", "of_whose"),
        await _titles(conn, [row["example"] for row in rows if row["rule_id"] is not None]),
    )


async def _titles(conn: Connection, examples: list[UUID]) -> dict[str, Bilingual]:
    """What rules are called, by an alert of each."""
    rows = await conn.fetch(
        "SELECT rule_id, body -> 'title' AS title FROM alerts WHERE alert_id = ANY($1::uuid[])", examples
    )
    return {row["rule_id"]: Bilingual.model_validate(row["title"]) for row in rows}


def _condition(wanted: AlertFilter, values: list[Any]) -> str:
    """What a filter asks for in SQL; its parameters join those of the query."""
    return _all([*_fixed(wanted, values), *_choices(wanted, values).values()])


def _all(clauses: list[str]) -> str:
    return " AND ".join(clauses) or "true"


def _fixed(wanted: AlertFilter, values: list[Any]) -> list[str]:
    clauses = [_SHOWN[wanted.state or "all"] if wanted.state in {None, *_SHOWN} else ""]
    if not clauses[0]:
        clauses = [_with("state = $", wanted.state, values)]
    if wanted.overdue is not None:
        clauses.append(_OVERDUE[wanted.overdue])
    for clause, value in (
        ("raised_at >= $", wanted.since),
        ("raised_at <= $", wanted.until),
        (_TEXT, wanted.text),
        (_GROUP, wanted.group),
    ):
        if value is not None:
            clauses.append(_with(clause, value, values))
    return clauses


def _choices(wanted: AlertFilter, values: list[Any]) -> dict[str, str]:
    places = [region_prefix(code) for code in (wanted.village, wanted.town) if code]
    asked = {
        "grade": ("grade = $", wanted.grade),
        "matter": ("matter = $", wanted.matter),
        "place": ("village_code LIKE ALL ($::text[])", places or None),
        "rule": ("rule_id = $", wanted.rule),
    }
    clauses = {name: _with(clause, value, values) for name, (clause, value) in asked.items() if value is not None}
    return clauses | ({"assigned": _ASSIGNED[wanted.assigned]} if wanted.assigned else {})


def _with(clause: str, value: Any, values: list[Any]) -> str:
    values.append(value)
    return clause.replace("$", f"${len(values)}")
