"""What officials of the county take back of what is public before its term, and put back again: one person takes away,
a second one must agree to put back. Each deed is one transaction with its line in the audit log."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.cases import WHOLE
from services.disclosure.errors import AlreadyTaken, NoSuchCase, NoSuchTakedown, PutBackByAnother, UnknownField
from services.disclosure.masking import masks
from services.disclosure.projections import downloads, takedowns
from services.disclosure.schemas import Answer
from shared import audit
from shared.auth import require
from shared.db import Connection, Database, Scope
from shared.principals import Principal
from shared.problems import FieldError
from shared.words import Name

TAKERS = ("county_secretary", "county_authority")
_MOST = 500
_TAKE = """
INSERT INTO takedowns (takedown_id, case_id, case_no, village_code, what, why, note, taken_by, taken_by_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_ASK = """
UPDATE takedowns SET asked_by = $2, asked_by_name = $3, asked_note = $4, asked_at = now()
WHERE takedown_id = $1 AND restored_at IS NULL
"""
_PUT_BACK = """
UPDATE takedowns SET restored_by = $2, restored_by_name = $3, restored_at = now()
WHERE takedown_id = $1 AND restored_at IS NULL AND asked_by <> $2
"""
_LIST = f"SELECT * FROM takedowns ORDER BY taken_at DESC, takedown_id DESC LIMIT {_MOST}"
Note = Annotated[str, Field(min_length=1, max_length=500, description="只给公职人员看的说明 / for officials alone")]


class Wanted(BaseModel):
    """What is to be taken back: one field wherever the case shows it, or `case` for all of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"what": "bids", "why": "secret"}]})

    what: str = Field(max_length=60, description="字段名,或 case 表示整个案件 / a field's name, or `case`")
    why: str = Field(max_length=20, description="privacy, secret, error, law")
    note: Note


class Reason(BaseModel):
    """Why it is to be public again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "复核后可以公开"}]})

    note: Note


class TakedownView(Answer):
    """What was taken back, by whom and why; `asked_*` and `restored_*` once it is to be, and was, put back."""

    takedown_id: uuid.UUID
    case_id: str
    case_no: str
    village_code: str
    what: str
    why: str
    note: str
    taken_by_name: str
    taken_at: datetime
    asked_by_name: str | None
    asked_note: str | None
    asked_at: datetime | None
    restored_by_name: str | None
    restored_at: datetime | None


async def listed(db: Database, caller: Principal) -> list[TakedownView]:
    """What was taken back in the caller's county, the latest first, 500 at most."""
    require(caller, *TAKERS)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return [_view(row) for row in await conn.fetch(_LIST)]


async def take(db: Database, caller: Principal, case_id: str, wanted: Wanted) -> TakedownView:
    """Take a field of a case, or all of it, away at once.

    Raises `NoSuchCase`, `AlreadyTaken`, `UnknownField`, `NotAllowed`.
    """
    require(caller, *TAKERS)
    _check(wanted)
    id = uuid.uuid4()
    async with db.begin(Scope.of(caller)) as conn:
        about = await conn.fetchrow("SELECT case_no, village_code FROM cases WHERE case_id = $1", case_id)
        if about is None:
            raise NoSuchCase("没有这个案件", "There is no such case")
        require(caller, *TAKERS, region=about["village_code"][:6] + "000000")
        values = id, case_id, about["case_no"], about["village_code"], wanted.what, wanted.why, wanted.note
        try:
            await conn.execute(_TAKE, *values, caller.subject, caller.name)
        except asyncpg.UniqueViolationError:
            raise AlreadyTaken("已经撤回", "It is taken back already") from None
        await _note(conn, caller, "publication.taken_back", case_id, wanted.what, about["village_code"])
    return await _obeyed(db, caller, id)


async def put_back(db: Database, caller: Principal, takedown_id: uuid.UUID, reason: Reason) -> TakedownView:
    """The first person asks, a second one puts it back; raises `NoSuchTakedown`, `PutBackByAnother`."""
    require(caller, *TAKERS)
    async with db.begin(Scope.of(caller)) as conn:
        row = await conn.fetchrow("SELECT * FROM takedowns WHERE takedown_id = $1 FOR UPDATE", takedown_id)
        if row is None or row["restored_at"]:
            raise NoSuchTakedown("没有这条撤回,或已恢复", "There is no such takedown, or it is over")
        if row["asked_by"] is None:
            await conn.execute(_ASK, takedown_id, caller.subject, caller.name, reason.note)
            deed = "publication.restoration_asked"
        else:
            if (await conn.execute(_PUT_BACK, takedown_id, caller.subject, caller.name)).endswith(" 0"):
                raise PutBackByAnother("恢复公开须由另一人同意", "Another person must agree to put it back")
            deed = "publication.restored"
        await _note(conn, caller, deed, row["case_id"], row["what"], row["village_code"])
    return await _obeyed(db, caller, takedown_id)


def reasons() -> dict[str, Name]:
    """Why officials may take something back."""
    return {code: name for code, name in masks().ended_because.items() if code != "term"}


def _check(wanted: Wanted) -> None:
    if wanted.what != WHOLE and wanted.what not in masks().rules:
        raise UnknownField(
            "没有公开过这个字段",
            "No such field is ever public",
            [FieldError("what", "填公开的字段名,或 case", "Name a public field, or `case`")],
        )
    if wanted.why not in reasons():
        listed = ", ".join(reasons())
        raise UnknownField(
            "没有这种理由", "No such reason", [FieldError("why", f"应为 {listed} 之一", f"One of {listed}")]
        )


async def _note(conn: Connection, caller: Principal, deed: str, case_id: str, what: str, village: str) -> None:
    await audit.record(conn, caller, deed, f"case:{case_id}", {"what": what}, region=village)


async def _obeyed(db: Database, caller: Principal, id: uuid.UUID) -> TakedownView:
    """Bring what is public in line at once. Should this process die before, the clock does it."""
    async with db.begin(Scope.system()) as conn:
        row = await conn.fetchrow("SELECT * FROM takedowns WHERE takedown_id = $1", id)
        assert row
        await takedowns.obey(conn, [row["case_id"]], datetime.now(UTC))
        await downloads.take_away(conn)
    return _view(row)


def _view(row: asyncpg.Record) -> TakedownView:
    return TakedownView(**{name: row[name] for name in TakedownView.model_fields})
