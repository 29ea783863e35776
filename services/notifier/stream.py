"""Live alerts by server-sent events. The stream is a table; positions appear in their order, so a reader that resumes
behind its `Last-Event-ID`, at any replica and after any restart, misses nothing and gets nothing twice.

One connection a process listens. What is new is encoded once; which of it a set of grants may see, row-level security
says once for all streams of that set. A stream that falls behind reads up by itself; nothing is queued for it.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from random import Random

import httpx
from asyncpg import Record

from services.notifier.inbox import CHANNEL
from shared.background import woken
from shared.db import DATABASE_FAULTS, Connection, Database, Scope
from shared.problems import NotSignedIn
from shared.telemetry import logger, showing

_HEARTBEAT_SECONDS = 15.0
_LIFE_SECONDS = 1800.0
_ASK_SECONDS = 60.0
_KEPT = 500
_PAGE = 500
_IDLE_SECONDS = 1.0
_HAND_OUT_SECONDS = 20.0
_TICK_SECONDS = 0.5
_RETRY_SECONDS = 0.5
# After a restart all browsers come back: not all in one moment.
_RECONNECT_MS = (1000, 3000)
_chance = Random()  # noqa: S311 it spreads reconnects and questions, it guards nothing
_ITEMS = """
SELECT position, kind, body, readers, barred, only_for, traceparent FROM stream_events
WHERE position > $1 ORDER BY position
"""
log = logger("stream")


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be sent, encoded once for all readers but the `barred`, for whom it does not exist; or for the
    persons of `only_for` alone.

    `position` is 0 for what is no event of the stream: its opening, and heartbeats.
    """

    position: int
    chunk: bytes
    barred: frozenset[str] = frozenset()
    only_for: frozenset[str] | None = None

    def is_for(self, person: str) -> bool:
        """Whether a person at a desk that it goes to may have it."""
        return person not in self.barred and (self.only_for is None or person in self.only_for)


_BEAT = Item(0, b": heartbeat\n\n")


@dataclass(eq=False, slots=True)
class Reader:
    """One open stream: whose it is, and what wakes it. `due` is when it must be woken at the latest."""

    scope: Scope
    due: float = inf
    ended: bool = False
    _waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let it look whether there is something for it."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self) -> None:
        """Its client is gone, or the server ends."""
        self.ended = True
        self.wake()

    async def woken(self, due: float) -> None:
        """Wait until it is woken, which it is when it is `due`, by the monotonic clock."""
        self.due, self._waiter = due, asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self.due, self._waiter = inf, None


@dataclass(eq=False)
class Room:
    """All readers of one set of grants, and what was handed to them last, kept once for all.

    All behind `since` that they may see is in `items`, or will be handed.
    """

    since: int
    items: deque[Item] = field(default_factory=deque)
    readers: set[Reader] = field(default_factory=set)

    def hand(self, items: Iterable[Item]) -> None:
        """Keep what is new of these for all readers and wake them."""
        known = self.items[-1].position if self.items else self.since
        self.items.extend(item for item in items if item.position > known)
        while len(self.items) > _KEPT:
            self.since = self.items.popleft().position
        for reader in self.readers:
            reader.wake()

    def behind(self, position: int) -> list[Item]:
        """What is kept behind a position."""
        if not self.items or self.items[-1].position <= position:
            return []
        return [item for item in self.items if item.position > position]


class Rights:
    """Whether a stream may go on: asked anew each minute at the latest, and in no case for longer than its life.

    `chance` spreads the streams that began together: each asks, and ends, up to a quarter before its time.
    """

    def __init__(self, allowed: Callable[[], Awaitable[bool]], chance: Callable[[], float] = _chance.random) -> None:
        self._allowed = allowed
        self._chance = chance
        now = time.monotonic()
        self._ends = now + self._spread(_LIFE_SECONDS)
        self._asks = now + self._spread(_ASK_SECONDS)

    @property
    def asked_at(self) -> float:
        """When they must be asked again, by the monotonic clock."""
        return min(self._asks, self._ends)

    async def hold(self) -> bool:
        """Whether they hold now; asks when it is time."""
        now = time.monotonic()
        if now >= self._ends:
            return False
        if now < self._asks:
            return True
        self._asks = now + self._spread(_ASK_SECONDS)
        try:
            return await self._allowed()
        except NotSignedIn:
            return False
        except (httpx.HTTPError, *DATABASE_FAULTS) as error:
            # The issuer or the database is away: that takes nobody's rights.
            log.warning("stream.rights_unknown", error=type(error).__name__)
            return True

    def _spread(self, seconds: float) -> float:
        return seconds * (1 - self._chance() / 4)


class Hub:
    """All open streams of this process. `ends` says that the server is ending: then all streams do."""

    def __init__(
        self, db: Database, *, wake: Callable[[], None] = lambda: None, ends: Callable[[], bool] = lambda: False
    ) -> None:
        self._db = db
        self._wake_others = wake
        self._ends = ends
        self._woken = asyncio.Event()
        self._position = 0  # all up to here has been handed out
        self._begun = 0  # the same, or the end of what is being handed out
        self._placed = asyncio.Event()
        self._rooms: dict[str, Room] = {}

    async def run(self) -> None:
        """Listen and hand out until cancelled; after a lost connection it goes on where it was."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._listen())
            both.create_task(self._tick())

    async def events(
        self, reader: Reader, after: int | None, *, allowed: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[Item, None]:
        """What the reader may see behind a position, then what comes, and heartbeats. Without a position it begins now.

        A position before all that is kept gets `reload` and what comes from now on. Each minute `allowed` is asked
        whether the caller still has these rights; without them it ends. It ends after half an hour in any case.
        """
        await self._placed.wait()
        room = self._rooms.setdefault(reader.scope.roles, Room(self._begun))
        room.readers.add(reader)
        try:
            position, complete = await self._start(room, reader.scope, after)
            yield Item(0, f": open\nretry: {_chance.randint(*_RECONNECT_MS)}\n\n".encode())
            if not complete:
                yield Item(position, _event(position, "reload", "{}"))
            async for item in self._follow(room, reader, position, Rights(allowed)):
                yield item
        finally:
            room.readers.discard(reader)
            if not room.readers and self._rooms.get(reader.scope.roles) is room:
                del self._rooms[reader.scope.roles]

    async def _follow(self, room: Room, reader: Reader, position: int, rights: Rights) -> AsyncGenerator[Item, None]:
        beat = time.monotonic() + _HEARTBEAT_SECONDS
        # What came before is read anew, not taken from the room: since then he may have lost the right to see it.
        past = self._begun
        while not reader.ended and await rights.hold():
            if position < max(room.since, past):
                # Whatever it sees of what is there up to where the hub has begun to hand out, nothing of it is missing.
                begun, items = self._begun, await self._read(reader.scope, position)
                position = position if items else begun
            else:
                items = room.behind(position)
            for item in items:
                position = item.position
                if item.is_for(reader.scope.person):
                    yield item
            now = time.monotonic()
            if items:
                beat = now + _HEARTBEAT_SECONDS
            elif now >= beat:
                beat = now + _HEARTBEAT_SECONDS
                yield _BEAT
            if position >= max(room.since, past) and not room.behind(position) and not reader.ended:
                await reader.woken(min(beat, rights.asked_at))

    async def _tick(self) -> None:
        """Wake those whose heartbeat or question is due: one clock for all, none for each."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now, ends = time.monotonic(), self._ends()
            for reader in [reader for room in self._rooms.values() for reader in room.readers]:
                if ends:
                    reader.end()
                elif reader.due <= now:
                    reader.wake()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except DATABASE_FAULTS as error:
                log.warning("stream.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _listen_once(self) -> None:
        conn = await self._db.dedicated()
        try:
            await conn.add_listener(f"{self._db.schema}.{CHANNEL}", lambda *_: self._woken.set())
            await conn.execute("SELECT set_config('yunjing.roles', $1, false)", Scope.system().roles)
            if not self._placed.is_set():
                self._position = self._begun = await last_position(conn)
                self._placed.set()
            while True:
                self._woken.clear()
                async with asyncio.timeout(_HAND_OUT_SECONDS):  # a connection may be dead without a word
                    more = await self._hand_out(conn)
                if not more:
                    await woken(self._woken, _IDLE_SECONDS)
        finally:
            conn.terminate()

    async def _hand_out(self, conn: Connection) -> bool:
        """Hand out what is new; whether there may be more, of which no notice is to come."""
        rows = await conn.fetch(f"{_ITEMS} LIMIT $2", self._position, _PAGE)
        if not rows:
            return False
        addressed = {grant for row in rows for grant in row["readers"]}
        items = {row["position"]: _item(row) for row in rows}
        self._begun = rows[-1]["position"]  # before the rooms are counted: a room made from now on begins behind it
        waiting = [roles for roles in self._rooms if not addressed.isdisjoint(roles.split(","))]
        with showing("open streams", (row["traceparent"] for row in rows)):
            await asyncio.gather(*(self._feed(roles, items) for roles in waiting))
        self._position = self._begun
        self._wake_others()
        return len(rows) == _PAGE

    async def _feed(self, roles: str, items: Mapping[int, Item]) -> None:
        """Hand to a room what row-level security lets it see of these."""
        async with self._db.begin(Scope(regions="", roles=roles, subject="", person="*"), readonly=True) as conn:
            seen = await conn.fetch(
                "SELECT position FROM stream_events WHERE position = ANY ($1) ORDER BY position", list(items)
            )
        if room := self._rooms.get(roles):
            room.hand(items[row["position"]] for row in seen)

    async def _start(self, room: Room, scope: Scope, after: int | None) -> tuple[int, bool]:
        """Where to begin, and whether all behind `after` is still there."""
        if after is None:
            return self._begun, True
        if room.since <= after <= self._begun:
            return after, True
        async with self._db.begin(scope, readonly=True) as conn:
            ends = await conn.fetchrow("SELECT latest, pruned FROM stream_ends")
        assert ends
        if after < ends["pruned"]:
            return ends["latest"], False
        return min(after, ends["latest"]), True

    async def _read(self, scope: Scope, after: int) -> list[Item]:
        async with self._db.begin(scope, readonly=True) as conn:
            return [_item(row) for row in await conn.fetch(f"{_ITEMS} LIMIT $2", after, _PAGE)]


async def last_position(conn: Connection) -> int:
    """The last position of the stream, whoever may see it; 0 before the first."""
    return int(await conn.fetchval("SELECT latest FROM stream_ends"))


def _item(row: Record) -> Item:
    data = json.dumps({"kind": row["kind"], **row["body"]}, ensure_ascii=False, separators=(",", ":"))
    only_for = None if row["only_for"] is None else frozenset(row["only_for"])
    return Item(row["position"], _event(row["position"], "alert", data), frozenset(row["barred"]), only_for)


def _event(position: int, name: str, data: str) -> bytes:
    """An event as it is sent; JSON in one line needs no more lines."""
    return f"id: {position}\nevent: {name}\ndata: {data}\n\n".encode()
