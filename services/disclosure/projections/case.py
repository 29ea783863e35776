"""The cases in PostgreSQL: what is public of them, and beside it, for the system alone, what is withheld."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from services.disclosure import search as searching
from services.disclosure.cases import Case
from services.disclosure.errors import BadCaseNumber, BadCursor, NoSuchCase, SeveralCases
from services.disclosure.fading import faded, fades_at
from services.disclosure.masking import Masks, masks
from services.disclosure.opendata import contracting
from services.disclosure.people import People
from services.disclosure.schemas import CaseCard, CaseFilter
from services.disclosure.vocabulary import Vocabulary
from shared import cursor
from shared.background import by_turns
from shared.db import Connection

_NUMBER = re.compile(r"[0-9A-Za-z一-鿿()\[\]（）〔〕【】_.:/-]{1,64}")
_CASE = "case_id, case_no, title, matter, flow, flow_version, village_code, town_code, taken, history"
PUBLIC = f"{_CASE}, fades_at"
_LOAD = f"""
SELECT {PUBLIC}, fields, people FROM cases JOIN withheld USING (case_id) WHERE case_id = ANY($1)
"""
_SAVE = """
WITH new AS (
    SELECT * FROM jsonb_to_recordset($1)
        AS n (case_id text, case_no text, title text, matter text, flow text, flow_version int, village_code text,
              town_code text, state text, updated_at timestamptz, notice_until timestamptz, public_until timestamptz,
              opened_at timestamptz, related_no text, fades_at timestamptz, taken jsonb, words text, card jsonb,
              history jsonb, fields jsonb, people jsonb)
), public AS (
    INSERT INTO cases (case_id, case_no, title, matter, flow, flow_version, village_code, town_code, state, updated_at,
                       notice_until, public_until, opened_at, related_no, fades_at, taken, words, card, history)
    SELECT case_id, case_no, title, matter, flow, flow_version, village_code, town_code, state, updated_at,
           notice_until, public_until, opened_at, related_no, fades_at, taken, words, card, history FROM new
    ON CONFLICT (case_id) DO UPDATE
    SET case_no = excluded.case_no, title = excluded.title, state = excluded.state, updated_at = excluded.updated_at,
        notice_until = excluded.notice_until, public_until = excluded.public_until, opened_at = excluded.opened_at,
        related_no = excluded.related_no, fades_at = excluded.fades_at, taken = excluded.taken, words = excluded.words,
        card = excluded.card, history = excluded.history, changed_at = now()
)
INSERT INTO withheld (case_id, fields, people) SELECT case_id, fields, nullif(people, 'null') FROM new
ON CONFLICT (case_id) DO UPDATE SET fields = excluded.fields, people = excluded.people
"""
# What is told of a contract changes with the case that changes it.
_TOUCH = """
UPDATE cases c SET changed_at = now() FROM unnest($1::text[], $2::text[]) AS n (village_code, case_no)
WHERE c.village_code = n.village_code AND c.case_no = n.case_no
"""
_SEARCH = """
SELECT card, updated_at, case_id FROM cases
WHERE village_code = $1 AND ($2::text IS NULL OR matter = $2) AND ($3::text IS NULL OR state = $3)
  AND words LIKE ALL ($4::text[])
  AND ($5::timestamptz IS NULL OR (updated_at, case_id) < ($5, $6::text))
  AND (NOT $8 OR notice_until > now())
ORDER BY updated_at DESC, case_id DESC LIMIT $7
"""


async def load(conn: Connection, case_ids: Iterable[str]) -> dict[str, Case]:
    """The cases of these ids by id, with what is withheld of them."""
    rows = await conn.fetch(_LOAD, sorted(set(case_ids)))
    return {row["case_id"]: _whole(row) for row in rows}


async def villages_of(conn: Connection, case_ids: Sequence[str]) -> set[str]:
    """The villages of these cases."""
    rows = await conn.fetch("SELECT DISTINCT village_code FROM cases WHERE case_id = ANY($1)", case_ids)
    return {row["village_code"] for row in rows}


async def fading(conn: Connection, now: datetime, limit: int) -> list[str]:
    """Cases that hold something which is no longer public at a moment."""
    rows = await conn.fetch("SELECT case_id FROM cases WHERE fades_at <= $1 ORDER BY fades_at LIMIT $2", now, limit)
    return [row["case_id"] for row in rows]


async def save(conn: Connection, cases: Sequence[Case], masks: Masks, words: Vocabulary) -> None:
    """Write cases as they now are; what may be shown of them and what may not go to tables of their own."""
    if cases:
        rows = [_row(case, masks, words) async for case in by_turns(cases)]
        await conn.execute(_SAVE, rows)
        if changing := [row for row in rows if row["related_no"]]:
            villages, numbers = [row["village_code"] for row in changing], [row["related_no"] for row in changing]
            await conn.execute(_TOUCH, villages, numbers)


async def find(conn: Connection, case_id: str) -> Case:
    """A case by its id; raises `NoSuchCase`."""
    row = await conn.fetchrow(f"SELECT {PUBLIC} FROM cases WHERE case_id = $1", check(case_id))
    if row is None:
        raise NoSuchCase("没有公开的案件用这个编号", "No public case has this number")
    return of_row(row)


async def identify(conn: Connection, key: str) -> str:
    """The id of the case of this id or number; raises `NoSuchCase`, `SeveralCases`: a number is a village's own."""
    rows = await conn.fetch(
        "SELECT case_id FROM cases WHERE case_id = $1 OR case_no = $1 ORDER BY (case_id = $1) DESC LIMIT 2", check(key)
    )
    ids = [str(row["case_id"]) for row in rows]
    if not ids:
        raise NoSuchCase("没有公开的案件用这个编号", "No public case has this number")
    if len(ids) > 1 and key not in ids:
        raise SeveralCases(
            "几个村都有这个编号的案件,请从村的案件列表中打开",
            "Several villages have such a case: open it from its village",
        )
    return ids[0]


def check(key: str) -> str:
    """A number or id of the right form; raises `BadCaseNumber`."""
    if not _NUMBER.fullmatch(key):
        raise BadCaseNumber("编号只含字母、数字、汉字和连字符", "A number has letters, digits, characters and hyphens")
    return key


async def search(conn: Connection, village: str, wanted: CaseFilter) -> tuple[list[CaseCard], str | None]:
    """A page of a village's cases, the latest moved first, and the cursor of the next page."""
    after, last_id = moment_and_id(wanted.after) if wanted.after else (None, None)
    rows = await conn.fetch(
        _SEARCH,
        village,
        wanted.matter,
        wanted.state,
        searching.patterns(wanted.q or ""),
        after,
        last_id,
        wanted.limit + 1,
        wanted.on_notice,
    )
    page = rows[: wanted.limit]
    following = cursor.write(page[-1]["updated_at"].isoformat(), page[-1]["case_id"]) if len(rows) > len(page) else None
    return [CaseCard.model_validate(row["card"]) for row in page], following


def moment_and_id(text: str) -> tuple[datetime, str]:
    """The place behind the last case of a page, from its cursor; raises `BadCursor`."""
    try:
        moment, case_id = cursor.read(text)
        updated_at = datetime.fromisoformat(moment)
        if updated_at.tzinfo is None or "\0" in case_id:
            raise ValueError
    except ValueError as error:
        raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error
    return updated_at, case_id


def _row(case: Case, masks: Masks, words: Vocabulary) -> dict[str, Any]:
    until, ends = case.public_until(masks), max(case.notices.values(), default=None)
    fading = fades_at(case, masks)
    return {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": case.title,
        "matter": case.matter,
        "flow": case.flow,
        "flow_version": case.flow_version,
        "village_code": case.village_code,
        "town_code": case.town_code,
        "state": case.state,
        "updated_at": case.updated_at.isoformat(),
        "notice_until": ends and ends.isoformat(),
        "public_until": until and until.isoformat(),
        "opened_at": case.opened_at.isoformat(),
        "related_no": contracting.changed_case(case, masks),
        "fades_at": fading and fading.isoformat(),
        "taken": case.taken,
        "words": searching.words_of(case, masks, words),
        "card": CaseCard.of(case, masks, words).model_dump(mode="json"),
        "history": case.history,
        "fields": case.withheld,
        "people": None
        if case.people is None
        else {kind: sorted(getattr(case.people, kind)) for kind in ("private", "party", "official")},
    }


def of_row(row: Record, at: datetime | None = None) -> Case:
    """The public case of a row that has the columns of `PUBLIC`, at a moment: now, when none is named."""
    case = _of_columns(row)
    ends, at = row["fades_at"], at or datetime.now(UTC)
    return faded(case, masks(), at) if ends and ends <= at else case


def _of_columns(row: Record) -> Case:
    return Case(**{name: row[name] for name in _CASE.split(", ")} | {"history": tuple(row["history"])})


def _whole(row: Record) -> Case:
    known = row["people"]
    return replace(
        _of_columns(row),
        withheld={int(sequence): fields for sequence, fields in row["fields"].items()},
        people=None if known is None else People(**{kind: frozenset(names) for kind, names in known.items()}),
    )
