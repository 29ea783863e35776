"""From the stream to people and systems: each event becomes one message for each subscription of its desks, exactly
once, and is tried until it is taken or given up. A failing receiver or gateway delays nobody else: each has its own
room, lease and circuit."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from asyncpg import Record

from services.notifier.channels import delivery_queue, subscriptions
from services.notifier.channels.delivery_queue import Lane
from services.notifier.channels.gateways import Gateway
from services.notifier.channels.senders import Outgoing, Senders
from shared.background import woken
from shared.db import DATABASE_FAULTS, Connection, Database, Scope
from shared.identity import unseal
from shared.settings import Settings
from shared.telemetry import NOTICES, logger
from shared.webhooks import retries

_LEASE = timedelta(seconds=40)
_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 0.5
# A look costs three transactions; while nothing is under way, what happens within a moment is taken in one.
_GATHER_SECONDS = 0.1
log = logger("deliveries")


class Deliveries:
    """The worker of all channels; of several instances each takes the subscriptions that no other has leased.

    A lease outlasts the longest try, so what a killed instance had under way is taken up by another, at least once.
    `backoff` stands in for the waits of all kinds; `chance` spreads them.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        gateways: Mapping[str, Gateway],
        *,
        backoff: Sequence[float] | None = None,
        lease: timedelta = _LEASE,
        chance: Random | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._gateways = gateways
        self._backoff = backoff
        self._lease = lease
        self._chance = chance or Random()  # noqa: S311 it spreads retries, it guards nothing
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], Lane] = {}

    def wake(self) -> None:
        """Look again now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; a fault of the database is waited out."""
        while True:
            try:
                key = await subscriptions.push_key(self._db, self._settings)
                async with Senders(self._gateways, self._settings, key) as senders:
                    await self._run(senders)
            except DATABASE_FAULTS as error:
                log.warning("deliveries.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                for task in self._running:
                    task.cancel()

    async def _run(self, senders: Senders) -> None:
        while True:
            self._woken.clear()
            async with self._db.begin(Scope.system()) as conn:
                more = await delivery_queue.fan_out(conn)
            async with self._db.begin(Scope.system()) as conn:
                await delivery_queue.give_up_late(conn, datetime.now(UTC))
            async with self._db.begin(Scope.system()) as conn:
                claimed = await delivery_queue.claim(conn, await self._room(conn), self._lease)
            for row in claimed:
                task = asyncio.create_task(self._deliver(senders, row))
                self._running[task] = Lane(row["gateway"], row["failing"])
                task.add_done_callback(self._finished)
            if not more:
                await woken(self._woken, _IDLE_SECONDS)
                if not self._running:
                    await asyncio.sleep(_GATHER_SECONDS)

    async def _room(self, conn: Connection) -> dict[Lane, int]:
        """How many messages each lane may begin: none while its circuit is open, one to try whether it closes."""
        now, broken = datetime.now(UTC), await delivery_queue.circuits(conn)
        taken = Counter(self._running.values())
        room = {}
        for name, gateway in self._gateways.items():
            limit = gateway.kind.at_once
            if name in broken:
                open_ = (broken[name]["paused_until"] or now) > now
                limit = 0 if open_ else 1 if broken[name]["failures"] >= retries.BREAK_AFTER else limit
            for failing in (False, True) if gateway.kind.breaker == "subscription" else (None,):
                lane = Lane(name, failing)
                room[lane] = limit - taken[lane]
        return room

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            log.warning("deliveries.failed", error=type(error).__name__)
        self.wake()

    async def _deliver(self, senders: Senders, row: Record) -> None:
        receipt = await senders.send(row["gateway"], self._outgoing(row))
        waits = self._backoff or self._gateways[row["gateway"]].kind.retry_seconds
        async with self._db.begin(Scope.system()) as conn:
            state = await delivery_queue.record(conn, row, receipt, waits, datetime.now(UTC), self._chance)
        NOTICES.labels(row["channel"], state).inc()

    def _outgoing(self, row: Record) -> Outgoing:
        secret = self._settings.identity_secret
        body = {"position": row["position"], "kind": row["kind"], **row["body"]}
        if row["loudness"]:
            body["loudness"] = row["loudness"]
        if row["kind"] == "code":
            body["digits"] = subscriptions.code_of(row["challenge"], secret)
        return Outgoing(
            id=message_id(row["subscription_id"], row["position"], row["kind"], row["delivery_id"]),
            kind=row["kind"],
            at=row["at"],
            body=body,
            address=unseal(row["address"], secret),
            secret=unseal(row["secret"], secret) if row["secret"] else "",
        )


def message_id(subscription_id: object, position: int | None, kind: str, delivery_id: int) -> str:
    """The id of a message, the same through all tries and replays, so that a receiver can leave out repeats."""
    return f"{subscription_id}.{position if position is not None else f'{kind}-{delivery_id}'}"
