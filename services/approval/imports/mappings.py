"""The counties' own mappings in PostgreSQL: by name, each change a further version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record as Row

from services.approval.imports.errors import MappingNotFound, MappingTaken
from services.approval.imports.mapping import Mapping
from shared.db import Connection


@dataclass(frozen=True)
class Named:
    """One version of a mapping, and the region it belongs to."""

    name: str
    version: int
    region_code: str
    mapping: Mapping
    created_at: datetime


_COLUMNS = "name, version, region_code, mapping, created_at"


async def keep(conn: Connection, name: str, region: str, mapping: Mapping, subject: str) -> Named:
    """The next version of a mapping, or its first; raises `MappingTaken`."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('import_mappings'), hashtext($1))", name)
    before = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM import_mappings WHERE name = $1 ORDER BY version DESC LIMIT 1", name
    )
    if before and before["region_code"] != region:
        raise MappingTaken("请换一个名称", "Choose another name")
    told = mapping.model_dump(exclude_defaults=True)
    if before and before["mapping"] == told:
        return _named(before)
    row = await conn.fetchrow(
        "INSERT INTO import_mappings (name, version, region_code, mapping, subject)"
        f" VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}",
        name,
        before["version"] + 1 if before else 1,
        region,
        told,
        subject,
    )
    return _named(row)


async def find(conn: Connection, name: str, version: int | None = None) -> Named:
    """A mapping, its latest version unless another is asked for; raises `MappingNotFound`."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM import_mappings WHERE name = $1 AND version = coalesce($2, version)"
        " ORDER BY version DESC LIMIT 1",
        name,
        version,
    )
    if row is None:
        raise MappingNotFound(f"没有名为 {name} 的方案或这个版本", f"There is no mapping {name}, or not this version")
    return _named(row)


async def newest(conn: Connection, limit: int) -> list[Named]:
    """The latest version of each mapping, by name."""
    rows = await conn.fetch(
        f"SELECT DISTINCT ON (name) {_COLUMNS} FROM import_mappings ORDER BY name, version DESC LIMIT $1", limit
    )
    return [_named(row) for row in rows]


def _named(row: Row) -> Named:
    told: dict[str, Any] = row["mapping"]
    return Named(row["name"], row["version"], row["region_code"], Mapping.model_validate(told), row["created_at"])
