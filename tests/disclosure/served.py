"""Disclosure on a free port, within the test's own loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from tests.conftest import eventually


class Server(uvicorn.Server):
    """A server that leaves the test's signal handlers alone."""

    def install_signal_handlers(self) -> None:
        return


@asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The address of a running app; on a port that is free when none is named."""
    server = Server(
        uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1, timeout_keep_alive=60)
    )
    running = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await running
