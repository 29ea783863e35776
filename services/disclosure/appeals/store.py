"""Appeals in PostgreSQL. Whoever reads says for whom; what a deed made is saved with its history, event and counts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record
from pydantic import TypeAdapter

from services.disclosure.appeals import routing
from services.disclosure.appeals.errors import NoSuchAppeal, NoSuchNumber, NoSuchPicture
from services.disclosure.appeals.lifecycle import Appeal, Entry, Step
from services.disclosure.appeals.plan import plan
from services.disclosure.projections.village import CHANNEL
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.appeals import TOPIC
from shared.db import Connection, Scope
from shared.identity import seal, unseal

_APPEAL: TypeAdapter[Appeal] = TypeAdapter(Appeal)
_COLUMNS = "appeal_id, tracking_key, standing, words_sealed, joined_to, handlers, identity_readers"
_INSERT = """
INSERT INTO appeals (appeal_id, tracking_key, village_code, kind, filed_at, words_sealed, words_key, joined_to,
                     desk, state, revision, due_by, overdue, updated_at, standing, readers, handlers, identity_readers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""
_UPDATE = """
UPDATE appeals SET desk = $2, state = $3, revision = $4, due_by = $5, overdue = $6, updated_at = $7, standing = $8,
                   readers = $9, handlers = $10, identity_readers = $11
WHERE appeal_id = $1
"""
_ENTRY = """
INSERT INTO appeal_entries (appeal_id, number, kind, by, at, words_sealed, post, subject, public, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_COUNT = """
INSERT INTO appeal_counts AS c (village_code, asked, answered, overdue) VALUES ($1, $2, $3, $4)
ON CONFLICT (village_code) DO UPDATE
SET asked = c.asked + $2, answered = c.answered + $3, overdue = c.overdue + $4
"""
_SAME = """
SELECT appeal_id FROM appeals
WHERE village_code = $1 AND words_key = $2 AND filed_at > $3 AND joined_to IS NULL AND state <> 'closed'
ORDER BY filed_at LIMIT 1
"""
_LIST = f"""
SELECT {_COLUMNS}, (SELECT count(*) FROM appeals j WHERE j.joined_to = a.appeal_id) AS joined,
       (SELECT count(*) FROM appeal_pictures p WHERE p.appeal_id = a.appeal_id) AS pictures
FROM appeals a
WHERE CASE $1 WHEN 'open' THEN state IN ('filed', 'handling') WHEN 'overdue' THEN overdue AND state <> 'closed'
              WHEN 'answered' THEN state = 'answered' WHEN 'closed' THEN state = 'closed' ELSE true END
  AND ($2::timestamptz IS NULL OR (filed_at, appeal_id) < ($2, $3::uuid))
ORDER BY filed_at DESC, appeal_id DESC LIMIT $4
"""


@dataclass(frozen=True)
class Held:
    """An appeal with what was written, and who may do what with it."""

    appeal: Appeal
    tracking_key: str
    words: str
    joined_to: str | None
    handlers: tuple[str, ...]
    identity_readers: tuple[str, ...]
    joined: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class Identity:
    """Who filed it, for the one who must reach him."""

    name: str
    contact: str


def author(tracking_key: str) -> Scope:
    """Who comes with the number of an appeal: he sees this one."""
    return Scope(regions="", roles="", subject="author", person=tracking_key)


async def by_key(conn: Connection, tracking_key: str, secret: str) -> Held:
    """The author's appeal, locked; raises `NoSuchNumber`."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM appeals WHERE tracking_key = $1 FOR UPDATE", tracking_key)
    if row is None:
        raise NoSuchNumber("请核对查询码,共 20 位数字", "Check the number: it has 20 digits")
    return _held(row, secret)


async def find(conn: Connection, appeal_id: uuid.UUID, secret: str, *, lock: bool = False) -> Held:
    """An appeal that the caller may read; raises `NoSuchAppeal`."""
    for_update = " FOR UPDATE" if lock else ""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM appeals WHERE appeal_id = $1{for_update}", appeal_id)
    if row is None:
        raise NoSuchAppeal("没有这件诉求,或不在您的范围", "There is none of this id that you may read")
    return _held(row, secret)


async def listed(
    conn: Connection, show: str, after: tuple[datetime, uuid.UUID] | None, limit: int, secret: str
) -> list[Held]:
    """What the caller may read, the latest first."""
    at, key = after or (None, None)
    return [_held(row, secret) for row in await conn.fetch(_LIST, show, at, key, limit)]


async def lapsed(conn: Connection, now: datetime, most: int, secret: str) -> list[Held]:
    """Those whose term has run out; what another instance is at is left to it."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM appeals WHERE due_by <= $1 ORDER BY due_by LIMIT $2 FOR UPDATE SKIP LOCKED", now, most
    )
    return [_held(row, secret) for row in rows]


async def joined(conn: Connection, first: str, secret: str) -> list[Held]:
    """The others with the same words, locked."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM appeals WHERE joined_to = $1 ORDER BY appeal_id FOR UPDATE", uuid.UUID(first)
    )
    return [_held(row, secret) for row in rows]


async def same_words(conn: Connection, village_code: str, words_key: str, since: datetime) -> uuid.UUID | None:
    """The first open appeal of the village with these words."""
    found: uuid.UUID | None = await conn.fetchval(_SAME, village_code, words_key, since)
    return found


async def history(conn: Connection, appeal_id: str, secret: str) -> list[Entry]:
    """What was done, in order."""
    rows = await conn.fetch("SELECT * FROM appeal_entries WHERE appeal_id = $1 ORDER BY number", uuid.UUID(appeal_id))
    return [
        Entry(
            kind=row["kind"],
            by=row["by"],
            at=row["at"],
            words=unseal(row["words_sealed"], secret),
            post=row["post"],
            public=row["public"],
            detail=tuple(row["detail"].items()),
        )
        for row in rows
    ]


async def pictures(conn: Connection, appeal_id: str) -> list[uuid.UUID]:
    """The pictures of an appeal, in order."""
    rows = await conn.fetch(
        "SELECT picture_id FROM appeal_pictures WHERE appeal_id = $1 ORDER BY number", uuid.UUID(appeal_id)
    )
    return [row["picture_id"] for row in rows]


async def picture(conn: Connection, appeal_id: uuid.UUID, picture_id: uuid.UUID) -> str:
    """The digest of a picture; raises `NoSuchPicture`."""
    found: str | None = await conn.fetchval(
        "SELECT sha256 FROM appeal_pictures WHERE appeal_id = $1 AND picture_id = $2", appeal_id, picture_id
    )
    if found is None:
        raise NoSuchPicture("这件诉求没有这张图片", "The appeal has no such picture")
    return found


async def is_named(conn: Connection, appeal_id: str) -> bool:
    """Whether the caller could be shown who filed it."""
    return bool(await conn.fetchval("SELECT true FROM appeal_identities WHERE appeal_id = $1", uuid.UUID(appeal_id)))


async def identity(conn: Connection, appeal_id: str, secret: str) -> Identity | None:
    """Who filed it, for whoever may be shown; none for an anonymous one."""
    row = await conn.fetchrow(
        "SELECT name_sealed, contact_sealed FROM appeal_identities WHERE appeal_id = $1", uuid.UUID(appeal_id)
    )
    return Identity(unseal(row["name_sealed"], secret), unseal(row["contact_sealed"], secret)) if row else None


async def as_system(conn: Connection) -> None:
    """For the rest of the transaction write as the system: what was decided may lie on a desk its doer doesn't see."""
    await conn.execute("SELECT set_config('yunjing.roles', 'system', true)")


async def insert(
    conn: Connection,
    step: Step,
    *,
    tracking_key: str,
    words_key: str,
    joined_to: uuid.UUID | None,
    identity: Identity | None,
    secret: str,
) -> None:
    """Save a new appeal; written as the system."""
    one, key = step.appeal, uuid.UUID(step.appeal.appeal_id)
    words = seal(step.entry.words, secret)
    head = (key, tracking_key, one.village_code, one.kind, one.filed_at, words, words_key, joined_to)
    await conn.execute(_INSERT, *head, *_changing(one))
    if identity:
        name, contact = seal(identity.name, secret), seal(identity.contact, secret)
        await conn.execute("INSERT INTO appeal_identities VALUES ($1, $2, $3)", key, name, contact)
    await _tell(conn, step, secret, None)


async def add_pictures(conn: Connection, appeal_id: str, kept: Sequence[tuple[str, int]]) -> None:
    """Note pictures (digest, size) behind those that are there; written as the system."""
    key = uuid.UUID(appeal_id)
    start = await conn.fetchval("SELECT count(*) FROM appeal_pictures WHERE appeal_id = $1", key)
    await conn.executemany(
        "INSERT INTO appeal_pictures (picture_id, appeal_id, number, sha256, size) VALUES ($1, $2, $3, $4, $5)",
        [(uuid.uuid4(), key, start + number, sha256, size) for number, (sha256, size) in enumerate(kept, start=1)],
    )


async def save(conn: Connection, before: Appeal, step: Step, secret: str, subject: str | None = None) -> None:
    """Save what a deed made: appeal, history, event and its village's counts; written as the system."""
    await conn.execute(_UPDATE, uuid.UUID(step.appeal.appeal_id), *_changing(step.appeal))
    await _tell(conn, step, secret, subject)
    difference = [new - old for new, old in zip(step.appeal.counted, before.counted, strict=True)]
    if any(difference):
        await conn.execute(_COUNT, before.village_code, *difference)
        await tell_pages(conn, before.village_code)


async def tell_pages(conn: Connection, village_code: str) -> None:
    """Have every process drop the village's page at commit."""
    await conn.execute("SELECT pg_notify(current_schema() || $1, $2)", f".{CHANNEL}", village_code)


async def _tell(conn: Connection, step: Step, secret: str, subject: str | None) -> None:
    entry, key = step.entry, uuid.UUID(step.appeal.appeal_id)
    await conn.execute(
        _ENTRY,
        key,
        step.appeal.revision,
        entry.kind,
        entry.by,
        entry.at,
        seal(entry.words, secret),
        entry.post,
        subject,
        entry.public,
        dict(entry.detail),
    )
    if step.event:
        village = step.appeal.village_code
        told = Envelope.of(
            step.event, source="/disclosure", topic=TOPIC, key=village, time=entry.at, subject=step.appeal.appeal_id
        )
        await outbox.publish(conn, [told])


def _changing(one: Appeal) -> tuple[Any, ...]:
    standing = _APPEAL.dump_python(one, mode="json")
    posts = (one.desk, one.kind, plan())
    return (
        *(one.desk, one.state, one.revision, one.due_by, one.overdue, one.updated_at, standing),
        *(routing.readers(*posts), routing.handlers(*posts), routing.identity_readers(*posts)),
    )


def _held(row: Record, secret: str) -> Held:
    return Held(
        appeal=_APPEAL.validate_python(row["standing"]),
        tracking_key=row["tracking_key"],
        words=unseal(row["words_sealed"], secret),
        joined_to=str(row["joined_to"]) if row["joined_to"] else None,
        handlers=tuple(row["handlers"]),
        identity_readers=tuple(row["identity_readers"]),
        joined=row.get("joined", 0),
        pictures=row.get("pictures", 0),
    )
