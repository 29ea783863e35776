"""Live alerts by server-sent events. The stream is a table; positions appear in their order, so a reader that resumes
behind its `Last-Event-ID`, at any replica and after any restart, misses nothing and gets nothing twice.

One connection a process listens. What is new is read once for each set of grants, by row-level security, and handed to
all streams of that set. A stream that can't keep up is cut; its browser comes back and resumes.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
import httpx
from sse_starlette import ServerSentEvent

from services.notifier.inbox import CHANNEL
from shared.db import Connection, Database, Scope
from shared.problems import NotSignedIn
from shared.telemetry import logger

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 30.0
_LIFE_SECONDS = 1800.0
_ASK_SECONDS = 60.0
_QUEUE = 200
_PAGE = 500
_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_RECONNECT_MS = 1000
log = logger("stream")


@dataclass(frozen=True)
class Item:
    """One event of the stream, encoded once for all readers but the `barred`, for whom it does not exist."""

    position: int
    data: str
    barred: frozenset[str] = frozenset()


@dataclass(eq=False)
class Reader:
    """One open stream: what waits for it, and whether it fell too far behind."""

    person: str = ""
    queue: asyncio.Queue[Item] = field(default_factory=lambda: asyncio.Queue(_QUEUE))
    cut: bool = False

    def offer(self, item: Item) -> None:
        """Hand over an event without waiting."""
        if self.person in item.barred:
            return
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.cut = True


class Rights:
    """Whether a stream may go on: asked anew each minute, and in no case for longer than its life."""

    def __init__(self, allowed: Callable[[], Awaitable[bool]]) -> None:
        self._allowed = allowed
        self._ends = time.monotonic() + _LIFE_SECONDS
        self._asks = time.monotonic() + _ASK_SECONDS

    def seconds_left(self) -> float:
        """How long until they must be asked again."""
        return max(0.0, min(self._asks, self._ends) - time.monotonic())

    async def hold(self) -> bool:
        """Whether they hold now; asks when it is time."""
        now = time.monotonic()
        if now >= self._ends:
            return False
        if now < self._asks:
            return True
        self._asks = now + _ASK_SECONDS
        try:
            return await self._allowed()
        except NotSignedIn:
            return False
        except httpx.HTTPError as error:  # the issuer is away: that takes nobody's rights
            log.warning("stream.rights_unknown", error=type(error).__name__)
            return True


class Hub:
    """All open streams of this process."""

    def __init__(self, db: Database, *, wake: Callable[[], None] = lambda: None) -> None:
        self._db = db
        self._wake_others = wake
        self._woken = asyncio.Event()
        self._position = 0
        self._placed = asyncio.Event()
        self._rooms: dict[str, set[Reader]] = {}

    async def run(self) -> None:
        """Listen and hand out until cancelled; after a lost connection it goes on where it was."""
        while True:
            try:
                await self._run_once()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("stream.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def events(
        self, scope: Scope, after: int | None, *, allowed: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """What `scope` may see behind a position, then what comes. Without a position it begins now.

        A position before all that is kept gets `reload` and what comes from now on. Each minute `allowed` is asked
        whether the caller still has these rights; without them it ends. It ends after half an hour in any case.
        """
        reader = Reader(scope.person)
        readers = self._rooms.setdefault(scope.roles, set())
        readers.add(reader)
        try:
            await self._placed.wait()  # else an event between our look and the hub's first place would be nobody's
            position, complete = await self._start(scope, after)
            yield ServerSentEvent(comment="open", retry=_RECONNECT_MS)
            if not complete:
                yield ServerSentEvent(id=str(position), event="reload", data="{}")
            async for item in self._follow(scope, reader, position, Rights(allowed)):
                yield ServerSentEvent(id=str(item.position), event="alert", data=item.data)
        finally:
            readers.discard(reader)
            if not readers:
                self._rooms.pop(scope.roles, None)

    async def _follow(self, scope: Scope, reader: Reader, position: int, rights: Rights) -> AsyncIterator[Item]:
        while page := await self._read(scope, position):
            for item in page:
                yield item
            position = page[-1].position
            if not await rights.hold():
                return
        while not reader.cut and await rights.hold():
            try:
                item = await asyncio.wait_for(reader.queue.get(), rights.seconds_left())
            except TimeoutError:
                continue
            if item.position > position:
                position = item.position
                yield item

    async def _run_once(self) -> None:
        conn = await self._db.dedicated()
        try:
            await conn.add_listener(f"{self._db.schema}.{CHANNEL}", lambda *_: self._woken.set())
            await conn.execute("SELECT set_config('yunjing.roles', $1, false)", Scope.system().roles)
            if not self._placed.is_set():
                self._position = await last_position(conn)
                self._placed.set()
            while True:
                self._woken.clear()
                if await self._hand_out(conn):
                    self._wake_others()
                    continue
                await self._wait()
        finally:
            await conn.close()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return

    async def _hand_out(self, conn: Connection) -> bool:
        rows = await conn.fetch(
            "SELECT position, readers FROM stream_events WHERE position > $1 ORDER BY position LIMIT $2",
            self._position,
            _PAGE,
        )
        if not rows:
            return False
        addressed = {grant for row in rows for grant in row["readers"]}
        first, last = self._position, rows[-1]["position"]
        waiting = [roles for roles in self._rooms if not addressed.isdisjoint(roles.split(","))]
        await asyncio.gather(*(self._feed(roles, first, last) for roles in waiting))
        self._position = last
        return True

    async def _feed(self, roles: str, first: int, last: int) -> None:
        for item in await self._read(Scope(regions="", roles=roles, subject=""), first, last):
            for reader in tuple(self._rooms.get(roles, ())):
                reader.offer(item)

    async def _start(self, scope: Scope, after: int | None) -> tuple[int, bool]:
        """Where to begin, and whether all behind `after` is still there."""
        async with self._db.begin(scope, readonly=True) as conn:
            ends = await conn.fetchrow("SELECT latest, pruned FROM stream_ends")
        assert ends
        if after is None or after < ends["pruned"]:
            return ends["latest"], after is None
        return min(after, ends["latest"]), True

    async def _read(self, scope: Scope, after: int, upto: int | None = None) -> list[Item]:
        async with self._db.begin(scope, readonly=True) as conn:
            rows = await conn.fetch(
                "SELECT position, kind, body, barred FROM stream_events"
                " WHERE position > $1 AND ($2::bigint IS NULL OR position <= $2) ORDER BY position LIMIT $3",
                after,
                upto,
                _PAGE,
            )
        return [Item(row["position"], _encode(row["kind"], row["body"]), frozenset(row["barred"])) for row in rows]


async def last_position(conn: Connection) -> int:
    """The last position of the stream, whoever may see it; 0 before the first."""
    return int(await conn.fetchval("SELECT latest FROM stream_ends"))


def _encode(kind: str, body: dict[str, object]) -> str:
    return json.dumps({"kind": kind, **body}, ensure_ascii=False, separators=(",", ":"))
