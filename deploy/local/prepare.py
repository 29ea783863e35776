"""Topics, roles, schemas and tables of a county, on a broker and a database that run."""

import asyncio

from shared import db
from shared.bus import topics
from shared.settings import Settings


async def prepare(settings: Settings) -> None:
    """Make what is missing; safe to repeat. Raises `KafkaError`, `asyncpg.PostgresError`, `OSError`."""
    await topics.create(settings)
    await tables(settings)


async def tables(settings: Settings) -> None:
    """Make the roles, schemas and tables that are missing. Raises `asyncpg.PostgresError`, `OSError`."""
    await db.provision(settings)
    for schema in db.SCHEMAS:
        await db.migrate(settings, schema)


if __name__ == "__main__":
    asyncio.run(prepare(Settings()))
