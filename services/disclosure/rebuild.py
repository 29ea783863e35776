"""Read models thrown away and rebuilt from the log, while the old ones serve: `make rebuild [MODEL=supervision]`.

New tables fill in a schema of their own, from the first event on. When they have come as far as the old ones, one
transaction holds the service's consumer, lets the last events in, and puts the new tables in the place of the old,
with their offsets: the consumer goes on from there. Killed at any moment before that commit, nothing has changed, and
the next rebuild begins anew. Why so: docs/decisions/0006-what-the-public-may-see.md.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import TopicPartition

from services.disclosure.projections import takedowns
from services.disclosure.projections.village import CHANNEL
from services.disclosure.proof.paper_log import COLUMNS as PAPER_COLUMNS
from services.disclosure.read_models import MODELS, PUBLIC, SUPERVISED, ReadModel
from shared.background import stopped
from shared.db import ROOT, Connection, Database, Scope
from shared.settings import Settings

LIVE = "disclosure"
NEW, OLD = f"{LIVE}_new", f"{LIVE}_old"
_MIGRATIONS = (ROOT / "shared" / "bus" / "tables.sql", ROOT / "services" / "disclosure" / "migrations")
# What is the service's own and no read model: it stays where it is.
_STAYS = (
    *("outbox", "consumer_offsets", "seen_events", "schema_versions", "audit_log", "audit_append_only"),
    *("downloads", "download_parts", "takedowns", "policies", "policy_versions", "writes_policies"),
    *("appeals", "appeal_entries", "appeal_pictures", "appeal_identities", "appeal_opinions", "appeal_counts"),
    *("appeal_day_keys", "appeal_rates"),
    *("paper_leaves", "paper_nodes", "paper_heads", "paper_log_append_only"),
    *("evaluation_figures", "evaluation_seals", "evaluation_cards", "evaluation_places"),
)
_LOOK_SECONDS = 0.2
_HOLD_SECONDS = 60.0
# An instance that waits for the lock takes an epoch that is one higher; none may be as high as the new one.
_FENCE = 1_000
_OFFSETS = "SELECT topic, partition, next_offset FROM {schema}.consumer_offsets WHERE consumer = $1"
_HELD = _OFFSETS.format(schema=LIVE) + " FOR UPDATE"
_MODELS = """
SELECT 'TABLE' AS kind, relname AS name FROM pg_class
WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname <> ALL($2)
  AND starts_with(relname, $3) = $4
UNION ALL
SELECT 'FUNCTION', format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) FROM pg_proc
WHERE pronamespace = $1::regnamespace AND proname <> ALL($2) AND starts_with(proname, $3) = $4
"""
_GO_ON = f"""
INSERT INTO {LIVE}.consumer_offsets AS o (consumer, topic, partition, next_offset, epoch)
SELECT $1, topic, partition, next_offset, {_FENCE} FROM {NEW}.consumer_offsets WHERE consumer = $2
ON CONFLICT (consumer, topic, partition) DO UPDATE
SET next_offset = excluded.next_offset, epoch = o.epoch + {_FENCE}
"""
_HAVE_SEEN = f"""
INSERT INTO {LIVE}.seen_events (event_id, consumer)
SELECT event_id, $1 FROM {NEW}.seen_events WHERE consumer = $2 ON CONFLICT DO NOTHING
"""
_DEAD = f"""
INSERT INTO {LIVE}.outbox (event_id, topic, key, type, source, subject, time, traceparent, data)
SELECT event_id, topic, key, type, source, subject, time, traceparent, data FROM {NEW}.outbox ORDER BY id
"""
# The log of papers stays, too; what only the new tables disclose is appended to it.
_PAPERS = f"""
INSERT INTO {LIVE}.paper_leaves ({PAPER_COLUMNS})
SELECT {PAPER_COLUMNS} FROM {NEW}.paper_leaves ORDER BY id ON CONFLICT DO NOTHING
"""
Places = dict[TopicPartition, int]


class NotCaughtUp(Exception):
    """The new tables didn't come as far as the old ones within the time in which the service may be held."""


class AnotherRebuild(Exception):
    """A rebuild is under way already."""


async def rebuild(
    settings: Settings, model: ReadModel = PUBLIC, *, tell: Callable[[str], None] = lambda line: None
) -> int:
    """Build a model anew and switch; how many events could not be taken in, which are in the dead letters.

    Raises `AnotherRebuild`, and `NotCaughtUp` when nothing was switched.
    """
    owner = await asyncpg.connect(settings.database_url)
    live, new = Database(settings, LIVE), Database(settings, LIVE)
    new.schema = NEW
    try:
        if not await owner.fetchval("SELECT pg_try_advisory_lock(hashtext('rebuild'), hashtext($1))", LIVE):
            raise AnotherRebuild
        await _empty_schema(owner)
        await live.open()
        await new.open()
        await _migrate(new)
        await owner.execute(f"INSERT INTO {NEW}.takedowns SELECT * FROM {LIVE}.takedowns")
        dead = await _fill_and_switch(settings, model, live, new, owner, tell)
        for schema in (OLD, NEW):
            await owner.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        return dead
    finally:
        await new.close()
        await live.close()
        await owner.close()


async def _empty_schema(owner: Connection) -> None:
    """Room for new and for old tables; what a rebuild that was killed has left behind goes."""
    for schema in (NEW, OLD):
        await owner.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await owner.execute(f"CREATE SCHEMA {schema} AUTHORIZATION yunjing_{LIVE}")


async def _migrate(new: Database) -> None:
    tables, migrations = _MIGRATIONS
    async with new.begin(Scope.system()) as conn:
        for file in (tables, *sorted(migrations.glob("*.sql"))):
            await conn.execute(file.read_text(encoding="utf-8"))


async def _fill_and_switch(
    settings: Settings,
    model: ReadModel,
    live: Database,
    new: Database,
    owner: Connection,
    tell: Callable[[str], None],
) -> int:
    group = f"{model.group}.rebuild.{uuid.uuid4().hex[:12]}"
    async with _running(model.consumer(new, settings, group).run()) as filling:
        began = time.monotonic()
        while not _reached(await _places(new, NEW, group), ends := await _places(live, LIVE, model.group)):
            _check(filling)
            done = sum((await _places(new, NEW, group)).values())
            tell(_progress(model, done, sum(ends.values()), time.monotonic() - began))
            await asyncio.sleep(_LOOK_SECONDS)
        async with live.begin(Scope.system()) as conn:
            held = {_place(row): row["next_offset"] for row in await conn.fetch(_HELD, model.group)}
            await _until_reached(new, group, held, filling)
            await stopped({filling})
            # Whose connection is lost has lost the lock as well: another rebuild may have begun.
            await owner.execute("SELECT")
            return await _switch(conn, group, model)


async def _until_reached(new: Database, group: str, held: Places, filling: asyncio.Task[None]) -> None:
    """The old tables stand still now: let in the few events that they have and the new ones don't."""
    try:
        async with asyncio.timeout(_HOLD_SECONDS):
            while not _reached(await _places(new, NEW, group), held):
                _check(filling)
                await asyncio.sleep(_LOOK_SECONDS / 10)
    except TimeoutError as error:
        raise NotCaughtUp from error


async def _switch(conn: Connection, group: str, model: ReadModel = PUBLIC) -> int:
    """New tables for old, with how far they have come; whoever holds an old page is told. All of it or nothing."""
    await conn.execute(_GO_ON, model.group, group)
    await conn.execute(_HAVE_SEEN, model.group, group)
    dead = int((await conn.execute(_DEAD)).split()[-1])
    if model is PUBLIC:
        await _switch_public(conn)
    else:
        await _swap(conn, model)
    await conn.execute("SELECT pg_notify($1, '')", f"{LIVE}.outbox")
    return dead


async def _switch_public(conn: Connection) -> None:
    before = {row["village_code"] for row in await conn.fetch(f"SELECT village_code FROM {LIVE}.villages")}
    await conn.execute(_PAPERS)
    await _swap(conn, PUBLIC)
    # What was taken back, or put back, while the new ones were filling.
    await takedowns.obey_all(conn, datetime.now(UTC))
    after = {row["village_code"] for row in await conn.fetch(f"SELECT village_code FROM {LIVE}.villages")}
    await conn.execute(
        "SELECT pg_notify($1, code) FROM unnest($2::text[]) AS code", f"{LIVE}.{CHANNEL}", sorted(before | after)
    )


async def _swap(conn: Connection, model: ReadModel) -> None:
    for source, target in ((LIVE, OLD), (NEW, LIVE)):
        for row in await conn.fetch(_MODELS, source, list(_STAYS), SUPERVISED, model.restricted):
            await conn.execute(f"ALTER {row['kind']} {source}.{row['name']} SET SCHEMA {target}")


async def _places(db: Database, schema: str, group: str) -> Places:
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch(_OFFSETS.format(schema=schema), group)
    return {_place(row): row["next_offset"] for row in rows}


def _place(row: Any) -> TopicPartition:
    return TopicPartition(row["topic"], row["partition"])


def _reached(places: Places, ends: Places) -> bool:
    return bool(places) and all(places.get(place, 0) >= end for place, end in ends.items())


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await stopped({task})


def _progress(model: ReadModel, done: int, of: int, seconds: float) -> str:
    """`公开页 public 41% 5000/12000, 3 s`, and how long it will still take at this pace."""
    share = min(done / of, 1.0) if of else 1.0
    left = f", 约剩 {seconds / share - seconds:.0f} s left" if share > 0 else ""
    return f"{model.zh} {model.name} {share:.0%} {done}/{of}, {seconds:.0f} s{left}"


def _check(task: asyncio.Task[None]) -> None:
    """A filling that has broken off is an error of the rebuild."""
    if task.done():
        task.result()


def main() -> int:
    """`python -m services.disclosure.rebuild [name of a read model]...`: all of them when none is named."""
    names = sys.argv[1:] or list(MODELS)
    if unknown := [name for name in names if name not in MODELS]:
        print(f"没有读模型 No read model {', '.join(unknown)}: {', '.join(MODELS)}", file=sys.stderr)
        return 2
    return max(_rebuilt(MODELS[name]) for name in names)


def _rebuilt(model: ReadModel) -> int:
    try:
        dead = asyncio.run(rebuild(Settings(), model, tell=lambda line: print(f"\r{line:<70}", end="", flush=True)))
    except AnotherRebuild:
        print("已有一次重建正在进行 Another rebuild is under way", file=sys.stderr)
        return 1
    except NotCaughtUp:
        print("未能追上,旧的读模型仍在使用 Not caught up: the old read models go on serving", file=sys.stderr)
        return 1
    print(f"\n{model.zh}已重建并切换,{dead} 条进入死信 Rebuilt and switched, {dead} events went to the dead letters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
