"""Figures, seals and cards in PostgreSQL."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record
from pydantic import TypeAdapter

from services.disclosure.evaluation.cards import Dealt, Quartered
from services.disclosure.evaluation.counting import Item
from services.disclosure.evaluation.figures import Figure
from services.disclosure.evaluation.indicators import Plan
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.scoring import Card
from shared.db import Connection

_CARD = TypeAdapter(Card)
_BATCHES = """
SELECT quarter, figures FROM evaluation_figures
WHERE county_code = $1 AND state = 'approved' AND quarter <= $2
ORDER BY decided_at, batch_id
"""
_DECIDE = """
UPDATE {table} SET state = $2, decided_by = $3, decided_at = clock_timestamp()
WHERE {key} = $1 AND state = ANY(ARRAY['drafted', 'proposed']) AND drafted_by <> $3
"""


async def add_figures(
    conn: Connection, county: str, quarter: Quarter, figures: Sequence[Figure], note: str, by: str
) -> uuid.UUID:
    """Keep figures that wait for a second person."""
    batch = uuid.uuid4()
    rows = [[one.village, one.name, one.value] for one in figures]
    await conn.execute(
        "INSERT INTO evaluation_figures (batch_id, county_code, quarter, figures, note, drafted_by)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        *(batch, county, str(quarter), rows, note, by),
    )
    return batch


async def approved(conn: Connection, county: str, quarter: Quarter) -> list[tuple[Quarter, list[Figure]]]:
    """Approved figures up to a quarter, in the order of their approval."""
    rows = await conn.fetch(_BATCHES, county, str(quarter))
    return [(_quarter(row["quarter"]), [Figure(*one) for one in row["figures"]]) for row in rows]


async def history(conn: Connection, county: str, quarter: Quarter) -> tuple[list[Record], list[Record]]:
    """Batches of figures and seals of a quarter, the latest first."""
    batches = await conn.fetch(
        "SELECT batch_id, jsonb_array_length(figures) AS figures, note, state, drafted_by, drafted_at, decided_by,"
        " decided_at FROM evaluation_figures WHERE county_code = $1 AND quarter = $2 ORDER BY drafted_at DESC",
        *(county, str(quarter)),
    )
    seals = await conn.fetch(
        "SELECT seal_id, revision, reason, state, as_of, drafted_by, decided_by, decided_at FROM evaluation_seals"
        " WHERE county_code = $1 AND quarter = $2 ORDER BY as_of DESC",
        *(county, str(quarter)),
    )
    return batches, seals


async def figures_of(conn: Connection, batch: uuid.UUID) -> Record | None:
    """One batch."""
    return await conn.fetchrow("SELECT * FROM evaluation_figures WHERE batch_id = $1", batch)


async def seal_of(conn: Connection, seal: uuid.UUID) -> Record | None:
    """One seal, without its cards."""
    return await conn.fetchrow("SELECT * FROM evaluation_seals WHERE seal_id = $1", seal)


async def decide(conn: Connection, table: str, id: uuid.UUID, state: str, by: str) -> bool:
    """Whether somebody other than its author has now decided of what waited."""
    key = {"evaluation_figures": "batch_id", "evaluation_seals": "seal_id"}[table]
    done: str = await conn.execute(_DECIDE.format(table=table, key=key), id, state, by)
    return done == "UPDATE 1"


async def propose(conn: Connection, made: Quartered, revision: int, reason: str, by: str) -> uuid.UUID | None:
    """Keep cards that wait for a second person; None when others wait already."""
    seal = uuid.uuid4()
    added = await conn.fetchval(
        "INSERT INTO evaluation_seals (seal_id, county_code, quarter, revision, reason, plan, as_of, drafted_by)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING seal_id",
        *(seal, made.county, str(made.quarter), revision, reason),
        made.plan.model_dump_json(by_alias=True),
        *(made.as_of, by),
    )
    if added is None:
        return None
    rows = [
        (seal, code, one.weight, _CARD.dump_python(one.card, mode="json"), _packed(one.records))
        for code, one in made.cards.items()
    ]
    await conn.executemany(
        "INSERT INTO evaluation_cards (seal_id, region_code, weight, card, records) VALUES ($1, $2, $3, $4, $5)", rows
    )
    return seal


async def revision(conn: Connection, county: str, quarter: Quarter) -> int:
    """The highest sealed revision of a quarter; 0 when none is."""
    found: int = await conn.fetchval(
        "SELECT coalesce(max(revision), 0) FROM evaluation_seals"
        " WHERE county_code = $1 AND quarter = $2 AND state = 'sealed'",
        *(county, str(quarter)),
    )
    return found


async def sealed(conn: Connection, county: str, quarter: Quarter, revision: int | None = None) -> Quartered | None:
    """The sealed cards that the caller may read, of the highest revision or the one asked for; None without a seal.

    Their records are left where they are: `records` reads those of one card.
    """
    seal = await conn.fetchrow(
        "SELECT * FROM evaluation_seals WHERE county_code = $1 AND quarter = $2 AND state = 'sealed'"
        " AND ($3::int IS NULL OR revision = $3) ORDER BY revision DESC LIMIT 1",
        *(county, str(quarter), revision),
    )
    if seal is None:
        return None
    return await held_by(conn, seal, seal["revision"])


async def held_by(conn: Connection, seal: Record, revision: int | None) -> Quartered:
    """The cards of a seal, as that revision; None while nobody has approved it."""
    rows = await conn.fetch(
        "SELECT region_code, weight, card FROM evaluation_cards WHERE seal_id = $1", seal["seal_id"]
    )
    cards = {row["region_code"]: Dealt(_CARD.validate_python(row["card"]), row["weight"], {}) for row in rows}
    plan, as_of = Plan.model_validate_json(seal["plan"]), seal["as_of"]
    return Quartered(seal["county_code"], _quarter(seal["quarter"]), plan, as_of, cards, revision, seal["reason"])


async def waiting_figures(conn: Connection, county: str, quarter: Quarter) -> int:
    """How many batches of a quarter wait for a second person."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM evaluation_figures WHERE county_code = $1 AND quarter = $2 AND state = 'drafted'",
        *(county, str(quarter)),
    )
    return found


async def records(conn: Connection, county: str, quarter: Quarter, revision: int, code: str, line: str) -> list[Item]:
    """The records behind a line of a sealed card, as far as the caller may read the card."""
    found = await conn.fetchval(
        "SELECT records->$5 FROM evaluation_cards JOIN evaluation_seals USING (seal_id)"
        " WHERE county_code = $1 AND quarter = $2 AND revision = $3 AND state = 'sealed' AND region_code = $4",
        *(county, str(quarter), revision, code, line),
    )
    return [Item(code, line, *one) for one in found or ()]


def _packed(records: Mapping[str, Sequence[Item]]) -> dict[str, list[Any]]:
    return {line: [[one.kind, one.id, one.met, one.due] for one in some] for line, some in records.items()}


def _quarter(text: str) -> Quarter:
    found = Quarter.parse(text)
    assert found, "the table's check holds"
    return found
