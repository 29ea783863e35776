"""Policies in PostgreSQL. Whoever reads says for whom; each deed is one transaction with its line in the audit log."""

import uuid
from datetime import datetime

from asyncpg import Record, UniqueViolationError

from services.disclosure.policies.errors import DraftStands, NoDraft, NoSuchPolicy, NotInForce, PublishedByAnother
from services.disclosure.policies.plan import plan
from services.disclosure.policies.policy import Content, Version, of_village
from services.disclosure.projections.village import CHANNEL
from shared import audit, regions
from shared.auth import require
from shared.db import Connection
from shared.principals import Principal

_MOST = 2_000
_COLUMNS = "policy_id, version, region, content, written_at, published_at, withdrawn_at, withdrawn_because"
_OF_REGIONS = f"""
SELECT {_COLUMNS} FROM policy_versions WHERE region = ANY($1) AND published_at IS NOT NULL
ORDER BY written_at DESC LIMIT {_MOST}
"""
_ALL = f"""
SELECT {_COLUMNS} FROM policy_versions WHERE published_at IS NOT NULL ORDER BY policy_id, version LIMIT {_MOST}
"""
_WRITE = """
INSERT INTO policy_versions (policy_id, version, region, content, written_by, written_by_name, written_at)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6 FROM policy_versions WHERE policy_id = $1
"""
_REWRITE = """
UPDATE policy_versions SET content = $2, written_by = $3, written_by_name = $4, written_at = $5
WHERE policy_id = $1 AND published_at IS NULL
"""
_PUBLISH = """
UPDATE policy_versions SET published_by = $2, published_by_name = $3, published_at = $4
WHERE policy_id = $1 AND published_at IS NULL AND written_by <> $2
"""
_WITHDRAW = """
UPDATE policy_versions SET withdrawn_by = $2, withdrawn_by_name = $3, withdrawn_at = $4, withdrawn_because = $5
WHERE policy_id = $1 AND published_at IS NOT NULL AND withdrawn_at IS NULL
"""


async def published(conn: Connection, village_code: str) -> list[Version]:
    """All published versions of the policies that are for a village, its town's and its county's among them."""
    return [_version(row) for row in await conn.fetch(_OF_REGIONS, list(of_village(village_code)))]


async def all_published(conn: Connection) -> list[Version]:
    """All published versions of the county's policies, policy by policy."""
    return [_version(row) for row in await conn.fetch(_ALL)]


async def versions(conn: Connection, policy_id: uuid.UUID) -> list[Version]:
    """A policy's versions that the caller may read, the latest first; raises `NoSuchPolicy`."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM policy_versions WHERE policy_id = $1 ORDER BY version DESC", policy_id
    )
    if not rows:
        raise NoSuchPolicy("没有这项政策,或不在您的范围", "There is none of this id that you may read")
    return [_version(row) for row in rows]


async def held(conn: Connection, caller: Principal) -> list[Version]:
    """All versions that the caller's posts write, the latest first."""
    require(caller, *plan().writers)
    rows = await conn.fetch(f"SELECT {_COLUMNS} FROM policy_versions ORDER BY written_at DESC LIMIT {_MOST}")
    return [_version(row) for row in rows]


async def draft(conn: Connection, caller: Principal, region: str, content: Content, now: datetime) -> uuid.UUID:
    """A new policy for a region as a draft."""
    require(caller, *plan().writers, region=region)
    policy_id = uuid.uuid4()
    await conn.execute("INSERT INTO policies (policy_id, region) VALUES ($1, $2)", policy_id, region)
    await _write(conn, caller, policy_id, region, content, now)
    return policy_id


async def change(conn: Connection, caller: Principal, policy_id: uuid.UUID, content: Content, now: datetime) -> None:
    """A new version as a draft, or the draft that stands put right by its author; raises `DraftStands`."""
    latest = await _locked(conn, caller, policy_id)
    if latest["published_at"]:
        return await _write(conn, caller, policy_id, latest["region"], content, now)
    if latest["written_by"] != caller.subject:
        raise DraftStands("请先发布另一人写的草稿", "Publish the draft that another person wrote first")
    values = content.masked().model_dump(mode="json"), caller.subject, caller.name, now
    await conn.execute(_REWRITE, policy_id, *values)
    await _note(conn, caller, "policy.drafted", policy_id, latest["region"])


async def publish(conn: Connection, caller: Principal, policy_id: uuid.UUID, now: datetime) -> None:
    """Publish the draft of another person; raises `NoDraft`, `PublishedByAnother`."""
    latest = await _locked(conn, caller, policy_id)
    if latest["published_at"]:
        raise NoDraft("请先起草", "Draft a version first")
    if (await conn.execute(_PUBLISH, policy_id, caller.subject, caller.name, now)).endswith(" 0"):
        raise PublishedByAnother("起草人不能发布自己的草稿", "Its author cannot publish it")
    await _note(conn, caller, "policy.published", policy_id, latest["region"])
    await _tell(conn, latest["region"])


async def withdraw(conn: Connection, caller: Principal, policy_id: uuid.UUID, because: str, now: datetime) -> None:
    """End all that was published of a policy, with a reason that the public reads; raises `NotInForce`."""
    latest = await _locked(conn, caller, policy_id)
    if (await conn.execute(_WITHDRAW, policy_id, caller.subject, caller.name, now, because)).endswith(" 0"):
        raise NotInForce("没有已发布的版本", "No version of it is published")
    await _note(conn, caller, "policy.withdrawn", policy_id, latest["region"])
    await _tell(conn, latest["region"])


def regions_of(caller: Principal) -> list[regions.Region]:
    """Where the caller may write policies: his county, towns and villages."""
    every = [regions.region(regions.COUNTY)]
    for town in regions.towns():
        every += [town, *regions.villages(town.code)]
    return [each for each in every if caller.roles_in(each.code) & set(plan().writers)]


async def _write(
    conn: Connection, caller: Principal, policy_id: uuid.UUID, region: str, content: Content, now: datetime
) -> None:
    said = content.masked().model_dump(mode="json")
    try:
        await conn.execute(_WRITE, policy_id, region, said, caller.subject, caller.name, now)
    except UniqueViolationError:
        raise DraftStands("请先发布已有的草稿", "Publish the draft that waits first") from None
    await _note(conn, caller, "policy.drafted", policy_id, region)


async def _locked(conn: Connection, caller: Principal, policy_id: uuid.UUID) -> Record:
    row = await conn.fetchrow(
        "SELECT region, version, written_by, published_at FROM policy_versions"
        " WHERE policy_id = $1 ORDER BY version DESC LIMIT 1 FOR UPDATE",
        policy_id,
    )
    if row is None:
        raise NoSuchPolicy("没有这项政策,或不在您的范围", "There is none of this id that you may read")
    require(caller, *plan().writers, region=row["region"])
    return row


async def _note(conn: Connection, caller: Principal, deed: str, policy_id: uuid.UUID, region: str) -> None:
    await audit.record(conn, caller, deed, f"policy:{policy_id}", region=region)


async def _tell(conn: Connection, region: str) -> None:
    """Each village's page in memory that shows the region's policies is read anew."""
    codes = [each.code for each in regions.villages() if region in of_village(each.code)]
    await conn.execute(
        "SELECT pg_notify(current_schema() || $1, code) FROM unnest($2::text[]) AS code", f".{CHANNEL}", codes
    )


def _version(row: Record) -> Version:
    return Version.model_validate(dict(row))
