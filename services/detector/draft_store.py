"""Drafts of rule changes and their history in PostgreSQL."""

import uuid
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import asyncpg

from services.detector.drafts import Act, Draft, State
from services.detector.errors import BadRule, NoSuchDraft
from shared import audit
from shared.db import Connection
from shared.principals import Principal
from shared.problems import FieldError

_COLUMNS = ", ".join(field.name for field in fields(Draft))
_ADD = f"INSERT INTO rule_drafts ({_COLUMNS}) VALUES ({', '.join(f'${n + 1}' for n in range(len(fields(Draft))))})"
_PAGE = f"""
SELECT {_COLUMNS} FROM rule_drafts
WHERE ($1::text IS NULL OR rule_id = $1) AND ($2::text IS NULL OR state = $2)
  AND ($3::timestamptz IS NULL OR (drafted_at, id) < ($3, $4::uuid))
ORDER BY drafted_at DESC, id DESC LIMIT $5
"""
_ACTS = """
SELECT position, draft_id, rule_id, region_code, act, name, reason, at FROM rule_acts
WHERE ($1::uuid IS NULL OR draft_id = $1) AND ($2::text IS NULL OR rule_id = $2) AND position > $3
ORDER BY position LIMIT $4
"""
# Changes whose drafts are gone (the tables were made anew from the log) have their numbers still.
_NEXT_NUMBER = """
SELECT coalesce(max(number), 0) + 1
FROM (SELECT number FROM rule_drafts WHERE rule_id = $1 UNION ALL SELECT number FROM rule_changes WHERE rule_id = $1) n
"""
_NOTE = """
INSERT INTO rule_acts (draft_id, rule_id, region_code, act, subject, person_key, name, reason, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def add(conn: Connection, draft: Draft) -> None:
    """Keep a new draft; raises `BadRule` when its own rule's number is another's."""
    values = [getattr(draft, field.name) for field in fields(Draft)]
    try:
        await conn.execute(_ADD, *values)
    except asyncpg.UniqueViolationError as error:
        raise BadRule(
            "编号已被占用",
            "The number is taken",
            [FieldError("body.definition", f"编号 {draft.rule_id} 已被占用", f"{draft.rule_id} is already taken")],
        ) from error


async def get(conn: Connection, id: uuid.UUID, *, lock: bool = False) -> Draft:
    """A draft; with `lock` nobody else decides on it meanwhile. Raises `NoSuchDraft`."""
    sql = f"SELECT {_COLUMNS} FROM rule_drafts WHERE id = $1 {'FOR UPDATE' if lock else ''}"
    row = await conn.fetchrow(sql, id)
    if row is None:
        raise NoSuchDraft("该草案不存在,或不在本人区域内", "It does not exist or lies outside your region")
    return Draft(**row)


async def page(
    conn: Connection, *, rule_id: str | None, state: State | None, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> list[Draft]:
    """Drafts, the latest first, behind a place in the list."""
    at, id = after or (None, None)
    return [Draft(**row) for row in await conn.fetch(_PAGE, rule_id, state, at, id, limit)]


async def next_number(conn: Connection, rule_id: str) -> int:
    """The number of a rule's next change; nobody else gets one of this rule until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('rule number'), hashtext($1))", rule_id)
    number: int = await conn.fetchval(_NEXT_NUMBER, rule_id)
    return number


async def decide(conn: Connection, draft: Draft, state: State, number: int | None = None) -> None:
    """Set a locked draft's state, and the number of a change that was approved."""
    await conn.execute("UPDATE rule_drafts SET state = $2, number = $3 WHERE id = $1", draft.id, state, number)


async def note(conn: Connection, draft: Draft, act: Act, who: Principal, reason: str, at: datetime) -> None:
    """Add to the history."""
    place = (draft.id, draft.rule_id, draft.region_code, act)
    await conn.execute(_NOTE, *place, who.subject, who.person_key, who.name, reason, at)
    told = {"draft": str(draft.id)}
    await audit.record(conn, who, f"rule.{act}", f"rule:{draft.rule_id}", told, region=draft.region_code)


async def acts(
    conn: Connection, *, draft_id: uuid.UUID | None = None, rule_id: str | None = None, after: int = 0, limit: int = 200
) -> Sequence[dict[str, Any]]:
    """Who did what, when and why, in turn."""
    return [dict(row) for row in await conn.fetch(_ACTS, draft_id, rule_id, after, limit)]
