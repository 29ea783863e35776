"""What sends the messages: signed, to checked addresses; a receiver that fails delays nobody else."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
from asyncpg import Record

from services.approval.rest import rest
from services.approval.webhooks import queue
from shared.background import woken
from shared.db import DATABASE_FAULTS, Database, Scope
from shared.identity import unseal
from shared.settings import Settings
from shared.telemetry import NOTICES, logger
from shared.webhooks import guard
from shared.webhooks.errors import BadWebhookAddress
from shared.webhooks.message import Message

_PATIENCE_SECONDS = 15
# A lease outlasts the longest try: what a killed process had under way is taken up by another, at least once.
_LEASE = timedelta(seconds=40)
_IDLE_SECONDS, _RETRY_SECONDS = 1.0, 0.5
_SENDER = "yunjing-approval/1"
log = logger("webhooks")


class Sender:
    """Sends what is due until cancelled. Of several instances each takes the subscriptions that no other has leased."""

    def __init__(self, db: Database, settings: Settings, chance: Random | None = None) -> None:
        self._db = db
        self._settings = settings
        self._chance = chance or Random()  # noqa: S311 it spreads retries, it guards nothing
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look again now."""
        self._woken.set()

    async def run(self) -> None:
        """Send; a fault of the database is waited out."""
        async with guard.client() as http:
            try:
                while True:
                    try:
                        await self._look(http)
                        await woken(self._woken, _IDLE_SECONDS)
                    except DATABASE_FAULTS as error:
                        log.warning("webhooks.interrupted", error=type(error).__name__)
                        await asyncio.sleep(_RETRY_SECONDS)
            finally:
                for task in self._running:
                    task.cancel()

    async def _look(self, http: httpx.AsyncClient) -> None:
        self._woken.clear()
        room = rest().webhooks.sent_at_once - len(self._running)
        async with self._db.begin(Scope.system()) as conn:
            await queue.give_up_late(conn, datetime.now(UTC))
            claimed = await queue.claim(conn, room, _LEASE) if room > 0 else []
        for row in claimed:
            task = asyncio.create_task(self._send(http, row))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("webhooks.failed", error=type(error).__name__)
        self.wake()

    async def _send(self, http: httpx.AsyncClient, row: Record) -> None:
        status, error = await self._try(http, row)
        async with self._db.begin(Scope.system()) as conn:
            await queue.record(conn, row, status, error, datetime.now(UTC), self._chance)
        NOTICES.labels("case-webhook", "delivered" if error is None else "failed").inc()

    async def _try(self, http: httpx.AsyncClient, row: Record) -> tuple[int | None, str | None]:
        """The receiver's status, and in a word why it was not taken. Never names an address."""
        now, key = datetime.now(UTC), self._settings.identity_secret
        secrets = [row["secret"]]
        if row["old_secret"] and row["old_secret_until"] > now:
            secrets.append(row["old_secret"])
        message = message_of(row)
        headers = message.headers([unseal(secret, key) for secret in secrets], now, _SENDER)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await guard.post(
                    http,
                    unseal(row["url"], key),
                    message.text().encode(),
                    headers,
                    allow_private=self._settings.allow_private_webhooks,
                )
        except BadWebhookAddress as error:
            return None, error.detail_en.partition(":")[0][:200]
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            return None, type(error).__name__
        return answer.status_code, None if answer.is_success else f"HTTP {answer.status_code}"


def message_of(row: Record) -> Message:
    """The message: which case changed and how, by ids and codes alone. Who it was and what he filed is read by REST."""
    id = queue.message_id(row)
    if row["position"] is None:
        return Message(id, "webhook.test", row["queued_at"], {"webhook_id": str(row["webhook_id"])})
    data = {name: row[name] for name in ("position", "case_no", "sequence", "flow", "matter", "node")}
    places = {name: row[name] for name in ("village_code", "town_code")}
    return Message(id, row["type"], row["occurred_at"], {"case_id": str(row["case_id"]), **data, **places})
