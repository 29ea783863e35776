"""The villages' pages in PostgreSQL: locked and rewritten by the batch that changes them, read by anybody."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from asyncpg import Record

from services.disclosure import village_page
from services.disclosure.packed import Packed
from services.disclosure.rendered import Rendered
from services.disclosure.schemas import Counts, County, Named, TownEntry, VillageEntry, VillageLinks, VillagePage
from services.disclosure.vocabulary import vocabulary
from shared import regions
from shared.background import by_turns
from shared.db import Connection

CHANNEL = "villages"
_PAGE = "village_code, whole, body, stale_at"
_LOCK = f"SELECT {_PAGE} FROM villages WHERE village_code = ANY($1) ORDER BY village_code FOR UPDATE"
_ADD = "INSERT INTO villages (village_code, whole, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_SAVE = f"""
WITH changed AS (
    UPDATE villages v
    SET running = n.running, closed = n.closed, withdrawn = n.withdrawn, whole = n.whole, body = n.body,
        stale_at = n.stale_at
    FROM unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::jsonb[], $6::bytea[], $7::timestamptz[])
         AS n (village_code, running, closed, withdrawn, whole, body, stale_at)
    WHERE v.village_code = n.village_code
    RETURNING v.village_code
)
SELECT pg_notify(current_schema() || '.{CHANNEL}', village_code) FROM changed
"""


async def load(conn: Connection, codes: Iterable[str]) -> dict[str, Rendered]:
    """The pages of these villages as they stand, locked until the commit: two topics may touch one village."""
    wanted = sorted(filter(village_page.known, set(codes)))
    rows = await conn.fetch(_LOCK, wanted)
    if len(rows) < len(wanted):
        empty = [(code, _blank(code)) for code in sorted(set(wanted) - {row["village_code"] for row in rows})]
        await conn.executemany(_ADD, [(code, _json(page.whole), page.body.zipped) for code, page in empty])
        rows = await conn.fetch(_LOCK, wanted)
    return {row["village_code"]: _rendered(row) for row in rows}


async def save(conn: Connection, held: Mapping[str, Rendered], pages: Mapping[str, VillagePage], now: datetime) -> None:
    """Render each page once, write those that differ from what was `held`, and tell every reader's cache at commit."""
    rendered = {code: Rendered.of(page, now) async for code, page in by_turns(pages.items())}
    changed = {code: each for code, each in rendered.items() if each != held[code]}
    if not changed:
        return
    totals = [_total(pages[code]) for code in changed]
    await conn.execute(
        _SAVE,
        list(changed),
        [total.running for total in totals],
        [total.closed for total in totals],
        [total.withdrawn for total in totals],
        [_json(each.whole) for each in changed.values()],
        [each.body.zipped for each in changed.values()],
        [each.stale_at for each in changed.values()],
    )


async def read(conn: Connection, code: str) -> Rendered:
    """The page of a village of the county."""
    row = await conn.fetchrow(f"SELECT {_PAGE} FROM villages WHERE village_code = $1", code)
    return _rendered(row) if row else _blank(code)


async def county(conn: Connection) -> County:
    """All villages by town, with the number of their cases."""
    rows = await conn.fetch("SELECT village_code, running, closed, withdrawn FROM villages")
    counts = {row["village_code"]: row for row in rows}
    return County(
        county=Named.region(regions.COUNTY),
        towns=tuple(
            TownEntry(
                town=Named.region(town.code),
                villages=tuple(_entry(each.code, counts.get(each.code)) for each in regions.villages(town.code)),
            )
            for town in regions.towns()
        ),
    )


def _entry(code: str, row: Record | None) -> VillageEntry:
    counts = {state: row[state] if row else 0 for state in Counts.model_fields}
    return VillageEntry(village=Named.region(code), links=VillageLinks.of(code), **counts)


def _total(page: VillagePage) -> Counts:
    return Counts(
        running=sum(each.running for each in page.matters),
        closed=sum(each.closed for each in page.matters),
        withdrawn=sum(each.withdrawn for each in page.matters),
    )


def _blank(code: str) -> Rendered:
    # A page without notices is the same at every moment.
    return Rendered.of(village_page.blank(code, vocabulary()), datetime.max)


def _rendered(row: Record) -> Rendered:
    return Rendered(Packed.from_zipped(row["body"]), VillagePage.model_validate(row["whole"]), row["stale_at"])


def _json(page: VillagePage) -> dict[str, Any]:
    return page.model_dump(mode="json")
