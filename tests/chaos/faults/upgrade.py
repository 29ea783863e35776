"""An upgrade: the new version's migrations come while the old one runs, then one service after the other is replaced.

A new version is a copy of the one that runs, with a migration more for each table: one column.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg

from shared.db import ROOT, SCHEMAS, service_url
from shared.settings import Settings
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage
from tests.system import as_environment

# What Kubernetes gives a pod before it kills it, and how long an operator has the preparation go on.
_GRACE = 30.0
_PATIENCE = 180.0
_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
AND pg_get_userbyid(relowner) = current_user ORDER BY relname
"""


def faults(stage: Stage) -> Iterator[Fault]:
    """One, of all services, where there is a folder for further versions."""
    if stage.versions:
        yield Fault("upgrade", "services", partial(_strike, stage, stage.versions))


@contextmanager
def _strike(stage: Stage, versions: Path) -> Iterator[None]:
    with stage.hold("version"):
        version = _next(stage, versions)
        _prepare(stage.first.settings, version)
        for service in SCHEMAS:
            with stage.hold(service):
                stage.own.setdefault(service, {}).update(_running_from(version))
                stage.first.end(service, within=_GRACE)
                stage.revive(service)
        yield


def _next(stage: Stage, versions: Path) -> Path:
    """The newest version, or else the one we are, with a migration a table."""
    number = len(list(versions.iterdir()))
    newest = versions / str(number) if number else ROOT
    version = versions / str(number + 1)
    for part in ("services", "shared"):
        shutil.copytree(newest / part, version / part)
    for schema in SCHEMAS:
        for table in asyncio.run(_tables(stage.first.settings, schema)):
            migration = version / "services" / schema / "migrations" / f"9{number:03d}_{table}.sql"
            migration.write_text(f'ALTER TABLE "{table}" ADD COLUMN of_version_{number + 1} text;\n', encoding="utf-8")
    return version


async def _tables(settings: Settings, schema: str) -> list[str]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            conn = await asyncpg.connect(service_url(settings, schema))
            try:
                return [row["relname"] for row in await conn.fetch(_TABLES, schema)]
            finally:
                await conn.close()
        except (asyncpg.PostgresError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


def _prepare(settings: Settings, version: Path) -> None:
    """As an operator does: again, when the database or a broker was away."""
    deadline = time.monotonic() + _PATIENCE
    environment = os.environ | as_environment(settings) | _running_from(version)
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.local.prepare"], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stderr[-2000:]


def _running_from(version: Path) -> dict[str, str]:
    """The variables with which a process takes our code from there; what is no part of a version stays ours."""
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{version}{os.pathsep}{ROOT}"}
