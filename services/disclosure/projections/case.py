"""The cases in PostgreSQL: what is public of them, and beside it, for the system alone, what is sealed."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from asyncpg import Record

from services.disclosure.cases import Case
from services.disclosure.errors import BadCaseNumber, BadCursor, NoSuchCase
from services.disclosure.masking import People
from services.disclosure.schemas import CaseCard, CaseFilter
from services.disclosure.vocabulary import vocabulary
from shared.db import Connection

_NUMBER = re.compile(r"[0-9A-Za-z一-鿿()\[\]（）〔〕【】_.:-]{1,64}")
_PUBLIC = "case_id, case_no, title, matter, flow, village_code, town_code, steps"
_LOAD = f"""
SELECT {_PUBLIC}, fields, people FROM cases JOIN sealed USING (case_id) WHERE case_id = ANY($1)
"""
_SAVE = """
WITH new AS (
    SELECT * FROM jsonb_to_recordset($1)
        AS n (case_id text, case_no text, title text, matter text, flow text, village_code text, town_code text,
              state text, updated_at timestamptz, steps jsonb, fields jsonb, people jsonb)
), public AS (
    INSERT INTO cases (case_id, case_no, title, matter, flow, village_code, town_code, state, updated_at, steps)
    SELECT case_id, case_no, title, matter, flow, village_code, town_code, state, updated_at, steps FROM new
    ON CONFLICT (case_id) DO UPDATE
    SET title = excluded.title, state = excluded.state, updated_at = excluded.updated_at, steps = excluded.steps
)
INSERT INTO sealed (case_id, fields, people) SELECT case_id, fields, people FROM new
ON CONFLICT (case_id) DO UPDATE SET fields = excluded.fields, people = excluded.people
"""
_SEARCH = f"""
SELECT {_PUBLIC} FROM cases
WHERE village_code = $1 AND ($2::text IS NULL OR matter = $2) AND ($3::text IS NULL OR state = $3)
  AND ($4::text IS NULL OR title ILIKE $4 OR case_no ILIKE $4 OR title IS NULL AND flow = ANY($5))
  AND ($6::timestamptz IS NULL OR (updated_at, case_id) < ($6, $7::text))
ORDER BY updated_at DESC, case_id DESC LIMIT $8
"""


@dataclass(frozen=True)
class Cursor:
    """The place behind the last case of a page."""

    updated_at: datetime
    case_id: str

    def text(self) -> str:
        """The cursor as it stands in a URL."""
        plain = f"{self.updated_at.isoformat()}|{self.case_id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """A cursor from a URL; raises `BadCursor`."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            moment, case_id = plain.split("|")
            updated_at = datetime.fromisoformat(moment)
            if updated_at.tzinfo is None or "\0" in case_id:
                raise ValueError
            return cls(updated_at, case_id)
        except (ValueError, binascii.Error) as error:
            raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error


async def load(conn: Connection, case_ids: Iterable[str]) -> dict[str, Case]:
    """The cases of these ids by id, with what is sealed of them."""
    rows = await conn.fetch(_LOAD, sorted(set(case_ids)))
    return {row["case_id"]: _whole(row) for row in rows}


async def save(conn: Connection, cases: Sequence[Case]) -> None:
    """Write cases as they now are; what may be shown of them and what may not go to tables of their own."""
    if cases:
        await conn.execute(_SAVE, [_row(case) for case in cases])


async def find(conn: Connection, key: str) -> Case:
    """A case by its id or number; raises `BadCaseNumber`, `NoSuchCase`."""
    if not _NUMBER.fullmatch(key):
        raise BadCaseNumber("编号只含字母、数字、汉字和连字符", "A number has letters, digits, characters and hyphens")
    row = await conn.fetchrow(
        f"SELECT {_PUBLIC} FROM cases WHERE case_id = $1 OR case_no = $1"
        " ORDER BY (case_id = $1) DESC, updated_at DESC, case_id LIMIT 1",
        key,
    )
    if row is None:
        raise NoSuchCase("没有公开的事项用这个编号", "No public case has this number")
    return _public(row)


async def search(conn: Connection, village: str, wanted: CaseFilter) -> tuple[list[CaseCard], str | None]:
    """A page of a village's cases, the latest moved first, and the cursor of the next page."""
    cursor = Cursor.parse(wanted.after) if wanted.after else None
    words = (wanted.q or "").replace("\0", "").strip()
    rows = await conn.fetch(
        _SEARCH,
        village,
        wanted.matter,
        wanted.state,
        _pattern(words) if words else None,
        [code for code, name in vocabulary().flows.items() if words.lower() in f"{name.zh} {name.en}".lower()],
        cursor and cursor.updated_at,
        cursor and cursor.case_id,
        wanted.limit + 1,
    )
    page = [_public(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    return [CaseCard.of(case) for case in page], Cursor(page[-1].updated_at, page[-1].case_id).text() if more else None


def _pattern(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _row(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": case.title,
        "matter": case.matter,
        "flow": case.flow,
        "village_code": case.village_code,
        "town_code": case.town_code,
        "state": case.state,
        "updated_at": case.updated_at.isoformat(),
        "steps": case.steps,
        "fields": case.sealed,
        "people": {"named": sorted(case.people.named), "private": sorted(case.people.private)},
    }


def _public(row: Record) -> Case:
    return Case(**{name: row[name] for name in _PUBLIC.split(", ")} | {"steps": tuple(row["steps"])})


def _whole(row: Record) -> Case:
    return replace(
        _public(row),
        sealed={int(sequence): fields for sequence, fields in row["fields"].items()},
        people=People(**{kind: frozenset(names) for kind, names in row["people"].items()}),
    )
