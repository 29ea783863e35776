"""An alert turns out to be about somebody who has it open: his page drops the card, and he learns nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.notifier.stream import Hub, Reader
from shared.contracts.alerts import AlertUpdated
from shared.db import Database, Scope
from tests.integration.test_notifier import SECRETARY, always, deliver, stop
from tests.notifier.samples import TOWN, VILLAGE, about, alert, raised

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("notifier")


@pytest.fixture
async def hub(db: Database) -> AsyncIterator[Hub]:
    made = Hub(db)
    running = asyncio.create_task(made.run())
    yield made
    await stop(running)


async def heard(hub: Hub, person: str, count: int, after: int | None = None) -> list[tuple[str, list[str]]]:
    """What a person at the secretary's desk gets of the stream: kinds, and the fields that come with each."""
    found: list[tuple[str, list[str]]] = []
    opened = hub.events(Reader(Scope("", SECRETARY, "s", person)), after, allowed=always)
    async for item in opened:
        data = [line for line in item.chunk.decode().splitlines() if line.startswith("data: ")]
        if item.position and data:
            told = json.loads(data[0].removeprefix("data: "))
            found.append((told["kind"], sorted(told)))
        if len(found) == count:
            break
    await opened.aclose()
    return found


async def test_who_becomes_barred_gets_removed_and_nobody_else_does(db: Database, hub: Hub) -> None:
    found = alert()
    await deliver(db, raised(found))
    kin = about("village", VILLAGE, "zhang-key").model_copy(update={"kin": ("wang-key",)})
    later = [
        AlertUpdated(**found.model_dump() | {"revision": 2, "about": (kin,)}),
        AlertUpdated(**found.model_dump() | {"revision": 3, "about": (kin,)}),
    ]
    live = {who: asyncio.create_task(heard(hub, who, size, 1)) for who, size in [("wang-key", 1), ("li-key", 2)]}
    await deliver(db, later[0])
    await deliver(db, later[1], raised(alert()))
    assert await asyncio.wait_for(live["wang-key"], 10) == [("removed", ["alert_id", "kind"])]
    assert [kind for kind, _ in await asyncio.wait_for(live["li-key"], 10)] == ["updated", "updated"]
    again = await asyncio.wait_for(heard(hub, "wang-key", 2, 1), 40)
    assert [kind for kind, _ in again] == ["removed", "raised"]
    for person, kinds in [("wang-key", ["removed", "raised"]), ("li-key", ["raised", "updated", "updated", "raised"])]:
        async with db.begin(Scope("", SECRETARY, "s", person)) as conn:
            rows = await conn.fetch("SELECT kind FROM stream_events ORDER BY position")
        assert [row["kind"] for row in rows] == kinds, person
    async with db.begin(Scope("", f"town_secretary@{TOWN[:6]}105000", "s", "wang-key")) as conn:
        assert await conn.fetchval("SELECT count(*) FROM stream_events") == 0
