"""A process that holds many alert streams open on bare sockets: `python -m tests.bench.listeners PORT COUNT`.

It reads a line of tokens, opens the streams and prints `open N SECONDS`; then it waits until an alert stood on all of
them and prints `seen N AT`, by the clock that all processes of a machine share. After one more line it prints
`count OPEN TWICE` and ends.
"""

import asyncio
import resource
import sys
import time

_AT_ONCE = 64
_PER_ADDRESS = 8_000
_HOST = "127.0.0.1"
_OPEN_SECONDS = 600.0
_QUIET_SECONDS = 30.0


class Listener(asyncio.Protocol):
    """One stream: whether it stands, when its alert came, and how many alerts came."""

    def __init__(self, request: bytes, all_of_them: "Listeners") -> None:
        self._request = request
        self._all = all_of_them
        self._head = b""
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.alerts = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        self._all.transports.append(transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """The head with its first comment, then events and heartbeats, each in one piece as it was written."""
        if not self.opened.done():
            self._head += data
            if b": open" in self._head:
                self.opened.set_result(self._head.startswith(b"HTTP/1.1 200"))
                self._head = b""
            return
        if b"event: alert" in data:
            self.alerts += data.count(b"event: alert")
            if self.alerts == 1:
                self._all.note()

    def connection_lost(self, exc: Exception | None) -> None:
        """A stream that ends before its time is one less."""
        self._all.lost += 1
        if not self.opened.done():
            self.opened.set_result(False)


class Listeners:
    """All streams of this process."""

    def __init__(self, port: int, tokens: list[str], count: int) -> None:
        self._port = port
        self._requests = [
            f"GET /v1/stream HTTP/1.1\r\nHost: {_HOST}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            for token in tokens
        ]
        self._count = count
        self.transports: list[asyncio.Transport] = []
        self.listeners: list[Listener] = []
        self.lost = 0
        self.seen = 0
        self.last = 0.0
        self.changed = asyncio.Event()

    def note(self) -> None:
        """An alert stood on one more of them."""
        self.seen += 1
        self.last = time.monotonic()
        if self.seen == self.open:
            self.changed.set()

    @property
    def open(self) -> int:
        """How many stand."""
        return len(self.listeners) - self.lost

    async def start(self) -> None:
        """Open them, so many at once; those that were refused don't count."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                loop, request = asyncio.get_running_loop(), self._requests[number % len(self._requests)]
                address = (f"127.0.0.{2 + number // _PER_ADDRESS}", 0)
                _, made = await loop.create_connection(
                    lambda: Listener(request, self), _HOST, self._port, local_addr=address
                )
                if await made.opened:
                    self.listeners.append(made)

        async with asyncio.timeout(_OPEN_SECONDS):
            await asyncio.gather(*(one(number) for number in range(self._count)))


async def main(port: int, count: int) -> None:
    """Open, wait for the alert, tell."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tokens = sys.stdin.readline().split()
    all_of_them = Listeners(port, tokens, count)
    began = time.monotonic()
    await all_of_them.start()
    print("open", all_of_them.open, time.monotonic() - began, flush=True)
    async with asyncio.timeout(_QUIET_SECONDS + _OPEN_SECONDS):
        await all_of_them.changed.wait()
    print("seen", all_of_them.seen, all_of_them.last, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    twice = sum(one.alerts > 1 for one in all_of_them.listeners)
    print("count", all_of_them.open, twice, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
