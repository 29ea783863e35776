"""One PostgreSQL and one Kafka serve the whole run; each test that asks gets its own database and topic prefix.

A test marked `without_broker` works with the database alone: no topics are made for it.
"""

import asyncio
import gc
import json
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from playwright.async_api import Browser, async_playwright, expect

from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.prepare import tables
from shared import db
from shared.background import spare_collector
from shared.bus import topics
from shared.settings import Settings
from tests.spare_databases import SpareDatabases

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-proxy-server"),
]
ISSUER = "http://issuer.test"
NO_BROKER = "127.0.0.1:1"
# What dies here is a process, never the machine: no write needs to reach the disk.
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "512MB"}
# What has not come after so many seconds doesn't come, also on a machine that others load.
_PATIENCE = 40.0
_IN_MEMORY, _ROOM = Path("/dev/shm"), 6 * 1024**3
SIGNING_KEY = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})
Token = Callable[..., str]
T = TypeVar("T")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives as long as the run: looked through again and again, it took a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        spare_collector()
        gc.enable()


def _quick_folder() -> TemporaryDirectory[str]:
    """A folder for what servers keep, in memory where there is room: databases are made and dropped for each test.

    Not under pytest's own: that one is closed to the user as whom root runs PostgreSQL.
    """
    room = min(psutil.virtual_memory().available, psutil.disk_usage(str(_IN_MEMORY)).free) if _IN_MEMORY.exists() else 0
    return TemporaryDirectory(prefix="yunjing-tests-", dir=_IN_MEMORY if room > _ROOM else None)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    with _quick_folder() as folder:
        server = Postgres(Path(folder), tuning=_UNSAFE)
        yield server.start()
        server.stop()


@pytest.fixture(scope="session")
def broker() -> Iterator[Kafka | None]:
    """The run's own broker; None when `KAFKA_BOOTSTRAP_SERVERS` names another."""
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield None
        return
    with _quick_folder() as folder:
        own = Kafka(Path(folder))
        own.start()
        yield own
        own.stop()


@pytest.fixture(scope="session")
def kafka_bootstrap(broker: Kafka | None) -> str:
    """The address of a running Kafka broker."""
    return broker.bootstrap if broker else os.environ["KAFKA_BOOTSTRAP_SERVERS"]


County = Callable[[], Awaitable[Settings]]


def _settings(postgres_url: str, name: str, bootstrap: str, data_dir: Path) -> Settings:
    return Settings(
        database_url=urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")),
        kafka_bootstrap_servers=bootstrap,
        kafka_topic_prefix=f"{name}.",
        identity_secret="identity-secret-of-the-tests",
        session_secret="session-secret-of-the-tests",
        paper_log_key="5e" * 32,
        oidc_issuer=ISSUER,
        oidc_jwks=json.dumps(KeySet([SIGNING_KEY]).as_dict(private=False)),
        data_dir=data_dir,
        allow_private_webhooks=True,
    )


@pytest.fixture(scope="session")
async def empty_county(postgres_url: str) -> AsyncIterator[str]:
    """The name of a database with all roles, schemas and tables: every county of the tests is a copy of it."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    owner = await asyncpg.connect(postgres_url)
    await owner.execute(f"CREATE DATABASE {name}")
    await tables(_settings(postgres_url, name, NO_BROKER, Path()))
    yield name
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


@pytest.fixture(scope="session")
async def spare_databases(postgres_url: str, empty_county: str) -> AsyncIterator[SpareDatabases]:
    """Copies of the empty county's database."""
    spares = SpareDatabases(postgres_url, empty_county)
    yield spares
    await spares.close()


@pytest.fixture
async def county(
    request: pytest.FixtureRequest, postgres_url: str, spare_databases: SpareDatabases, tmp_path: Path
) -> AsyncIterator[County]:
    """Makes counties, each with its own database, schemas and topics: `settings = await county()`."""
    alone = request.node.get_closest_marker("without_broker")
    bootstrap = NO_BROKER if alone else request.getfixturevalue("kafka_bootstrap")
    made: list[Settings] = []

    async def make() -> Settings:
        name = await spare_databases.take()
        made.append(settings := _settings(postgres_url, name, bootstrap, tmp_path / name))
        if not alone:
            await topics.create(settings)
        return settings

    yield make
    for settings in made:
        spare_databases.give_back(urlsplit(settings.database_url).path.lstrip("/"))
        if not alone:
            await topics.delete(settings)


@pytest.fixture
async def settings(county: County) -> Settings:
    """A fresh county."""
    return await county()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Callable[[str], Awaitable[db.Database]]]:
    """Opens the pool of a service: `await database("approval")`."""
    opened: list[db.Database] = []

    async def open_(schema: str) -> db.Database:
        pool = db.Database(settings, schema)
        await pool.open()
        opened.append(pool)
        return pool

    yield open_
    for pool in opened:
        await pool.close()


@pytest.fixture(scope="session")
def token() -> Token:
    """Mints a token: `token("handler@330421103201", name="李明")`."""

    def mint(
        *grants: str, subject: str = "li", name: str = "李明", person_key: str | None = None, **more: object
    ) -> str:
        claims: dict[str, object] = {
            **more,
            "iss": ISSUER,
            "aud": "yunjing",
            "sub": subject,
            "name": name,
            "groups": list(grants),
        }
        claims |= {"exp": int(time.time()) + 3600} | ({"person_key": person_key} if person_key else {})
        return jwt.encode({"alg": "RS256", "kid": "tests"}, claims, SIGNING_KEY)

    return mint


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium: Debian's, or the one that `CHROMIUM` names. CI may not do without."""
    if not shutil.which(CHROMIUM):
        why = f"no Chromium at {CHROMIUM}: install Debian's package `chromium`, or name another by CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=1000 * _PATIENCE)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield opened
        await opened.close()


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = _PATIENCE) -> T:
    """What `look` gives once it is true; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := await look()):
        assert time.monotonic() < deadline, f"not within {within} s"
        await asyncio.sleep(0.02)
    return found
