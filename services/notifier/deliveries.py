"""From the stream to webhooks: each event becomes one delivery for each subscription of its desks, exactly once, and is
tried until it is taken or given up. A failing receiver delays nobody else: one lease and one circuit each."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
from asyncpg import Record

from services.notifier.channels import webhook
from services.notifier.channels.webhook import Message, Receipt
from shared.db import Database, Scope
from shared.identity import unseal
from shared.settings import Settings
from shared.telemetry import logger

BACKOFF_SECONDS = (2, 10, 60, 300, 1800, 3600, 7200, 21600, 43200, 86400)
_BREAK_AFTER = 5
_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_AT_ONCE = 50
_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_FAN_OUT = """
WITH done AS (SELECT position FROM delivery_progress FOR UPDATE),
fresh AS (
    SELECT e.position, e.alert_id, e.kind, e.readers, e.body FROM stream_events e, done
    WHERE e.position > done.position ORDER BY e.position LIMIT 500),
queued AS (
    INSERT INTO deliveries (webhook_id, position, alert_id, kind)
    SELECT w.webhook_id, f.position, f.alert_id, f.kind FROM fresh f JOIN webhooks w
        ON w.desks && f.readers AND f.position > w.since AND w.expires_at > now()
       AND (cardinality(w.grades) = 0 OR f.kind = 'removed' OR f.body -> 'grade' ->> 'code' = ANY (w.grades)))
UPDATE delivery_progress p SET position = (SELECT max(position) FROM fresh)
WHERE EXISTS (SELECT 1 FROM fresh) RETURNING p.position
"""
_CLAIM = """
WITH due AS (
    SELECT webhook_id FROM webhooks w
    WHERE coalesce(leased_until <= now(), true) AND coalesce(paused_until <= now(), true) AND expires_at > now()
      AND EXISTS (SELECT 1 FROM deliveries d
                  WHERE d.webhook_id = w.webhook_id AND d.state = 'waiting' AND d.next_at <= now())
    LIMIT $1 FOR UPDATE SKIP LOCKED),
leased AS (
    UPDATE webhooks w SET leased_until = now() + interval '1 minute' FROM due WHERE w.webhook_id = due.webhook_id
    RETURNING w.webhook_id, w.url, w.secret, w.failures)
SELECT l.*, d.position, d.attempts, d.kind, e.at, e.body
FROM leased l
CROSS JOIN LATERAL (
    SELECT * FROM deliveries d WHERE d.webhook_id = l.webhook_id AND d.state = 'waiting' AND d.next_at <= now()
    ORDER BY d.position LIMIT 1) d
JOIN stream_events e ON e.position = d.position
"""
log = logger("deliveries")


class Deliveries:
    """The worker of all webhooks; of several instances each takes the subscriptions that no other has leased."""

    def __init__(self, db: Database, settings: Settings, *, backoff: Sequence[float] = BACKOFF_SECONDS) -> None:
        self._db = db
        self._settings = settings
        self._backoff = backoff
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look again now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; a fault of the database is waited out."""
        async with webhook.client() as http:
            while True:
                try:
                    await self._work(http)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                    log.warning("deliveries.interrupted", error=type(error).__name__)
                    await asyncio.sleep(_RETRY_SECONDS)

    async def _work(self, http: httpx.AsyncClient) -> None:
        self._woken.clear()
        async with self._db.begin(Scope.system()) as conn:
            more = await conn.fetchval(_FAN_OUT)
        free = _AT_ONCE - len(self._running)
        async with self._db.begin(Scope.system()) as conn:
            claimed = await conn.fetch(_CLAIM, free) if free else []
        for row in claimed:
            task = asyncio.create_task(self._deliver(http, row))
            self._running.add(task)
            task.add_done_callback(self._finished)
        if not more:
            await self._wait()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("deliveries.failed", error=type(error).__name__)
        self.wake()

    async def _deliver(self, http: httpx.AsyncClient, row: Record) -> None:
        receipt = await webhook.send(
            http,
            row["url"],
            unseal(row["secret"], self._settings.identity_secret),
            _message(row),
            allow_private=self._settings.allow_private_webhooks,
        )
        await self._record(row, receipt)

    async def _record(self, row: Record, receipt: Receipt) -> None:
        now, attempts = datetime.now(UTC), row["attempts"] + 1
        state, next_at = self._outcome(receipt, attempts, now)
        failures = 0 if receipt.taken else row["failures"] + 1
        async with self._db.begin(Scope.system()) as conn:
            await conn.execute(
                "UPDATE deliveries SET state = $3, attempts = $4, next_at = $5, attempted_at = $6, status = $7,"
                " error = $8 WHERE webhook_id = $1 AND position = $2",
                row["webhook_id"],
                row["position"],
                state,
                attempts,
                next_at,
                now,
                receipt.status,
                receipt.error,
            )
            await conn.execute(
                "UPDATE webhooks SET leased_until = NULL, failures = $2, paused_until = $3 WHERE webhook_id = $1",
                row["webhook_id"],
                failures,
                paused_until(failures, now),
            )

    def _outcome(self, receipt: Receipt, attempts: int, now: datetime) -> tuple[str, datetime]:
        if receipt.taken:
            return "delivered", now
        if attempts > len(self._backoff):
            return "given_up", now
        return "waiting", now + timedelta(seconds=self._backoff[attempts - 1])


def paused_until(failures: int, now: datetime) -> datetime | None:
    """Until when a receiver is left alone after so many failures in a row; None while its circuit is closed."""
    if failures < _BREAK_AFTER:
        return None
    doublings = min(failures - _BREAK_AFTER, 10)
    return now + min(_PAUSE * (1 << doublings), _LONGEST_PAUSE)


def _message(row: Record) -> Message:
    data: dict[str, Any] = {"position": row["position"], "kind": row["kind"], **row["body"]}
    return Message(f"{row['webhook_id']}.{row['position']}", f"alert.{row['kind']}", row["at"], data)
