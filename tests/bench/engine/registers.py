"""The registers as flat tables, as a user of the engine would hand them to it, and where it writes what it found."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import asyncpg

from services.detector.features.matches import holders_of
from shared.contracts.reference import Company, Record, Staff
from shared.db import region_prefix
from shared.workdays import SHANGHAI

_TABLES = """
CREATE SCHEMA engine;
CREATE TABLE engine.behind (company_id text, person_key text, PRIMARY KEY (company_id, person_key));
CREATE TABLE engine.staff (person_key text, level text, prefix text, since bigint, ends bigint);
CREATE TABLE engine.alerts (rule_id text, about text, PRIMARY KEY (rule_id, about));
"""
_INDEX = "CREATE INDEX ON engine.staff (person_key); ANALYZE engine.behind; ANALYZE engine.staff"
_FOR_GOOD = date(9000, 1, 1)


async def fill(url: str, records: Iterable[Record]) -> None:
    """Make the tables of a fresh database and fill them."""
    behind: set[tuple[str, str]] = set()
    staff: list[tuple[str, str, str, int, int]] = []
    for record in records:
        match record:
            case Company():
                behind |= {(record.id, person) for person, *_ in holders_of(record) if person}
            case Staff() if record.person_key:
                since, until = (_millis(day) for day in (record.valid_from, record.valid_to or _FOR_GOOD))
                for region in record.oversees or (record.region_code,):
                    prefix = region_prefix(region).rstrip("%")
                    staff.append((record.person_key, record.level, prefix, since, until))
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(_TABLES)
        await conn.copy_records_to_table("behind", schema_name="engine", records=sorted(behind))
        await conn.copy_records_to_table("staff", schema_name="engine", records=staff)
        await conn.execute(_INDEX)
    finally:
        await conn.close()


def _millis(day: date) -> int:
    """The beginning of a day in Shanghai, in milliseconds since 1970."""
    begins = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return round(begins.astimezone(UTC).timestamp() * 1000)
