"""One back-test, in a process of its own: a low priority, connections of its own, and bounds on what a rule may take.

python -m services.detector.backtest ID
"""

import argparse
import asyncio
import os
import resource
import signal
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.detector import backtests, draft_store, rules
from services.detector.backtesting import Sides, Tally
from services.detector.drafts import Draft
from services.detector.judging import Judge
from services.detector.rule_changes import all_changes
from services.detector.rules import parse
from shared.contracts.rulesets import Keeper, RuleChanged
from shared.db import Connection, Database, Scope, region_prefix
from shared.settings import Settings

_CHUNK = 200
_MEMORY = 4 << 30
# A rule that keeps one chunk busy for so long ends with the process, whatever it is doing.
_CHUNK_SECONDS = 120
_KEYS = """
SELECT DISTINCT key FROM facts
WHERE split_part(key, ':', 1) = ANY($1::text[]) AND ($2 = '%' OR village_code LIKE $2) ORDER BY key
"""


@dataclass(frozen=True)
class Progress:
    """Keys in all and judged so far."""

    keys: int
    judged: int


async def judge_all(db: Database, region: str, tally: Tally) -> AsyncIterator[Progress]:
    """Judge the whole history of a region by both sides, a chunk at a time; says after each how far it is."""
    judge = Judge(rules.load(), facts_held=20_000)
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch(_KEYS, sorted(tally.sides.kinds), region_prefix(region))
    keys = [row["key"] for row in rows]
    yield Progress(len(keys), 0)
    for start in range(0, len(keys), _CHUNK):
        signal.alarm(_CHUNK_SECONDS)
        async with db.begin(Scope.system(), readonly=True) as conn:
            began = asyncio.get_running_loop().time()
            known = await judge.gather(conn, keys[start : start + _CHUNK])
            asked = asyncio.get_running_loop().time() - began
        for key, keyed in known.keyed.items():
            tally.judge(key, keyed.facts, known.reference(key), keyed.now)
        signal.alarm(0)
        yield Progress(len(keys), min(start + _CHUNK, len(keys)))
        await asyncio.sleep(asked)  # the database, which has no priorities, is left to others half the time


async def run(settings: Settings, id: uuid.UUID) -> None:
    """Run a back-test that was opened; it ends early when it is cancelled."""
    db = Database(settings.model_copy(update={"database_pool": 2}), "detector")
    await db.open()
    try:
        async with db.begin(Scope.system(), readonly=True) as conn:
            draft_id = await conn.fetchval("SELECT draft_id FROM backtests WHERE id = $1", id)
            draft = await draft_store.get(conn, draft_id)
            both = Tally(await _sides_of(conn, draft))
        async for so_far in judge_all(db, draft.region_code, both):
            async with db.begin(Scope.system()) as conn:
                if not await backtests.progress(conn, id, so_far.keys, so_far.judged):
                    return
        async with db.begin(Scope.system()) as conn:
            counts = {"before": len(both.before), "after": len(both.after), "faults": both.faults}
            await backtests.finish(conn, id, both.differences(), **counts)
    finally:
        await db.close()


async def _sides_of(conn: Connection, draft: Draft) -> Sides:
    """The rule of a draft, without and with what it changes."""
    changes = await all_changes(conn)
    rule = parse(draft.definition) if draft.definition else rules.load().with_changes(changes).rule(draft.rule_id)
    number = max((change.number for change in changes if change.rule_id == rule.id), default=0) + 1
    return Sides.of(rule, changes, _supposed(draft, number, datetime.now(UTC)))


def _supposed(draft: Draft, number: int, now: datetime) -> RuleChanged:
    """The change that the draft would be, were it approved now."""
    who = Keeper(person_key=draft.person_key, name=draft.name)
    return RuleChanged(
        change_id=str(draft.id),
        rule_id=draft.rule_id,
        number=number,
        region_code=draft.region_code,
        params=dict(draft.params),
        grade=draft.grade,
        enabled=draft.enabled,
        effective_from=max(draft.effective_from or now, now),
        reason=draft.reason,
        drafted_by=who,
        approved_by=who,
        approved_at=now,
    )


def humble() -> None:
    """Take what nobody else needs, and not more than may be had."""
    os.nice(15)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the back-test of this id by the environment's settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", type=uuid.UUID)
    humble()
    asyncio.run(run(Settings(), parser.parse_args(arguments).id))


if __name__ == "__main__":
    main()
