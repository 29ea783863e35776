"""A look every few seconds at what the city's services do: how far each is, how much each takes; a line of a chart."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.disclosure import consumer as disclosure
from services.disclosure.supervision import consumer as supervision
from shared.bus import topics
from shared.contracts import power
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import SCHEMAS
from tests.bench.figures import quantile
from tests.bench.ground import Ground

OUT = Path("build/city_timeline.json")
_EVERY_SECONDS = 2.0
_MEMORY_EVERY = 5
# Who follows which topic: what a chart calls it, its schema, its consumer, its topic.
FOLLOWERS = (
    ("detector", "detector", "detector", power.TOPIC),
    ("disclosure", "disclosure", disclosure.GROUP, power.TOPIC),
    ("supervision", "disclosure", supervision.GROUP, power.TOPIC),
    ("notifier", "notifier", "notifier", RAISED_TOPIC),
)
Sample = dict[str, float]


@dataclass
class Behind:
    """How late a follower is: how long ago the topic was as long as what it has taken now."""

    _ends: deque[tuple[float, int]] = field(default_factory=deque)

    def seconds(self, now: float, end: int, taken: int) -> float:
        """By the ends that were seen until now; 0 when all is taken."""
        self._ends.append((now, end))
        while len(self._ends) > 1 and self._ends[0][1] <= taken:
            self._ends.popleft()
        at, first = self._ends[0]
        return 0.0 if first <= taken else now - at


class Watch:
    """The samples of a run, while it is under way."""

    def __init__(self, ground: Ground, more: Callable[[], Mapping[str, float]]) -> None:
        self._ground = ground
        self._more = more
        self._behind = {name: Behind() for name, *_ in FOLLOWERS}
        self._began = time.perf_counter()
        self.samples: list[Sample] = []
        self.peaks: dict[str, float] = {}

    async def run(self) -> None:
        """Look until cancelled; a look that a busy machine makes late is late."""
        conn = await asyncpg.connect(self._ground.settings.database_url)
        kafka = AIOKafkaConsumer(bootstrap_servers=self._ground.settings.kafka_bootstrap_servers)
        await kafka.start()
        try:
            while True:
                self.samples.append(await self._look(conn, kafka))
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            await kafka.stop()
            await conn.close()

    async def _look(self, conn: asyncpg.Connection, kafka: AIOKafkaConsumer) -> Sample:
        now = time.perf_counter()
        sample: Sample = {"at": round(now - self._began, 1)}
        ends = {topic: await end_of(kafka, topic) for topic in (power.TOPIC, RAISED_TOPIC)}
        sample |= {"events": ends[power.TOPIC], "alerts": ends[RAISED_TOPIC]}
        for name, schema, consumer, topic in FOLLOWERS:
            taken = await taken_by(conn, schema, consumer, topic)
            sample[f"{name}_waits"] = max(0, ends[topic] - taken)
            sample[f"{name}_lag_s"] = round(self._behind[name].seconds(now, ends[topic], taken), 2)
        if len(self.samples) % _MEMORY_EVERY == 0:
            for name, memory, cpu in await asyncio.to_thread(lambda: list(processes(self._ground))):
                self.peaks[name] = max(self.peaks.get(name, 0.0), memory)
                sample[f"{name}_mb"], sample[f"{name}_cpu_s"] = round(memory, 1), round(cpu, 1)
        return sample | dict(self._more())

    @property
    def latest(self) -> Sample:
        """The last look; empty before the first."""
        return self.samples[-1] if self.samples else {}

    def of(self, name: str, share: float) -> float:
        """The value that this share of a column's samples doesn't exceed."""
        return quantile((sample[name] for sample in self.samples if name in sample), share)

    def last(self, name: str) -> float:
        """The last value of a column; 0 when it never had one."""
        return next((sample[name] for sample in reversed(self.samples) if name in sample), 0.0)

    def write(self) -> None:
        """One object a look, for a chart."""
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_bytes(orjson.dumps({"every_s": _EVERY_SECONDS, "samples": self.samples}))


async def end_of(kafka: AIOKafkaConsumer, topic: str) -> int:
    """How many records a topic has had."""
    parts = [TopicPartition(topic, number) for number in range(topics.partitions(topic))]
    return sum((await kafka.end_offsets(parts)).values())


async def taken_by(conn: asyncpg.Connection, schema: str, consumer: str, topic: str) -> int:
    """How many of them a consumer has taken, by its committed offsets."""
    return int(
        await conn.fetchval(
            f"SELECT coalesce(sum(next_offset), 0) FROM {schema}.consumer_offsets WHERE consumer = $1 AND topic = $2",
            consumer,
            topic,
        )
    )


def processes(ground: Ground) -> Iterable[tuple[str, float, float]]:
    """Each service, the broker and the database with its sessions: megabytes of its own, seconds of CPU so far."""
    by_name: dict[str, list[psutil.Process]] = {}
    services = {ground.system.pid(service): service for service in SCHEMAS}
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            name = services.get(child.pid) or _server(child)
            if name:
                by_name.setdefault(name, []).extend((child, *child.children(recursive=True)))
    by_name["clients"] = [psutil.Process()]
    for name, some in by_name.items():
        memory = cpu = 0.0
        for process in some:
            with suppress(psutil.Error):
                memory += process.memory_full_info().pss / 1e6
                used = process.cpu_times()
                # Sessions that have ended count with their parent.
                cpu += used.user + used.system + (used.children_user + used.children_system) * (process is some[0])
        yield name, memory, cpu


def _server(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return "kafka" if "kafka.Kafka" in command else "postgres" if "postgres" in command else ""
