"""Versions of the tree and the roster in PostgreSQL, under the rights of whoever asks. Both are only ever added to."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from services.notifier.errors import NoSuchRoutes, OwnRoutes, RosterChanged, RoutesDecided
from services.notifier.routing import route_tree
from services.notifier.routing.roster import Entry
from services.notifier.routing.route_schemas import PostView, State, VersionDetail, VersionView
from shared.db import Connection
from shared.principals import Principal

_FORCE = """
SELECT version FROM route_versions WHERE state = 'approved' AND effective_from <= $1
ORDER BY effective_from DESC, version DESC LIMIT 1
"""
_DECIDE = """
UPDATE route_versions SET state = $2, effective_from = $3, decided_at = $4, decided_by = $5, decided_name = $6,
                          decided_reason = $7
WHERE version = $1
"""
_LATEST = "SELECT * FROM rosters WHERE desk = $1 ORDER BY id DESC LIMIT 1"
_ALL = "SELECT DISTINCT ON (desk) * FROM rosters ORDER BY desk, id DESC"


async def in_force(conn: Connection, now: datetime) -> int:
    """The version in force at a moment; 0 for the file's."""
    return int(await conn.fetchval(_FORCE, now) or 0)


async def versions(conn: Connection, now: datetime) -> list[VersionView]:
    """All versions that the caller may see, the latest first; last the file's."""
    current = await in_force(conn, now)
    rows = await conn.fetch("SELECT * FROM route_versions ORDER BY version DESC")
    return [*(VersionView(**_version(row, current)) for row in rows), VersionView(**_file(current))]


async def version(conn: Connection, number: int, now: datetime) -> VersionDetail:
    """One version with its text; raises `NoSuchRoutes`."""
    current = await in_force(conn, now)
    if number == 0:
        return VersionDetail(**_file(current), tree=route_tree.text_of())
    row = await _row(conn, number)
    return VersionDetail(**_version(row, current), tree=row["tree"])


async def draft(conn: Connection, region: str, tree: str, reason: str, by: Principal, now: datetime) -> int:
    """Keep a draft; returns its version."""
    return int(
        await conn.fetchval(
            "INSERT INTO route_versions"
            " (region_code, tree, reason, drafted_at, drafted_by, drafted_person, drafted_name)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING version",
            *(region, tree, reason, now, by.subject, by.person_key, by.name),
        )
    )


async def decide(
    conn: Connection,
    number: int,
    state: State,
    effective_from: datetime | None,
    reason: str,
    by: Principal,
    now: datetime,
) -> None:
    """Decide on another person's draft; raises `NoSuchRoutes`, `OwnRoutes`, `RoutesDecided`."""
    row = await _row(conn, number)
    if row["drafted_by"] == by.subject or row["drafted_person"] == by.person_key:
        raise OwnRoutes("起草人不能审批自己的草案", "Whoever drafted it doesn't decide on it")
    if (
        await conn.execute(
            _DECIDE + " AND state = 'drafted'", number, state, effective_from, now, by.subject, by.name, reason
        )
        != "UPDATE 1"
    ):
        raise RoutesDecided("该草案已批准或驳回", "It has been approved or rejected")


async def posts(conn: Connection) -> list[PostView]:
    """The posts as they were written last."""
    return [_post(row) for row in await conn.fetch(_ALL) if row["entries"]]


async def post(conn: Connection, desk: str) -> PostView | None:
    """One post as it was written last."""
    row = await conn.fetchrow(_LATEST, desk)
    return _post(row) if row else None


async def write_post(
    conn: Connection, desk: str, entries: Sequence[Entry], revision: int, reason: str, by: Principal, now: datetime
) -> PostView:
    """Write who holds a post; raises `RosterChanged` when it isn't any more as it was read."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('rosters'), hashtext(current_schema() || $1))", desk)
    row = await conn.fetchrow(_LATEST, desk)
    if (row["id"] if row else 0) != revision:
        raise RosterChanged("请重新读取后再改", "Read it anew, then change it")
    written = await conn.fetchrow(
        "INSERT INTO rosters (desk, entries, written_at, written_by, written_name, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
        *(desk, [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]),
        *(now, by.subject, by.name, reason),
    )
    assert written
    return _post(written)


async def _row(conn: Connection, number: int) -> Record:
    row = await conn.fetchrow("SELECT * FROM route_versions WHERE version = $1", number)
    if row is None:
        raise NoSuchRoutes(f"没有第 {number} 版路由", f"There is no version {number}")
    return row


def _version(row: Record, current: int) -> dict[str, object]:
    return {
        "version": row["version"],
        "state": row["state"],
        "in_force": row["version"] == current,
        "effective_from": row["effective_from"],
        "reason": row["reason"],
        "drafted_at": row["drafted_at"],
        "drafted_by": row["drafted_name"],
        "decided_at": row["decided_at"],
        "decided_by": row["decided_name"],
        "decided_reason": row["decided_reason"],
    }


def _file(current: int) -> dict[str, object]:
    nothing = dict.fromkeys(("effective_from", "drafted_at", "decided_at", "decided_by", "decided_reason"))
    told = {"version": 0, "state": "approved", "in_force": current == 0, "reason": "默认路由 routing.yaml"}
    return nothing | told | {"drafted_by": "系统"}


def _post(row: Record) -> PostView:
    return PostView(
        desk=row["desk"],
        revision=row["id"],
        entries=[Entry.model_validate(one) for one in row["entries"]],
        written_at=row["written_at"],
        written_by=row["written_name"],
        reason=row["reason"],
    )
