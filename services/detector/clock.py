"""Absence as an event: keys whose moment has come are judged again, once all that was said before is taken in."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer

from services.detector import deadlines, locks, metrics
from services.detector.consumer import GROUP
from services.detector.judging import Judge
from shared.bus.connection import connection, let_go
from shared.bus.faults import passing
from shared.contracts import power
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from shared.telemetry import logger

_TICK_SECONDS = 1.0
_STALE_SECONDS = 30.0
_BATCH = 500
_STORED = "SELECT partition, next_offset FROM consumer_offsets WHERE consumer = $1 AND topic = $2"
log = logger("clock")


@dataclass(frozen=True)
class Mark:
    """A moment, and how long each partition of `power.events` was then."""

    at: datetime
    ends: dict[int, int]

    def reached(self, stored: dict[int, int]) -> bool:
        """Whether everything published before the mark has taken effect."""
        return all(stored.get(partition, 0) >= end for partition, end in self.ends.items())


class Clock:
    """Ticks every second. Silence before a mark counts once the consumer has passed the mark: while the log is
    behind (a replay, a long stop), a step that lies waiting in it is not taken for a step left undone."""

    def __init__(
        self, db: Database, settings: Settings, judge: Judge, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._db = db
        self._settings = settings
        self._judge = judge
        self._now = now
        self._topic = settings.kafka_topic_prefix + power.TOPIC
        self._mark: Mark | None = None
        self._ticked = -math.inf

    @property
    def ticking(self) -> bool:
        """Whether it has lately heard from broker and database."""
        return time.monotonic() - self._ticked < _STALE_SECONDS

    async def run(self) -> None:
        """Tick until cancelled; a fault of broker or database is waited out."""
        while True:
            kafka = AIOKafkaConsumer(self._topic, **connection(self._settings))
            try:
                await kafka.start()
                while True:
                    await self._tick(kafka)
                    self._ticked = time.monotonic()
                    await asyncio.sleep(_TICK_SECONDS)
            except Exception as error:
                if not passing(error):
                    raise
                log.warning("clock.interrupted", error=type(error).__name__)
                await asyncio.sleep(_TICK_SECONDS)
            finally:
                await let_go(kafka)

    async def _tick(self, kafka: AIOKafkaConsumer) -> None:
        mark = self._mark or await self._set_mark(kafka)
        if mark is None:
            log.warning("clock.no_topic", topic=self._topic)
            return
        metrics.CLOCK_BEHIND.set((self._now() - mark.at).total_seconds())
        if mark.reached(await self._stored()):
            await self.fire(mark.at)
            self._mark = None

    async def _set_mark(self, kafka: AIOKafkaConsumer) -> Mark | None:
        at = self._now()
        partitions = kafka.assignment()
        kafka.pause(*partitions)  # only how long they are is asked, never what is in them
        ends = await kafka.end_offsets(partitions) if partitions else {}
        self._mark = Mark(at, {partition.partition: end for partition, end in ends.items()}) if ends else None
        return self._mark

    async def _stored(self) -> dict[int, int]:
        async with self._db.begin(Scope.system(), readonly=True) as conn:
            rows = await conn.fetch(_STORED, GROUP, self._topic)
        return {row["partition"]: row["next_offset"] for row in rows}

    async def fire(self, until: datetime) -> int:
        """Judge every key whose moment came by `until`; returns how many. Another instance at it is left to it."""
        fired = 0
        while True:
            async with self._db.begin(Scope.system()) as conn:
                count = await self._fire_batch(conn, until) if await locks.try_clock(conn) else 0
            fired += count
            if count < _BATCH:
                return fired

    async def _fire_batch(self, conn: Connection, until: datetime) -> int:
        keys = await deadlines.due(conn, until, _BATCH)
        if not keys:
            return 0
        await locks.lock_keys(conn, keys)
        judgement = await self._judge.judge(conn, keys, until=until)
        await self._judge.keep(conn, judgement, until, judged_until=until)
        return len(keys)
