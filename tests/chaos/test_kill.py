"""kill -9 of any service or the broker, at any moment: what the county sees in the end is what it would see anyway."""

import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.local.kafka import Kafka
from shared.db import SCHEMAS, Database
from tests.chaos import history
from tests.chaos.settled import quiet, seen
from tests.conftest import County, Token, eventually
from tests.system import System

CASES = 24
KILLS = 12
PATIENCE = 90.0
MACHINE = "machine@330421000000"


@pytest.fixture
async def undisturbed(county: County, tmp_path: Path) -> AsyncIterator[System]:
    """A running system that nobody kills."""
    system = System(await county(), tmp_path / "undisturbed")
    yield system
    system.stop()


@pytest.fixture
async def disturbed(county: County, tmp_path: Path) -> AsyncIterator[System]:
    """A running system to be killed."""
    system = System(await county(), tmp_path / "disturbed")
    yield system
    system.stop()


async def test_killed_at_any_moment_nothing_is_lost_and_nothing_happens_twice(
    undisturbed: System, disturbed: System, broker: Kafka | None, token: Token
) -> None:
    expected = await play_through(undisturbed, token, lambda system, fed: None)
    assert any(row["grade"] == "red" for rows in expected.values() for row in rows if "grade" in row)

    killer = Killer(broker, seed=20260301)
    found = await play_through(disturbed, token, killer.rage)

    assert killer.kills >= KILLS
    assert found == expected


class Killer:
    """Kills services and the broker in turn, at moments drawn from a seed, and starts them again."""

    def __init__(self, broker: Kafka | None, seed: int) -> None:
        self._broker = broker
        self._dice = random.Random(seed)
        self.kills = 0

    def rage(self, system: System, fed: threading.Event) -> None:
        """Go on while the history is being fed, and until all have been killed often enough."""
        victims = [*SCHEMAS, "broker"] if self._broker else list(SCHEMAS)
        while self.kills < KILLS or not fed.is_set():
            for victim in self._dice.sample(victims, len(victims)):
                fed.wait(self._dice.uniform(0.0, 0.6))
                self._strike(system, victim)

    def _strike(self, system: System, victim: str) -> None:
        self.kills += 1
        if victim == "broker":
            assert self._broker
            self._broker.kill()
            self._broker.start()
        else:
            system.kill(victim)
            system.start(victim)


async def play_through(
    system: System, token: Token, disturb: Callable[[System, threading.Event], None]
) -> dict[str, list[dict[str, object]]]:
    """Feed the history through the public interfaces while `disturb` goes on; what is seen once all is quiet."""
    system.start()
    fed = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(feed, system, token(MACHINE), fed)
        disturb(system, fed)
        feeding.result()
    pools = {}
    for schema in SCHEMAS:
        pools[schema] = Database(system.settings, schema)
        await pools[schema].open()
    try:
        await eventually(lambda: quiet(system.settings, pools), within=PATIENCE)
        return await seen(pools)
    finally:
        for opened in pools.values():
            await opened.close()


def feed(system: System, bearer: str, fed: threading.Event) -> None:
    """Send registers and sheets, each again until it is answered: the interfaces are made for that."""
    with httpx.Client(headers={"authorization": f"Bearer {bearer}"}, trust_env=False, timeout=10) as client:
        for dataset, record in history.REGISTERS:
            url = f"{system.url('detector')}/v1/reference/{dataset}/{record['id']}"
            insist(partial(client.put, url, json=record))
        for sheet in history.sheets(CASES):
            url = f"{system.url('approval')}/v1/imports"
            files, form = {"file": (sheet.name, sheet.content, "text/csv")}, {"village_code": sheet.village}
            insist(partial(client.post, url, files=files, data=form))
    fed.set()


def insist(send: Callable[[], httpx.Response]) -> None:
    """Send until there is an answer; a refusal fails the test."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = send()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.05)
            continue
        assert answer.status_code < 400, answer.text
        return
