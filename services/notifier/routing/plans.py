"""By what alerts are routed now: the tree in force and the roster, read anew only when somebody has changed them."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.notifier.routing import route_tree, routing
from services.notifier.routing.roster import Entry, Roster
from services.notifier.routing.route_tree import Tree
from services.notifier.routing.routing import Plan
from shared.db import Connection, Database, Scope
from shared.principals import Principal

_HELD_SECONDS = 1.0
# What is decided or written is never changed, so how much there is tells whether there is more.
_MARKS = """
SELECT (SELECT coalesce(max(id), 0) FROM rosters) AS roster,
       (SELECT count(*) FROM route_versions WHERE state = 'approved') AS routes
"""
_ROSTERS = "SELECT DISTINCT ON (desk) desk, entries FROM rosters ORDER BY desk, id DESC"
_TREES = """
SELECT version, effective_from, tree FROM route_versions WHERE state = 'approved' ORDER BY effective_from, version
"""


@dataclass(frozen=True)
class Era:
    """A tree and from when on it holds."""

    effective_from: datetime
    version: int
    tree: Tree


@dataclass
class Plans:
    """The trees and the roster as last read; one for each process, for transactions that see all."""

    _marks: tuple[int, int] = (0, 0)
    _eras: tuple[Era, ...] = ()
    _roster: Roster = field(default_factory=Roster)
    _looked: float = float("-inf")

    async def at(self, conn: Connection, now: datetime) -> Plan:
        """By what an alert is routed at a moment, as the transaction knows it."""
        await self._refresh(conn)
        return self._plan(now)

    async def seated(self, db: Database, caller: Principal, now: datetime) -> Principal:
        """The caller with the desks where he sits as a deputy, beside those of his sign-in; at most a second late."""
        if time.monotonic() - self._looked > _HELD_SECONDS:
            async with db.begin(Scope.system(), readonly=True) as conn:
                await self._refresh(conn)
        seats = self._roster.seats(caller, now)
        if not seats:
            return caller
        return replace(caller, grants=caller.grants | seats)

    async def _refresh(self, conn: Connection) -> None:
        row = await conn.fetchrow(_MARKS)
        assert row
        marks = (row["roster"], row["routes"])
        if marks[0] != self._marks[0]:
            self._roster = await read_roster(conn)
        if marks[1] != self._marks[1]:
            self._eras = tuple(
                Era(one["effective_from"], one["version"], route_tree.read(one["tree"]))
                for one in await conn.fetch(_TREES)
            )
        self._marks, self._looked = marks, time.monotonic()

    def _plan(self, now: datetime) -> Plan:
        era = next((era for era in reversed(self._eras) if era.effective_from <= now), None)
        if era is None:
            return Plan(routing.file_plan().tree, roster=self._roster)
        return Plan(era.tree, era.version, self._roster)


async def read_roster(conn: Connection) -> Roster:
    """The roster as it was written last, as far as the transaction may see it."""
    rows = await conn.fetch(_ROSTERS)
    return Roster({row["desk"]: tuple(Entry.model_validate(one) for one in row["entries"]) for row in rows})
