"""kill -9 of any service or the broker, at any moment: what the county sees in the end is what it would see anyway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from tests.chaos.killer import Killer
from tests.chaos.play import play_through
from tests.conftest import County, Token
from tests.system import System

CASES = 24
KILLS = 12
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
    expected = await play_through(undisturbed, token(MACHINE), CASES, lambda system, fed: None)
    assert any(row["grade"] == "red" for rows in expected.values() for row in rows if "grade" in row)

    killer = Killer([broker] if broker else [], seed=20260301, wanted=KILLS)
    found = await play_through(disturbed, token(MACHINE), CASES, killer.rage)

    assert killer.kills >= KILLS
    assert found == expected
