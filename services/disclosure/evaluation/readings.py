"""What a quarter is counted from, for a whole county at once: four queries, read as the system."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from services.disclosure.evaluation.counting import AlertRow, AppealRow, CaseRow, Rows, StepRow
from services.disclosure.evaluation.quarters import Quarter
from shared.db import Connection

T = TypeVar("T")


def _columns(model: type[Any]) -> str:
    return ", ".join(each.name for each in fields(model))


_CASES = """
SELECT case_id, flow, village_code, state, opened_at, closed_at, told->>'resting' IS NOT NULL AS resting,
       CASE state WHEN 'running' THEN told->'dues' END AS dues
FROM supervised_cases WHERE village_code LIKE $3
  AND (opened_at >= $1 AND opened_at < $2 OR closed_at >= $1 AND closed_at < $2
       OR state = 'running' AND opened_at < $2)
"""
# What belongs to the quarter by its term or its deed, and all steps of cases that were closed in it.
_STEPS = f"""
SELECT {_columns(StepRow)} FROM supervised_steps s WHERE village_code LIKE $3 AND NOT returned
  AND (done_at >= $1 AND done_at < $2 OR done_at >= $2 AND due_at >= $1 AND due_at < $2
       OR done_at < $1 AND case_id IN (SELECT case_id FROM supervised_cases
                                       WHERE village_code LIKE $3 AND closed_at >= $1 AND closed_at < $2))
"""
_ALERTS = f"""
SELECT {_columns(AlertRow)} FROM supervised_alerts
WHERE village_code LIKE $3 AND happened_at IS NOT NULL AND NOT process AND NOT withdrawn
  AND (closed_at >= $1 AND closed_at < $2 OR closed_at IS NULL AND due_at < $2)
"""
# A rating has no time of its own: that of the closing, else of the last answer.
_APPEALS = """
SELECT appeal_id, village_code, desk, kind, filed_at, answered_at, due_at,
       coalesce(closed_at, redone_at, answered_at) AS rated_at, satisfied, overdue
FROM supervised_appeals WHERE (village_code LIKE $3 OR desk LIKE $3) AND filed_at < $2
  AND (answered_at IS NULL OR answered_at >= $1 OR coalesce(closed_at, redone_at, answered_at) >= $1)
"""


async def of(conn: Connection, quarter: Quarter, within: str) -> Rows:
    """All rows of a region (its LIKE pattern) that a quarter's lines may count."""
    span = (quarter.begins, quarter.ends, within)
    years = (quarter.plus(-7).begins, quarter.ends, within)
    return Rows(
        cases=[CaseRow(**dict(row) | {"dues": _moments(row["dues"])}) for row in await conn.fetch(_CASES, *span)],
        steps=_all(StepRow, await conn.fetch(_STEPS, *span)),
        alerts=_all(AlertRow, await conn.fetch(_ALERTS, *years)),
        appeals=_all(AppealRow, await conn.fetch(_APPEALS, *span)),
    )


def _moments(dues: dict[str, str | None] | None) -> dict[str, datetime]:
    return {node: datetime.fromisoformat(due) for node, due in (dues or {}).items() if due}


def _all(model: type[T], rows: Iterable[Any]) -> list[T]:
    return [model(**row) for row in rows]
