"""What is sealed with an older key is sealed with the current one, in batches beside the running services.

`python -m shared.rotation` (`make rotate-keys`). Each batch is a transaction: killed, it goes on where it was,
for a value tells by which key it was sealed. When none is left, the older key can go.
Why hashes don't rotate: decisions/0013.
"""

import asyncio
from functools import cache
from pathlib import Path

import asyncpg
import yaml
from cryptography.exceptions import InvalidTag
from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.db import Connection
from shared.identity import IdentitySecret, seal, unseal
from shared.settings import Settings

_FILE = Path(__file__).with_name("rotation.yaml")
_BATCH = 500


class NotTheOwner(Exception):
    """The database's user is bound by row-level security: it would leave rows out."""


class Sealed(BaseModel):
    """A table and its sealed columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    columns: tuple[str, ...]


@cache
def sealed_columns() -> dict[str, tuple[Sealed, ...]]:
    """What is kept sealed, by service."""
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, tuple[Sealed, ...]]).validate_python(told)


async def rotate(settings: Settings, *, batch: int = _BATCH) -> dict[str, int]:
    """Seal anew what isn't sealed by the current key: values by `service.table.column`.

    Raises `NotTheOwner`, and `InvalidTag` for a value of a key that isn't among the settings: then nothing of its batch
    is changed.
    """
    assert isinstance(settings.identity_secret, IdentitySecret)
    conn, done = await asyncpg.connect(settings.database_url), dict[str, int]()
    try:
        if not await conn.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"):
            raise NotTheOwner("数据库用户须能越过行级安全 / the database's user must bypass row-level security")
        for service, tables in sealed_columns().items():
            for one in tables:
                for column in one.columns:
                    place = f"{service}.{one.table}.{column}"
                    done[place] = await _rotate_column(conn, f"{service}.{one.table}", column, settings, batch)
    finally:
        await conn.close()
    return done


async def _rotate_column(conn: Connection, table: str, column: str, settings: Settings, batch: int) -> int:
    done = 0
    while count := await _rotate_batch(conn, table, column, settings.identity_secret, batch):
        done += count
    return done


async def _rotate_batch(conn: Connection, table: str, column: str, secret: str, batch: int) -> int:
    assert isinstance(secret, IdentitySecret)
    # A value without a dot was sealed before keys had names.
    older = f"NOT starts_with({column}, $1)" if secret.current else f"strpos({column}, '.') > 0"
    async with conn.transaction():
        rows = await conn.fetch(
            f"SELECT ctid, {column} AS sealed FROM {table} WHERE {column} <> '' AND {older} AND $1::text IS NOT NULL"
            f" LIMIT {batch} FOR UPDATE",
            secret.current,
        )
        anew = [seal(unseal(row["sealed"], secret), secret) for row in rows]
        await conn.execute(
            f"UPDATE {table} t SET {column} = n.sealed FROM unnest($1::tid[], $2::text[]) AS n (at, sealed)"
            " WHERE t.ctid = n.at",
            [row["ctid"] for row in rows],
            anew,
        )
    return len(rows)


async def left(settings: Settings) -> dict[str, int]:
    """How many values each key still holds, by its name; "" are those from before keys had names."""
    conn, found = await asyncpg.connect(settings.database_url), dict[str, int]()
    try:
        for service, tables in sealed_columns().items():
            for one in tables:
                for column in one.columns:
                    rows = await conn.fetch(
                        f"SELECT CASE WHEN strpos({column}, '.') > 0 THEN split_part({column}, '.', 1) ELSE '' END"
                        f" AS name, count(*) AS count FROM {service}.{one.table} WHERE {column} <> '' GROUP BY 1"
                    )
                    for row in rows:
                        found[row["name"]] = found.get(row["name"], 0) + row["count"]
    finally:
        await conn.close()
    return found


async def main() -> int:
    """Rotate and tell what came of it; returns the exit code."""
    settings = Settings()
    try:
        done = await rotate(settings)
    except InvalidTag as error:
        print(f"有值由未知的密钥加密,请把它加回 SEALING_KEYS / sealed by a key that isn't in SEALING_KEYS: {error}")
        return 1
    except NotTheOwner as error:
        print(error)
        return 1
    for place, count in done.items():
        print(f"{place}: {count}")
    kept = await left(settings)
    print("各密钥所加密的值 values by key: " + ", ".join(f"{name or '(unnamed)'} {n}" for name, n in kept.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
