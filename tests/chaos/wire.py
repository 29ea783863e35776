"""A line between a service and a server that can be cut, fall silent, or be slow: a proxy of a few lines."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from deploy.local import processes

_PIECE = 64 * 1024


class Wire:
    """Passes connections of `port` on to a port of this machine, while it is sound."""

    def __init__(self, target: int) -> None:
        self.port = processes.free_port()
        self._target = target
        self._delay = 0.0
        self._cut = False
        self._passing = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen until the loop ends."""
        self._passing.set()
        await asyncio.start_server(self._pass, processes.HOST, self.port)

    async def cut(self) -> None:
        """Reset all connections and let none be made."""
        self._cut = True
        for end in list(self._ends):
            end.transport.abort()

    async def silence(self) -> None:
        """Connections stay and nothing passes: what a network that lost the way looks like from both its ends."""
        self._passing.clear()

    async def slow(self, seconds: float) -> None:
        """Each piece comes so much later."""
        self._delay = seconds

    async def mend(self) -> None:
        """All passes again; what was held back arrives now."""
        self._cut, self._delay = False, 0.0
        self._passing.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            await self._passing.wait()
            if not self._cut:
                with suppress(OSError):
                    await self._between(reader, writer)
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(processes.HOST, self._target)
        pumps = {
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._passing.wait()
            writer.write(piece)
            await writer.drain()
        await self._passing.wait()


class Exchange:
    """The wires of a run, on a loop of a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def wire(self, target: int) -> Wire:
        """A sound wire to a port of this machine."""
        made = Wire(target)
        self.now(made.open)
        return made

    def now(self, deed: Callable[[], Awaitable[None]]) -> None:
        """Do something to a wire and wait until it is done."""

        async def do() -> None:
            await deed()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)

    def close(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
