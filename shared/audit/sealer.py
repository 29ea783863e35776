"""The sealer: gives each entry of a service's audit log its number and hash, in the order in which they committed.

It looks twice a second, so an entry stands unsealed for half a second, or for as long as no service runs. At most each
half minute the head of the chain goes to `audit.heads`, where it is kept for good.
"""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from asyncpg import Record

from shared.audit.chain import GENESIS, Entry, digest, published
from shared.background import every
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.audit import TOPIC, Service
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from shared.telemetry import AUDIT_SEALED, logger

EVERY_SECONDS = 0.5
PUBLISH_SECONDS = 30.0
_BATCH = 1000
COLUMNS = "number, at, actor, name, grants, action, object, region, detail, hash"
# Of several instances one seals at a time: each number is given once.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext(current_schema()))"
_HEAD = "SELECT number, hash FROM audit_log WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1"
_UNSEALED = f"SELECT id, {COLUMNS} FROM audit_log WHERE number IS NULL ORDER BY id LIMIT {_BATCH}"
_SEAL = """
UPDATE audit_log a SET number = sealed.number, hash = sealed.hash
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS sealed (id, number, hash) WHERE a.id = sealed.id
"""
log = logger("audit")


class Sealer:
    """Seals one service's log. Any number of instances may run."""

    def __init__(self, db: Database, settings: Settings, *, publish_seconds: float = PUBLISH_SECONDS) -> None:
        self._db = db
        self._secret = settings.identity_secret
        self._publish_seconds = publish_seconds
        self._sealed: int | None = None
        self._published = 0
        self._published_at = -math.inf

    async def run(self) -> None:
        """Seal until cancelled; a fault of the database is waited out."""

        async def look() -> bool:
            return await self.seal() == _BATCH

        await every(EVERY_SECONDS, "audit", look)

    async def seal(self) -> int:
        """Seal what has been committed, and publish the head when it is time; returns how many entries."""
        async with self._db.begin(Scope.system()) as conn:
            waiting = await conn.fetchval("SELECT EXISTS (SELECT 1 FROM audit_log WHERE number IS NULL)")
            if not waiting and not self._unpublished(self._sealed):
                return 0
            await conn.execute(_LOCK)
            head = await conn.fetchrow(_HEAD)
            number, hash = (head["number"], head["hash"]) if head else (0, GENESIS)
            rows = await conn.fetch(_UNSEALED)
            number, hash = await self._chain(conn, rows, number, hash)
            if announced := self._unpublished(number):
                await self._publish(conn, number, hash)
        if announced:
            self._published, self._published_at = number, time.monotonic()
        self._sealed = number
        AUDIT_SEALED.labels(self._db.schema).set(number)
        return len(rows)

    def _unpublished(self, number: int | None) -> bool:
        """Whether it is time to publish this head; None is one that this instance has not looked at."""
        due = time.monotonic() - self._published_at >= self._publish_seconds
        return due and (number is None or number > self._published)

    async def _chain(self, conn: Connection, rows: Sequence[Record], number: int, hash: str) -> tuple[int, str]:
        sealed: list[tuple[int, int, str]] = []
        for row in rows:
            number += 1
            hash = digest(self._db.schema, entry_of(row, number), hash)
            sealed.append((row["id"], number, hash))
        if sealed:
            await conn.execute(_SEAL, *(list(column) for column in zip(*sealed, strict=True)))
        return number, hash

    async def _publish(self, conn: Connection, number: int, hash: str) -> None:
        service, now = cast(Service, self._db.schema), datetime.now(UTC)
        event = published(service, number, hash, now, self._secret)
        envelope = Envelope.of(event, source=f"/{service}", topic=TOPIC, key=service, time=now, subject=str(number))
        await outbox.publish(conn, [envelope])


def entry_of(row: Record | dict[str, Any], number: int | None = None) -> Entry:
    """A row of the log as it is hashed, at its own number or at the one that it is given."""
    return Entry(
        number=number or row["number"],
        at=row["at"],
        actor=row["actor"],
        name=row["name"],
        grants=tuple(row["grants"]),
        action=row["action"],
        object=row["object"],
        region=row["region"],
        detail=row["detail"],
        hash=row["hash"] or "",
    )
