"""The answer that goes on: a stream's items as server-sent events, sent by the request's own task, for there are
thousands."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.notifier.stream import Item, Reader
from shared.telemetry import logger

_SEND_SECONDS = 30.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
log = logger("stream")


class LiveResponse(StreamingResponse):
    """Sends items until they end, the client goes, or takes nothing for half a minute."""

    media_type = "text/event-stream"

    def __init__(self, items: AsyncGenerator[Item, None], reader: Reader) -> None:
        super().__init__((), headers=_HEADERS)
        self._items = items
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the request's body was read before, so all that can still come from the client is that it goes."""
        leaving = asyncio.create_task(self._await_leave(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with aclosing(self._items) as items:
                async for item in items:
                    async with asyncio.timeout(_SEND_SECONDS):
                        await send({"type": "http.response.body", "body": item.chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("stream.stalled")
        finally:
            leaving.cancel()

    async def _await_leave(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._reader.end()


def server_ends() -> bool:
    """Whether uvicorn has been told to end. It waits for all answers first, and says so nowhere else."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
