"""Databases of counties, copied while another test runs: none waits for its own."""

import asyncio
import uuid

import asyncpg


class SpareDatabases:
    """Copies of one database of the server; the next one is made ahead, and those given back go in their own time."""

    def __init__(self, server_url: str, template: str) -> None:
        self._url = server_url
        self._template = template
        self._next = asyncio.create_task(self._made())
        self._going: set[asyncio.Task[None]] = set()

    async def take(self) -> str:
        """The name of a fresh copy."""
        ready, self._next = self._next, asyncio.create_task(self._after(self._next))
        return await asyncio.shield(ready)

    def give_back(self, name: str) -> None:
        """Let a copy go."""
        task = asyncio.create_task(self._do(f"DROP DATABASE {name} WITH (FORCE)"))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def close(self) -> None:
        """Wait until all that were given back are gone, and the spare one, too."""
        self.give_back(await self._next)
        await asyncio.gather(*self._going)

    async def _after(self, earlier: asyncio.Task[str]) -> str:
        await asyncio.wait({earlier})
        return await self._made()

    async def _made(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        # The files as they are, instead of each page through the log: half the time.
        await self._do(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        return name

    async def _do(self, sql: str) -> None:
        conn = await asyncpg.connect(self._url)
        try:
            await conn.execute(sql)
        finally:
            await conn.close()
