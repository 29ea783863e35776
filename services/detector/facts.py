"""Facts by key in PostgreSQL, and those of the busiest keys in memory.

A fact never changes and a key's facts are added under its lock, in the order of `position`. So what was read once
stays true, and only what lies behind it is read again: the cost of an event does not grow with its key's history.
Facts of the running transaction are not kept in memory: it may yet be rolled back.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import asyncpg
import orjson

from services.detector.distil import Fact
from services.detector.key_facts import KeyFacts
from shared.db import Connection

_LOAD = """
SELECT f.key, f.position, f.event_id::text, f.kind, f.occurred_at, f.data
FROM unnest($1::text[], $2::bigint[]) AS known (key, position)
JOIN facts f ON f.key = known.key AND f.position > known.position
ORDER BY f.position
"""
_ADD = """
INSERT INTO facts (key, event_id, kind, occurred_at, village_code, data)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
"""


@dataclass
class _Known:
    """What is held of one key: its facts up to `position`."""

    position: int = 0
    facts: KeyFacts = field(default_factory=partial(KeyFacts.of, ()))


class FactStore:
    """All facts of the keys asked for. Holds at most about `limit` facts between calls."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._held = 0
        self._keys: OrderedDict[str, _Known] = OrderedDict()

    async def load(self, conn: Connection, keys: Collection[str]) -> dict[str, KeyFacts]:
        """The committed facts of each key."""
        asked = {key: self._keys.setdefault(key, _Known()) for key in keys}
        rows = await conn.fetch(_LOAD, list(asked), [known.position for known in asked.values()])
        further: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            further[row["key"]].append(row)
        for key, some in further.items():
            known = asked[key]
            before = len(known.facts)
            known.facts = known.facts.with_(map(_fact, some))
            known.position = max(known.position, some[-1]["position"])
            if self._keys.get(key) is known:
                self._held += len(known.facts) - before
        for key in asked.keys() & self._keys.keys():
            self._keys.move_to_end(key)
        self._forget(keep=len(asked))
        return {key: known.facts for key, known in asked.items()}

    async def add(self, conn: Connection, new: Sequence[Fact]) -> None:
        """Store facts that their keys don't have yet; the caller holds the keys' locks."""
        if not new:
            return
        await conn.execute(
            _ADD,
            [fact.key for fact in new],
            [fact.event_id for fact in new],
            [fact.kind for fact in new],
            [fact.occurred_at for fact in new],
            [fact.village_code for fact in new],
            _encoded(new),
        )

    def _forget(self, keep: int) -> None:
        while self._held > self._limit and len(self._keys) > keep:
            _, known = self._keys.popitem(last=False)
            self._held -= len(known.facts)


def _encoded(facts: Sequence[Fact]) -> list[str]:
    """The data of each fact as JSON; what several keys share is encoded once."""
    texts: dict[int, str] = {}
    for fact in facts:
        if id(fact.data) not in texts:
            texts[id(fact.data)] = orjson.dumps(fact.data).decode()
    return [texts[id(fact.data)] for fact in facts]


def _fact(row: asyncpg.Record) -> Fact:
    return Fact(
        event_id=row["event_id"],
        key=row["key"],
        kind=row["kind"],
        occurred_at=row["occurred_at"],
        data=orjson.loads(row["data"]),
    )
