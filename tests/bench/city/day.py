"""One day of a city: its data comes in through the public APIs while officials watch and villagers read."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
from rich.console import Console

from shared import regions
from shared.background import stopped
from shared.contracts import reference
from shared.contracts.reference import Record
from shared.db import SCHEMAS
from tests.bench.city import bringing, clerks, officials, villagers
from tests.bench.city.bringing import Brought
from tests.bench.city.clerks import Filed
from tests.bench.city.ledgers import Ledger
from tests.bench.city.officials import Watched
from tests.bench.city.villagers import Read
from tests.bench.city.watch import FOLLOWERS, Watch
from tests.bench.figures import quantile
from tests.bench.ground import Ground
from tests.bench.receivers import Receivers

_TELL_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# Nothing of what waits has gone on for so long: something stands.
_STALLED_SECONDS = 300.0
_LAST_ALERTS = 60
_FOLLOWED_TOWN = 40
console = Console()


@dataclass(frozen=True)
class Paces:
    """How many streams are open, pages are read a second, and cases are filed a minute."""

    streams: int
    pages: float
    cases: float


@dataclass
class Day:
    """What everybody was told, and how long it took."""

    brought: Brought = field(default_factory=Brought)
    filed: Filed = field(default_factory=Filed)
    watched: Watched = field(default_factory=Watched)
    read: Read = field(default_factory=Read)
    registers: float = 0.0
    registers_known: float = 0.0
    loaded: float = 0.0
    judged: float = 0.0
    followed: str = ""
    hooks: int = 0

    @property
    def accepted(self) -> int:
        """How many events the books must hold."""
        return self.brought.accepted + self.filed.accepted

    def pushes(self) -> list[float]:
        """The milliseconds from each award's answer to the alert on an open stream."""
        came, awarded = self.watched.arrivals, self.filed.awarded
        return [max(0.0, came[no] - at) * 1000 for no, at in awarded.items() if no in came]


async def live(ground: Ground, records: Sequence[Record], ledgers: Sequence[Ledger], paces: Paces) -> tuple[Day, Watch]:
    """The whole day; returns when every event has been judged, shown and told."""
    day = Day(followed=regions.towns()[_FOLLOWED_TOWN].code)
    ground.system.settings = ground.settings.model_copy(update={"allow_private_webhooks": True})
    await ground.run(*SCHEMAS)
    began = time.perf_counter()
    day.registers = await bringing.registers(ground, records)
    for dataset in reference.DATASETS:
        await ground.drained("detector", reference.topic(dataset))
    day.registers_known = time.perf_counter() - began
    _say(f"{len(records):,} register records known after {day.registers_known:.0f} s")
    watch = Watch(ground, lambda: _of_villagers(day.read))
    async with AsyncExitStack() as stack:
        receivers = await stack.enter_async_context(Receivers())
        await _follow_town(ground, day.followed, receivers)
        await stack.enter_async_context(officials.watching(ground, day.watched, paces.streams))
        _say(f"{day.watched.open} alert streams open")
        for work in (
            watch.run(),
            officials.handle(ground, day.watched),
            officials.lead(ground, day.watched),
            villagers.read(ground, day.read, paces.pages),
            _telling(day, watch, sum(ledger.rows for ledger in ledgers)),
        ):
            await stack.enter_async_context(_meanwhile(work))
        await _bring_all(ground, day, ledgers, paces)
        day.hooks = await _hooked(receivers)
    return day, watch


async def _bring_all(ground: Ground, day: Day, ledgers: Sequence[Ledger], paces: Paces) -> None:
    began, enough = time.perf_counter(), asyncio.Event()
    filing = asyncio.create_task(clerks.file(ground, day.filed, paces.cases, enough))
    try:
        day.brought = await bringing.history(ground, ledgers, _say)
        enough.set()
        await filing
    finally:
        await stopped({filing})
    day.loaded = time.perf_counter() - began
    _say(f"{day.accepted:,} events accepted after {day.loaded:.0f} s")
    await _quiet(ground)
    day.judged = time.perf_counter() - began
    _say(f"all judged, shown and told after {day.judged:.0f} s")
    for _ in range(_LAST_ALERTS):
        if day.filed.awarded.keys() <= day.watched.arrivals.keys():
            break
        await asyncio.sleep(_LOOK_SECONDS)


async def _quiet(ground: Ground) -> None:
    """Until nothing waits in an outbox and every follower has all, twice in a row; raises `TimeoutError`."""
    conn = await asyncpg.connect(ground.settings.database_url)
    try:
        still, seen, moved = 0, "", time.monotonic()
        while still < 2:
            waits = [f"{schema}.outbox" for schema in SCHEMAS if await _any(conn, f"{schema}.outbox")]
            for _, schema, consumer, topic in FOLLOWERS:
                await ground.drained(schema, topic, consumer=consumer)
            still = 0 if waits else still + 1
            if (now := " ".join(waits)) != seen:
                seen, moved = now, time.monotonic()
            if waits and time.monotonic() - moved > _STALLED_SECONDS:
                raise TimeoutError(f"these stand: {now}")
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await conn.close()


async def _any(conn: asyncpg.Connection, table: str) -> bool:
    return bool(await conn.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"))


async def _follow_town(ground: Ground, town: str, receivers: Receivers) -> None:
    """Another system subscribes to all changes of one town."""
    async with ground.client("approval", f"machine@{town}") as http:
        wanted = {"url": f"http://127.0.0.1:{receivers.http_port}/hook", "regions": [town]}
        (await http.post("/v1/webhooks", json=wanted)).raise_for_status()


async def _hooked(receivers: Receivers) -> int:
    """How many messages came, once none has come for a while."""
    came, still = 0, False
    while not still:
        await asyncio.sleep(5 * _LOOK_SECONDS)
        still, came = came == len(receivers.hooks), len(receivers.hooks)
    return came


def _of_villagers(read: Read) -> dict[str, float]:
    """The p99 of the pages that were asked for in the last ten seconds."""
    since = time.perf_counter() - _TELL_SECONDS
    times = [took for at, took in read.times[-1000:] if at >= since]
    return {"page_p99_ms": round(quantile(times, 0.99), 1)} if times else {}


async def _telling(day: Day, watch: Watch, rows: int) -> None:
    """A line of progress now and then."""
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        now = watch.latest
        behind = ", ".join(f"{name} {now.get(f'{name}_lag_s', 0):.0f} s" for name, *_ in FOLLOWERS)
        _say(
            f"{now.get('at', 0):.0f} s: {now.get('events', 0):,.0f} of about {rows:,} events on the bus,"
            f" behind: {behind}; {day.watched.told} alerts told, {day.watched.moves.total()} moves,"
            f" {len(day.read.times)} pages"
        )


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on beside; one that ends with an error ends with it for all."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        ended = task.done() and not task.cancelled()
        await stopped({task})
        if ended and (error := task.exception()) and not isinstance(error, httpx.HTTPError):
            raise error


def _say(line: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {line}", highlight=False, soft_wrap=True)
