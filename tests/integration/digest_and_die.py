"""A process that is killed while it queues a digest: `digest_and_die <database url> <now> <subscription>`."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.notifier.noise import digests
from services.notifier.noise.digests import Digest, Subscriber
from shared.db import Connection, Database
from shared.settings import Settings
from tests.notifier.samples import TOWN


async def main(url: str, now: str, subscription: str) -> None:
    """Make what is due, and die behind the first message, before its commit."""
    settings = Settings(
        database_url=url,
        kafka_bootstrap_servers="nowhere:1",
        identity_secret="identity-secret-of-the-tests",
        session_secret="session-secret-of-the-tests",
        oidc_issuer="http://nowhere.test",
    )
    db = Database(settings, "notifier")
    db.url = url
    await db.open()

    async def subscribers(conn: Connection) -> Sequence[Subscriber]:
        since = datetime.now(UTC) - timedelta(days=1)
        return [Subscriber(UUID(subscription), (f"town_inspector@{TOWN}",), frozenset(), "", since)]

    async def send(conn: Connection, subscription_id: UUID, digest: Digest) -> None:
        await conn.execute("INSERT INTO posted VALUES ($1, $2)", subscription_id, digest.model_dump(mode="json"))
        os.kill(os.getpid(), signal.SIGKILL)

    await digests.make_due(db, "http://nowhere.test", datetime.fromisoformat(now), subscribers, send)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
