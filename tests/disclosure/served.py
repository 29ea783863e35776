"""A service on a free port, within the test's own loop."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from itsdangerous import TimestampSigner

from shared.settings import Settings
from tests.conftest import eventually


class Server(uvicorn.Server):
    """A server that leaves the test's signal handlers alone, and goes as soon as all are answered: uvicorn's own looks
    for that every tenth of a second, which some hundred tests waited for."""

    def install_signal_handlers(self) -> None:
        return

    async def main_loop(self) -> None:
        leaving = await self.on_tick(0)
        while not leaving:
            await asyncio.sleep(0.02)
            leaving = await self.on_tick(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if under_way := list(self.server_state.tasks):
            _, late = await asyncio.wait(under_way, timeout=self.config.timeout_graceful_shutdown)
            for task in late:
                task.cancel()
        await self.lifespan.shutdown()


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


def session(settings: Settings, subject: str, *grants: str) -> dict[str, str]:
    """The cookie of somebody who has signed in with these grants."""
    claims = {"sub": subject, "name": "李明", "groups": list(grants), "exp": 4_000_000_000}
    plain = base64.b64encode(json.dumps({"claims": claims}).encode())
    return {"yunjing_disclosure": TimestampSigner(settings.session_secret).sign(plain).decode()}


def official(settings: Settings, url: str, subject: str, *grants: str) -> httpx.AsyncClient:
    """The browser of somebody who has signed in with these grants."""
    cookies = session(settings, subject, *grants)
    headers = {"accept": "text/html", "origin": url}
    return httpx.AsyncClient(base_url=url, headers=headers, cookies=cookies, trust_env=False, timeout=20)
