"""What the cockpit counts, read from the supervisors' tables as the reader of a transaction may see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from services.disclosure.cockpit.period import Period
from shared.db import Connection

T = TypeVar("T")


@dataclass(frozen=True)
class AlertRow:
    """An alert of what happened in the period."""

    alert_id: str
    rule_id: str
    title_zh: str
    title_en: str
    grade: str
    matter: str
    village_code: str
    case_ids: Sequence[str]
    happened_at: datetime
    acknowledged_at: datetime | None
    due_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    reopened: int
    recovered_fen: int
    people: int
    withdrawn: bool
    hours_to_acknowledge: float | None
    hours_to_close: float | None


@dataclass(frozen=True)
class Closings:
    """Judgements made in the period."""

    recovered_fen: int
    people: int


@dataclass(frozen=True)
class Money:
    """What a case with an alert is about, and who has it."""

    fen: int
    contractor_key: str | None


@dataclass(frozen=True)
class PlaceCases:
    """Cases opened and completed in a village in the period."""

    village_code: str
    opened: int
    closed: int


@dataclass(frozen=True)
class NodeTimes:
    """The steps of a node done in the period; hours are working hours."""

    flow: str
    node: str
    steps: int
    timed: int
    median_hours: float | None
    p90_hours: float | None
    late: int
    with_term: int


@dataclass(frozen=True)
class StepTotal:
    """All steps done in the period."""

    steps: int
    late: int
    with_term: int


@dataclass(frozen=True)
class Deal:
    """What one contractor got in one village in the period."""

    contractor_key: str
    contractor_name: str
    village_code: str
    works: int
    fen: int


@dataclass(frozen=True)
class ProposalRow:
    """A proposal served before the period's end."""

    rule_id: str
    region_code: str
    served_at: datetime
    answered_at: datetime | None
    adopted: str | None


@dataclass(frozen=True)
class Readings:
    """All that one period has."""

    alerts: Sequence[AlertRow]
    closings: Closings
    money: Mapping[str, Money]
    cases: Sequence[PlaceCases]
    steps: StepTotal
    deals: Sequence[Deal]
    proposals: Sequence[ProposalRow]


_IN_PERIOD = "{at} >= $1 AND {at} < $2 AND village_code LIKE $3"
_ALERTS = f"""
SELECT {", ".join(each.name for each in fields(AlertRow))} FROM supervised_alerts
WHERE {_IN_PERIOD.format(at="happened_at")}
"""
_CLOSINGS = f"""
SELECT coalesce(sum(recovered_fen), 0)::bigint AS recovered_fen, coalesce(sum(people), 0)::int AS people
FROM supervised_alerts WHERE {_IN_PERIOD.format(at="closed_at")} AND NOT process AND NOT withdrawn
"""
_MONEY = """
SELECT case_id, coalesce(amount_fen, 0) AS fen, contractor_key FROM supervised_cases WHERE case_id = ANY($1::text[])
"""
_CASES = f"""
SELECT village_code, sum(opened)::int AS opened, sum(closed)::int AS closed FROM (
    SELECT village_code, count(*) AS opened, 0 AS closed FROM supervised_cases
    WHERE {_IN_PERIOD.format(at="opened_at")} GROUP BY village_code
    UNION ALL
    SELECT village_code, 0, count(*) FROM supervised_cases
    WHERE {_IN_PERIOD.format(at="closed_at")} GROUP BY village_code
) AS both_ways GROUP BY village_code
"""
_STEPS = f"""
SELECT count(*)::int AS steps, (count(*) FILTER (WHERE late))::int AS late, count(late)::int AS with_term
FROM supervised_steps WHERE {_IN_PERIOD.format(at="done_at")}
"""
_NODES = f"""
SELECT flow, node, count(*)::int AS steps, count(working_hours)::int AS timed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY working_hours) AS median_hours,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY working_hours) AS p90_hours,
       (count(*) FILTER (WHERE late))::int AS late, count(late)::int AS with_term
FROM supervised_steps WHERE {_IN_PERIOD.format(at="done_at")} GROUP BY flow, node
"""
_DEALS = f"""
SELECT contractor_key, max(contractor_name) AS contractor_name, village_code, count(*)::int AS works,
       coalesce(sum(amount_fen), 0)::bigint AS fen
FROM supervised_cases
WHERE {_IN_PERIOD.format(at="contracted_at")} AND contractor_key IS NOT NULL AND state <> 'withdrawn'
GROUP BY contractor_key, village_code
"""
_PROPOSALS = """
SELECT rule_id, region_code, served_at, answered_at, adopted FROM supervised_proposals
WHERE served_at < $1 AND region_code LIKE $2
"""


async def of(conn: Connection, period: Period, within: str) -> Readings:
    """All of a period; `within` is the LIKE pattern of a region."""
    span = (period.begins, period.ends, within)
    alerts = [AlertRow(**row) for row in await conn.fetch(_ALERTS, *span)]
    money = await conn.fetch(_MONEY, sorted({case for alert in alerts for case in alert.case_ids}))
    return Readings(
        alerts=alerts,
        closings=_one(Closings, await conn.fetchrow(_CLOSINGS, *span)),
        money={row["case_id"]: Money(row["fen"], row["contractor_key"]) for row in money},
        cases=_all(PlaceCases, await conn.fetch(_CASES, *span)),
        steps=_one(StepTotal, await conn.fetchrow(_STEPS, *span)),
        deals=_all(Deal, await conn.fetch(_DEALS, *span)),
        proposals=_all(ProposalRow, await conn.fetch(_PROPOSALS, period.ends, within)),
    )


async def nodes(conn: Connection, period: Period, within: str) -> list[NodeTimes]:
    """How long each node took in a period."""
    return _all(NodeTimes, await conn.fetch(_NODES, period.begins, period.ends, within))


def _all(model: type[T], rows: Iterable[Any]) -> list[T]:
    return [model(**row) for row in rows]


def _one(model: type[T], row: Any) -> T:
    return model(**row)
