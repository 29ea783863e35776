"""Cases over the whole county as anybody may list them, the least recently changed first.

Whoever pages through sees all: what changes meanwhile moves to the end, and is seen again.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from asyncpg import Record

from services.disclosure.cases import Case
from services.disclosure.masking import Masks
from services.disclosure.opendata import contracting
from services.disclosure.opendata.contracting import Change
from services.disclosure.opendata.schemas import OpenCase, OpenCaseFilter, ProcessFilter
from services.disclosure.projections.case import PUBLIC, moment_and_id, of_row
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import Vocabulary
from shared import cursor
from shared.db import Connection
from shared.workdays import SHANGHAI

_CARD = "card, case_id, village_code, town_code, flow, flow_version, notice_until, changed_at"
_CHANGES = f"""
SELECT {PUBLIC}, related_no FROM cases
WHERE flow = '{contracting.CHANGE}' AND state = 'closed' AND related_no IS NOT NULL
"""
_OF_CASES = " AND (village_code, related_no) IN (SELECT * FROM unnest($1::text[], $2::text[]))"
# Which state of the cases, and of the policies, a file was made of: it differs when anything has changed, come, or is
# no longer public.
_STATE = """
SELECT count(*) || '.' || coalesce(sum(hashtextextended(case_id || changed_at::text, 0)), 0) || (
           SELECT '.' || coalesce(sum(hashtextextended(concat_ws('.', policy_id, version, withdrawn_at), 0)), 0)
           FROM policy_versions WHERE published_at IS NOT NULL) AS cases,
       coalesce(sum(hashtextextended(case_id || taken::text, 0)) FILTER (WHERE taken <> '{}'), 0)::text AS taken
FROM cases
"""
_FEED = f"""
SELECT {PUBLIC} FROM cases WHERE village_code = $1 AND matter <> ALL($2)
ORDER BY updated_at DESC, case_id DESC LIMIT $3
"""
_FED = 50


@dataclass(frozen=True)
class State:
    """Which state the cases are in, and what officials have taken back of them by then."""

    cases: str
    taken: str


@dataclass
class _Where:
    """Conditions with their values."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition, a `?` in it for each value."""
        for value in values:
            self.values.append(value)
            condition = condition.replace("?", f"${len(self.values)}", 1)
        self.conditions.append(condition)

    def __str__(self) -> str:
        return "WHERE " + " AND ".join(self.conditions) if self.conditions else ""


async def search(conn: Connection, wanted: OpenCaseFilter, words: Vocabulary) -> tuple[list[OpenCase], str | None]:
    """A page of cases, and the cursor of the next page. Raises `BadCursor`."""
    where = _where(wanted)
    for column in ("matter", "flow", "state"):
        if (value := getattr(wanted, column)) is not None:
            where.add(f"{column} = ?", value)
    if wanted.on_notice:
        where.add("notice_until > now()")
    rows, following = await _page(conn, _CARD, where, wanted)
    return [_open(row, words) for row in rows], following


async def processes(conn: Connection, wanted: ProcessFilter, matters: Sequence[str]) -> tuple[list[Case], str | None]:
    """A page of the cases that are contracting processes. Raises `BadCursor`."""
    where = _where(wanted)
    where.add("matter = ANY(?)", list(matters))
    where.add("flow <> ?", contracting.CHANGE)
    rows, following = await _page(conn, f"{PUBLIC}, changed_at", where, wanted)
    return [of_row(row) for row in rows], following


async def changes(conn: Connection, cases: Sequence[Case], masks: Masks) -> dict[str, list[Change]]:
    """The resolved changes of these cases' contracts, by the case's id."""
    ids = {(case.village_code, case.case_no): case.case_id for case in cases}
    rows = await conn.fetch(_CHANGES + _OF_CASES, [key[0] for key in ids], [key[1] for key in ids])
    found: dict[str, list[Change]] = {}
    for key, change in _resolved(rows, masks):
        found.setdefault(ids[key], []).append(change)
    return found


async def all_changes(conn: Connection, masks: Masks, at: datetime) -> dict[tuple[str, str], list[Change]]:
    """All resolved changes as they are public at a moment, by the village and number of the case that they change."""
    found: dict[tuple[str, str], list[Change]] = {}
    for key, change in _resolved(await conn.fetch(_CHANGES), masks, at):
        found.setdefault(key, []).append(change)
    return found


async def every(conn: Connection, hidden: Sequence[str], at: datetime) -> AsyncIterator[Case]:
    """All cases but those of some matters as they are public at a moment, village by village, a few in memory."""
    query = f"SELECT {PUBLIC} FROM cases WHERE matter <> ALL($1) ORDER BY village_code, opened_at, case_id"
    async for row in conn.cursor(query, hidden, prefetch=200):
        yield of_row(row, at)


async def latest(conn: Connection, village: str, hidden: Sequence[str]) -> list[Case]:
    """What moved last in a village, but for some matters."""
    return [of_row(row) for row in await conn.fetch(_FEED, village, hidden, _FED)]


async def state(conn: Connection) -> State:
    """Which state the cases are in."""
    row = await conn.fetchrow(_STATE)
    assert row
    return State(**row)


def _where(wanted: ProcessFilter) -> _Where:
    where = _Where()
    if wanted.village:
        where.add("village_code = ?", wanted.village)
    if wanted.town:
        where.add("town_code = ?", wanted.town)
    if wanted.opened_from:
        where.add("opened_at >= ?", _begin(wanted.opened_from))
    if wanted.opened_to:
        where.add("opened_at < ?", _begin(wanted.opened_to) + timedelta(days=1))
    if wanted.since:
        where.add("changed_at >= ?", wanted.since)
    if wanted.after:
        where.add("(changed_at, case_id) > (?, ?)", *moment_and_id(wanted.after))
    return where


async def _page(
    conn: Connection, columns: str, where: _Where, wanted: ProcessFilter
) -> tuple[list[Record], str | None]:
    query = f"SELECT {columns} FROM cases {where} ORDER BY changed_at, case_id LIMIT {wanted.limit + 1}"
    rows = await conn.fetch(query, *where.values)
    page = rows[: wanted.limit]
    more = len(rows) > len(page)
    return page, cursor.write(page[-1]["changed_at"].isoformat(), page[-1]["case_id"]) if more else None


def _resolved(rows: Sequence[Record], masks: Masks, at: datetime | None = None) -> list[tuple[tuple[str, str], Change]]:
    found = (((row["village_code"], row["related_no"]), contracting.change_of(of_row(row, at), masks)) for row in rows)
    return [(key, change) for key, change in found if change]


def _open(row: Record, words: Vocabulary) -> OpenCase:
    return OpenCase(
        **row["card"],
        village=Named.region(row["village_code"]),
        town=Named.region(row["town_code"]),
        flow=Named.of(row["flow"], words.flow(row["flow"], row["flow_version"])),
        notice_until=row["notice_until"],
        changed_at=row["changed_at"],
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
