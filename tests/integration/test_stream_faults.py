"""Streams through faults: a replica killed while it streams, all its database connections cut, another taking over."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from shared.bus import outbox
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token
from tests.integration.test_notifier import OTHER_SECRETARY, SECRETARY, Open, envelope
from tests.notifier.samples import OTHER_TOWN, alert, raised
from tests.system import System

_BEFORE, _WHILE, _AFTER = 8, 8, 8


@pytest.fixture
async def replicas(settings: Settings, tmp_path: Path) -> AsyncIterator[tuple[System, System]]:
    """Two notifiers of one county, each a process of its own."""
    both = System(settings, tmp_path / "one"), System(settings, tmp_path / "other")
    await asyncio.gather(*(asyncio.to_thread(one.start, "notifier") for one in both))
    yield both
    for one in both:
        one.stop()


class Page:
    """A browser's page: follows the stream, and when it breaks, comes back at another replica from where it was."""

    def __init__(self, urls: list[str], bearer: str) -> None:
        self.urls = urls
        self.headers = {"authorization": f"Bearer {bearer}"}
        self.position = ""
        self.seen: list[str] = []
        self.breaks = 0
        self.opened = asyncio.Event()
        self.came = asyncio.Condition()

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._follow_once()
            self.breaks += 1
            self.urls.append(self.urls.pop(0))

    async def until(self, count: int) -> None:
        """Until so many came."""
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: len(self.seen) >= count)

    async def _follow_once(self) -> None:
        headers = self.headers | ({"last-event-id": self.position} if self.position else {})
        async with (
            httpx.AsyncClient(base_url=self.urls[0], trust_env=False, timeout=30) as http,
            http.stream("GET", "/v1/stream", headers=headers) as answer,
        ):
            position = ""
            async for line in answer.aiter_lines():
                self.opened.set()
                name, _, value = line.partition(": ")
                if name == "id":
                    position = value
                elif name == "data":
                    async with self.came:
                        self.seen.append(json.loads(value)["alert_id"])
                        self.position = position
                        self.came.notify_all()


async def tell(db: Database, count: int) -> list[str]:
    """Raise alerts here and as many in another town, one after the other; the ids of those here."""
    made = [alert() for _ in range(count)]
    for one in made:
        other = alert(town_code=OTHER_TOWN, village_code="330421105201")
        async with db.begin(Scope.system()) as conn:
            await outbox.publish(conn, [envelope(raised(each)) for each in (one, other)])
        await asyncio.sleep(0.01)
    return [one.alert_id for one in made]


async def test_a_page_misses_nothing_and_gets_nothing_twice_when_its_replica_dies(
    replicas: tuple[System, System], settings: Settings, database: Open, token: Token
) -> None:
    db = await database("notifier")
    dying, living = replicas
    urls = [one.url("notifier") for one in replicas]
    page, other = Page(urls[:], token(SECRETARY)), Page(urls[::-1], token(OTHER_SECRETARY))
    following = [asyncio.create_task(one.follow()) for one in (page, other)]
    await asyncio.gather(page.opened.wait(), other.opened.wait())

    made = await tell(db, _BEFORE)
    await page.until(_BEFORE // 2)
    await asyncio.to_thread(dying.kill, "notifier")
    made += await tell(db, _WHILE)
    await page.until(_BEFORE + _WHILE)
    assert page.breaks > 0
    assert other.breaks == 0

    await cut_all_connections(settings)
    made += await tell(await database("notifier"), _AFTER)
    await page.until(len(made))
    await other.until(len(made))
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    assert sorted(page.seen) == sorted(made)
    assert len(set(other.seen)) == len(other.seen) == len(made)
    assert living.pid("notifier")


async def cut_all_connections(settings: Settings) -> None:
    """As a restart of the database does."""
    owner = await asyncpg.connect(settings.database_url)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await owner.close()
