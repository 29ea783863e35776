"""PostgreSQL: one schema and one role a service, migrations, and transactions bound to what their caller may see."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from shared.principals import Principal
from shared.settings import Settings

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[Any]
    Pool: TypeAlias = asyncpg.Pool[Any]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

# What a database that is away, restarts or cuts its connections raises; what comes of our own mistakes is among it too.
DATABASE_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ("approval", "detector", "notifier", "disclosure")
_PROVISION_LOCK = 7_205_110_001
# An instance that stands still, or that the network lost, must not hold up the others: its transaction is ended and its
# connection closed, and with them its locks go.
_LET_GO = {
    "idle_in_transaction_session_timeout": "120s",
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}


@dataclass(frozen=True)
class Scope:
    """For whom a transaction reads: enforced by the row-level security of every table with a region."""

    regions: str
    roles: str
    subject: str
    person: str = ""

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """What a signed-in person may see."""
        return cls(
            regions=",".join(region_prefix(region) for region in principal.regions),
            roles=",".join(sorted(f"{g.role}@{g.region}" for g in principal.grants)),
            subject=principal.subject,
            person=principal.person_key,
        )

    @classmethod
    def system(cls) -> Self:
        """What a consumer, relay or clock may see: all."""
        return cls(regions="%", roles="system", subject="system")

    @classmethod
    def public(cls) -> Self:
        """What anyone may see: rows that are public in all regions, and nothing addressed to a role."""
        return cls(regions="%", roles="", subject="")


def region_prefix(region: str) -> str:
    """The LIKE pattern of all regions under a 12-digit code: city, county, town or village."""
    if region.endswith("00000000"):
        return region[:4] + "%"
    if region.endswith("000000"):
        return region[:6] + "%"
    if region.endswith("000"):
        return region[:9] + "%"
    return region


class Database:
    """A pool of connections of one service's own role."""

    def __init__(self, settings: Settings, schema: str) -> None:
        self.url = service_url(settings, schema)
        self.schema = schema
        self._size = settings.database_pool
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect; raises `OSError` or `asyncpg.PostgresError` when the server can't be reached."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._size,
            init=_register_codecs,
            reset=_as_it_is,
            server_settings={"search_path": self.schema, "timezone": "UTC"} | _LET_GO,
        )

    async def close(self) -> None:
        """Give all connections back."""
        if self._pool:
            await self._pool.close()

    @asynccontextmanager
    async def begin(self, scope: Scope, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """A transaction that sees what `scope` may see, committed at the end, rolled back on an error."""
        assert self._pool, "open() first"
        async with self._pool.acquire() as conn, conn.transaction(readonly=readonly):
            await conn.execute(
                "SELECT set_config('yunjing.regions', $1, true), set_config('yunjing.roles', $2, true),"
                " set_config('yunjing.subject', $3, true), set_config('yunjing.person', $4, true)",
                scope.regions,
                scope.roles,
                scope.subject,
                scope.person,
            )
            yield conn

    async def dedicated(self) -> Connection:
        """A connection of its own, outside the pool, for LISTEN; the caller closes it."""
        conn = await asyncpg.connect(self.url, server_settings={"search_path": self.schema} | _LET_GO)
        await _register_codecs(conn)
        return conn


async def _as_it_is(_: Connection) -> None:
    """What `begin` sets and locks ends with its transaction: asyncpg's own reset would be a round trip for nothing."""


async def _register_codecs(conn: Connection) -> None:
    await conn.set_type_codec(
        "jsonb",
        encoder=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        decoder=json.loads,
        schema="pg_catalog",
    )


def service_url(settings: Settings, schema: str) -> str:
    """The database URL of a service's own role, its password derived from the identity secret."""
    parts = urlsplit(settings.database_url)
    host = parts.netloc.rpartition("@")[2]
    login = f"yunjing_{schema}:{quote(_password(settings, schema))}"
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def _password(settings: Settings, schema: str) -> str:
    return hmac.new(settings.identity_secret.encode(), f"role|{schema}".encode(), hashlib.sha256).hexdigest()


async def provision(settings: Settings) -> None:
    """Make each service's role and schema, as the database's owner. Safe to repeat."""
    conn = await asyncpg.connect(settings.database_url)
    try:
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock($1)", _PROVISION_LOCK)
            for schema in SCHEMAS:
                role, password = f"yunjing_{schema}", _password(settings, schema)
                exists = await conn.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
                verb = "ALTER" if exists else "CREATE"
                await conn.execute(f"{verb} ROLE {role} LOGIN NOBYPASSRLS PASSWORD '{password}'")
                await conn.execute(f"GRANT {role} TO CURRENT_USER")
                await conn.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}")
    finally:
        await conn.close()


async def migrate(settings: Settings, schema: str) -> list[str]:
    """Apply a service's outstanding migrations in order, each in one transaction; returns their names."""
    common = [ROOT / "shared" / "bus" / "tables.sql", ROOT / "shared" / "audit" / "audit.sql"]
    files = [*common, *sorted((ROOT / "services" / schema / "migrations").glob("*.sql"))]
    conn = await asyncpg.connect(service_url(settings, schema), server_settings={"search_path": schema})
    applied = []
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", _PROVISION_LOCK)
        await conn.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["name"] for row in await conn.fetch("SELECT name FROM schema_versions")}
        for file in files:
            if file.name in done:
                continue
            async with conn.transaction():
                await conn.execute(file.read_text(encoding="utf-8"))
                await conn.execute("INSERT INTO schema_versions (name) VALUES ($1)", file.name)
            applied.append(file.name)
    finally:
        await conn.close()
    return applied
