"""Keys that seal are changed while the services run: nothing is lost, nothing old is left, a kill costs nothing."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from os import environ

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag

from services.disclosure.appeals import deeds, intake
from shared import rotation
from shared.db import Database, Scope
from shared.identity import IdentitySecret, seal, unseal
from shared.settings import Settings
from tests.conftest import eventually
from tests.system import as_environment

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
VILLAGE, OLD, NEW = "330421107201", "old:" + "ab" * 32, "new:" + "cd" * 32
WORDS = "路灯三个月没有亮了"


def with_keys(settings: Settings, *keys: str) -> Settings:
    """The settings of an installation with these keys, the current first."""
    told = ",".join(keys)
    secret = IdentitySecret(str(settings.identity_secret), told)
    return settings.model_copy(update={"identity_secret": secret, "sealing_keys": told})


async def file(db: Database, settings: Settings, number: str) -> None:
    wanted = intake.Wanted("complaint", "village", f"{WORDS}{number}", "王五", "13812345678")
    await deeds.file(db, settings, VILLAGE, None, wanted, [], number)


async def words(db: Database, settings: Settings, number: str) -> str:
    held, _, _ = await deeds.followed(db, settings, number)
    return held.words


async def test_what_older_keys_sealed_is_sealed_anew_and_still_read(settings: Settings, database: Open) -> None:
    db = await database("disclosure")
    unnamed, old, both, new = (with_keys(settings, *keys) for keys in ((), (OLD,), (NEW, OLD), (NEW,)))
    await file(db, unnamed, "1" * 20)
    await file(db, old, "2" * 20)
    await file(db, both, "3" * 20)
    assert await rotation.left(both) == {"": 4, "old": 4, "new": 4}
    # Whoever reads in between has both keys.
    done, read = await asyncio.gather(rotation.rotate(both, batch=1), words(db, both, "1" * 20))
    assert read == WORDS + "1" * 20
    assert sum(done.values()) == 8
    assert await rotation.left(both) == {"new": 12}
    for number in ("1" * 20, "2" * 20, "3" * 20):
        assert await words(db, new, number) == WORDS + number
    assert sum((await rotation.rotate(new)).values()) == 0


async def test_a_key_that_is_missing_changes_nothing(settings: Settings, database: Open) -> None:
    db = await database("disclosure")
    await file(db, with_keys(settings, OLD), "4" * 20)
    with pytest.raises(InvalidTag):
        await rotation.rotate(with_keys(settings, NEW))
    assert await words(db, with_keys(settings, OLD), "4" * 20) == WORDS + "4" * 20


async def test_killed_it_goes_on_where_it_was(settings: Settings, database: Open) -> None:
    db, old, both = await database("approval"), with_keys(settings, OLD), with_keys(settings, NEW, OLD)
    rows = [(f"s{at}", seal(f"draft {at}", old.identity_secret)) for at in range(12000)]
    async with db.begin(Scope.system()) as conn:
        await conn.execute("ALTER TABLE drafts NO FORCE ROW LEVEL SECURITY")
        sql = "INSERT INTO drafts (subject, place, flow, sealed, saved_at) VALUES ($1, 'p', 'PR1', $2, now())"
        await conn.executemany(sql, rows)
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.rotation"),
        env=environ | as_environment(both),
        stdout=asyncio.subprocess.DEVNULL,
    )

    async def begun() -> bool:
        return (await rotation.left(both)).get("new", 0) > 0

    await eventually(begun)
    running.send_signal(signal.SIGKILL)
    await running.wait()
    before = await rotation.left(both)
    assert before["new"] % rotation._BATCH == 0
    assert before["old"] > 0
    assert (await rotation.rotate(both))["approval.drafts.sealed"] == 12000 - before["new"]
    owner = await asyncpg.connect(settings.database_url)
    kept = await owner.fetch("SELECT subject, sealed FROM approval.drafts")
    await owner.close()
    new = with_keys(settings, NEW).identity_secret
    assert {(row["subject"], unseal(row["sealed"], new)) for row in kept} == {
        (f"s{n}", f"draft {n}") for n in range(12000)
    }


async def test_every_column_that_may_be_sealed_is_named(settings: Settings) -> None:
    """By their names: sealed things are called so, or are addresses and secrets of subscriptions."""
    owner = await asyncpg.connect(settings.database_url)
    found = await owner.fetch(
        "SELECT table_schema AS service, table_name AS name, column_name AS col FROM information_schema.columns"
        " WHERE table_schema = ANY($1::text[]) AND data_type = 'text'"
        " AND column_name ~ '(sealed|secret$|^address$|^url$)'",
        list(rotation.sealed_columns()),
    )
    await owner.close()
    named = {
        (service, one.table, column)
        for service, tables in rotation.sealed_columns().items()
        for one in tables
        for column in one.columns
    }
    assert {(row["service"], row["name"], row["col"]) for row in found} == named
