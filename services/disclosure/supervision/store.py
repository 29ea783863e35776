"""The read models of supervision in PostgreSQL: what a batch touches is locked, read and written in one round each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, TypeVar

from asyncpg import Record

from services.disclosure.supervision.alerts import SupervisedAlert
from services.disclosure.supervision.cases import Contractor, Said, Step, SupervisedCase
from services.disclosure.supervision.plan import Plan
from services.disclosure.supervision.proposals import SupervisedProposal
from shared.contracts.appeals import AppealEvent
from shared.db import Connection

T = TypeVar("T")
_ALERT = tuple(each.name for each in fields(SupervisedAlert))
_PROPOSAL = tuple(each.name for each in fields(SupervisedProposal))
_STEP = tuple(each.name for each in fields(Step))
_COUNTED = ("withdrawn", "hours_to_acknowledge", "hours_to_close")
_CASE = (
    *("case_id", "case_no", "flow", "flow_version", "matter", "village_code", "town_code", "state", "opened_at"),
    *("closed_at", "withdrawn_at", "node", "due_at", "returns", "amount_fen", "amount_kind", "contractor_key"),
    *("contractor_name", "contracted_at", "told"),
)
_APPEAL = (
    *("appeal_id", "revision", "village_code", "desk", "kind", "case_id", "state", "filed_at", "accepted_at"),
    *("answered_at", "redone_at", "closed_at", "due_at", "unsatisfied", "satisfied", "reopened", "overdue"),
)


async def alerts(conn: Connection, ids: Iterable[str]) -> dict[str, SupervisedAlert]:
    """The alerts on record among these, locked."""
    return {row["alert_id"]: _of(SupervisedAlert, row) for row in await _locked(conn, "alerts", "alert_id", ids)}


async def save_alerts(conn: Connection, changed: Iterable[SupervisedAlert]) -> None:
    """Write alerts."""
    rows = [_shallow(one) | {name: getattr(one, name) for name in _COUNTED} for one in changed]
    await _put(conn, "alerts", "alert_id", (*_ALERT, *_COUNTED), rows)


async def cases(conn: Connection, ids: Iterable[str]) -> dict[str, SupervisedCase]:
    """The cases on record among these, locked."""
    return {row["case_id"]: _case(row) for row in await _locked(conn, "cases", "case_id", ids)}


async def save_cases(conn: Connection, changed: Iterable[SupervisedCase], plan: Plan) -> None:
    """Write cases."""
    await _put(conn, "cases", "case_id", _CASE, [_case_row(one, plan) for one in changed])


async def add_steps(conn: Connection, steps: Sequence[Step]) -> None:
    """Write steps; one that is there stays."""
    rows = [_shallow(step) for step in steps]
    await conn.execute(_insert("steps", _STEP) + " ON CONFLICT DO NOTHING", _packed(rows))


async def amend_steps(conn: Connection, amended: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
    """Write what forms that were put right tell of their steps, by case and sequence; the last of several holds."""
    for case_id, sequence, values in amended:
        sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 3))
        query = f"UPDATE supervised_steps SET {sets} WHERE case_id = $1 AND sequence = $2 AND NOT returned"
        await conn.execute(query, case_id, sequence, *values.values())


async def proposals(conn: Connection, ids: Iterable[str]) -> dict[str, SupervisedProposal]:
    """The proposals on record among these, locked."""
    rows = await _locked(conn, "proposals", "proposal_id", ids)
    return {row["proposal_id"]: _of(SupervisedProposal, row) for row in rows}


async def save_proposals(conn: Connection, changed: Iterable[SupervisedProposal]) -> None:
    """Write proposals."""
    await _put(conn, "proposals", "proposal_id", _PROPOSAL, [_shallow(one) for one in changed])


async def save_appeals(conn: Connection, events: Iterable[AppealEvent]) -> None:
    """Write how appeals stand: each event tells all of it, and the highest revision holds."""
    last: dict[str, AppealEvent] = {}
    for event in events:
        if event.appeal_id not in last or last[event.appeal_id].revision < event.revision:
            last[event.appeal_id] = event
    newer = " WHERE t.revision < excluded.revision"
    await _put(conn, "appeals", "appeal_id", _APPEAL, [_appeal(event) for event in last.values()], newer)


async def _locked(conn: Connection, table: str, key: str, ids: Iterable[str]) -> list[Record]:
    query = f"SELECT * FROM supervised_{table} WHERE {key} = ANY($1::text[]) ORDER BY {key} FOR UPDATE"
    rows: list[Record] = await conn.fetch(query, sorted(set(ids)))
    return rows


async def _put(
    conn: Connection, table: str, key: str, columns: Sequence[str], rows: Iterable[dict[str, Any]], when: str = ""
) -> None:
    ordered = sorted(rows, key=lambda row: row[key])
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    query = f"{_insert(table, columns)} ON CONFLICT ({key}) DO UPDATE SET {sets}{when}"
    await conn.execute(query, _packed(ordered))


def _insert(table: str, columns: Sequence[str]) -> str:
    named = ", ".join(columns)
    source = f"jsonb_populate_recordset(NULL::supervised_{table}, $1::jsonb)"
    return f"INSERT INTO supervised_{table} AS t ({named}) SELECT {named} FROM {source}"


def _packed(rows: Sequence[dict[str, Any]]) -> Any:
    # Through JSON once, so that times are text; the connection's codec writes it again.
    return json.loads(json.dumps(rows, default=_text))


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value)


def _of(model: type[T], row: Record) -> T:
    names = [each.name for each in fields(model)]  # type: ignore[arg-type]
    values = {name: row[name] for name in names}
    return model(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _shallow(one: Any) -> dict[str, Any]:
    return {each.name: getattr(one, each.name) for each in fields(one)}


def _case_row(one: SupervisedCase, plan: Plan) -> dict[str, Any]:
    kind, fen = one.amount(plan)
    contracted = one.contracted
    named = contracted.contractor if contracted else None
    return {
        "case_id": one.case_id,
        "case_no": one.case_no,
        "flow": one.flow,
        "flow_version": one.flow_version,
        "matter": one.matter,
        "village_code": one.village_code,
        "town_code": one.town_code,
        "state": one.state,
        "opened_at": one.opened_at,
        "closed_at": one.closed_at,
        "withdrawn_at": one.withdrawn_at,
        "node": one.node,
        "due_at": one.due_at,
        "returns": one.returns,
        "amount_fen": fen,
        "amount_kind": kind,
        "contractor_key": named and named.key,
        "contractor_name": named and (named.name or plan.unknown_contractor.zh),
        "contracted_at": contracted and contracted.at,
        "told": {
            "sequence": one.sequence,
            "waiting": one.waiting,
            "dues": one.dues,
            "rests": one.rests,
            "resting": one.resting,
            "said": {str(number): asdict(said) for number, said in one.said.items()},
        },
    }


def _case(row: Record) -> SupervisedCase:
    told = row["told"]
    kept = ("case_id", "case_no", "flow", "flow_version", "matter", "village_code", "town_code", "state", "opened_at")
    return SupervisedCase(
        **{name: row[name] for name in (*kept, "closed_at", "withdrawn_at", "returns")},
        sequence=told["sequence"],
        waiting={node: _moment(at) for node, at in told["waiting"].items()},
        dues={node: at and _moment(at) for node, at in told["dues"].items()},
        rests=tuple((_moment(since), _moment(until)) for since, until in told["rests"]),
        resting=told["resting"] and _moment(told["resting"]),
        said={int(number): _said(said) for number, said in told["said"].items()},
    )


def _said(told: dict[str, Any]) -> Said:
    named = told["contractor"]
    return Said(told["by"], _moment(told["at"]), told["amounts"], Contractor(**named) if named else None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _appeal(event: AppealEvent) -> dict[str, Any]:
    same = {name: getattr(event, name) for name in _APPEAL if name not in ("closed_at", "due_at")}
    return same | {"due_at": event.due_by, "closed_at": event.occurred_at if event.state == "closed" else None}
