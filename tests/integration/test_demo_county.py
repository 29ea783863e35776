"""The demo county in a running system: all of it, once, also when loading was interrupted."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.demo.load import BUSY, Loaded, Loader
from deploy.demo.simulator import Simulation, Size
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.system import System

_WAITING = "SELECT count(*) FROM cases WHERE village_code = $1 AND status = 'open'"
SIZE = Size(300, datetime(2026, 6, 30, 9, tzinfo=UTC))


def county(settings: Settings) -> Simulation:
    return Simulation(seed=3, size=SIZE, secret=settings.identity_secret)


class Interrupted(Exception):
    """The power went."""


async def test_the_county_is_loaded_once_whatever_interrupts_it(
    settings: Settings, database: Callable[[str], Awaitable[Database]], token: Token, tmp_path: Path
) -> None:
    system = System(settings, tmp_path)
    system.start("detector")
    try:
        loader = Loader(system.settings, token("machine@330421000000"), busy=BUSY)
        done_so_far = 0

        def advance(done: int) -> None:
            nonlocal done_so_far
            done_so_far += done
            if done_so_far > len(county(settings).records()):
                raise Interrupted

        with pytest.raises(Interrupted):
            await Loader(system.settings, loader.token, advance, BUSY).load(county(settings))
        loaded = await loader.load(county(settings))
        assert await loader.load(county(settings)) == Loaded(0, 0, 0)
        detector = await database("detector")

        async def all_registered() -> bool:
            async with detector.begin(Scope.system(), readonly=True) as conn:
                held = await conn.fetchval("SELECT count(*) FROM reference_records")
            return bool(held == len(county(settings).records()))

        await eventually(all_registered)
    finally:
        system.stop()
    told = county(settings)
    whole = [*told.cases(), *told.under_way(BUSY)]
    assert 0 < loaded.cases < len(whole)
    db = await database("approval")
    async with db.begin(Scope.system(), readonly=True) as conn:
        busy = await conn.fetchval(_WAITING, BUSY)
        assert busy >= 8, "something waits for those who try it"
        assert await conn.fetchval("SELECT count(*) FROM cases") == len(whole)
        events = sum(len(case.events) for case in whole)
        assert await conn.fetchval("SELECT count(*) FROM case_events") == events
        assert await conn.fetchval("SELECT count(*) FROM outbox") == events
