"""Faults at any moment: what the county sees in the end is what it would see anyway, and a broken build is caught."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from shared.db import Database, Scope
from tests.chaos.difference import blamed, differences
from tests.chaos.director import Director
from tests.chaos.fault import Fault
from tests.chaos.faults import again, kill, poison
from tests.chaos.play import play_through
from tests.chaos.stage import Stage
from tests.conftest import County, Token, eventually
from tests.system import System

CASES = 12
MACHINE = "machine@330421000000"
# A process ends with the thread that started it, and the broker serves the tests behind ours as well.
HANDS = ThreadPoolExecutor()
MakeStage = Callable[[str], Awaitable[Stage]]


@pytest.fixture
async def stage(county: County, broker: Kafka | None, tmp_path: Path) -> AsyncIterator[MakeStage]:
    """Makes stages over counties of their own, whose services are served by a module."""
    made: list[Stage] = []

    async def make(program: str) -> Stage:
        settings, folder = await county(), tmp_path / str(len(made))
        own = {"detector": {"CHAOS_BROKEN": "offsets-before-results", "CHAOS_BETWEEN_SECONDS": "2"}}
        own |= {name: {"CHAOS_BROKEN": "nothing"} for name in ("approval", "notifier", "disclosure")}
        first, second = (System(settings, folder / name, own=own, program=program) for name in ("first", "second"))
        made.append(Stage(HANDS, first, second, [broker] if broker else []))
        return made[-1]

    yield make
    for each in made:
        each.first.stop()
        each.second.stop()


async def test_faults_change_nothing_that_the_county_sees_and_a_build_that_loses_events_is_caught(
    stage: MakeStage, token: Token
) -> None:
    quiet, broken = await stage("uvicorn"), await stage("tests.chaos.broken")
    async with asyncio.TaskGroup() as beside:
        # Most of its time it waits for Kafka to miss the detector that was killed.
        losing = beside.create_task(play_through(broken, token(MACHINE), CASES, _killer(broken)))
        expected = await play_through(quiet, token(MACHINE), CASES)
        assert any(row["grade"] == "red" for row in expected["alerts"].values())
        quiet.first.stop()

        rough = await stage("uvicorn")
        plan = [*kill.faults(rough), *again.faults(rough), *poison.faults(rough)]
        found = await play_through(rough, token(MACHINE), CASES, Director(plan, seed=20260301, at_once=3))
    assert len(rough.timeline.strikes) == len(plan)
    assert not list(differences(expected, found))
    assert "kill detector" in blamed(next(differences(expected, losing.result())), broken.timeline)


def _killer(broken: Stage) -> Director:
    """Kills the detector once, with its offsets committed."""

    @contextmanager
    def strike() -> Iterator[None]:
        asyncio.run(_offsets_committed(broken))
        broken.kill("detector")
        yield
        broken.revive("detector")

    return Director([Fault("kill", "detector", strike)], seed=1)


async def _offsets_committed(stage: Stage) -> None:
    db = Database(stage.first.settings, "detector")
    await db.open()

    async def committed() -> bool:
        async with db.begin(Scope.system()) as conn:
            return bool(await conn.fetchval("SELECT sum(next_offset) FROM consumer_offsets WHERE topic LIKE '%power%'"))

    try:
        await eventually(committed, within=60)
    finally:
        await db.close()
