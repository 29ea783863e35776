"""What a village's page shows of its appeals: answers made public, masked before they are written, and the counts."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from services.disclosure import people
from services.disclosure.appeals.lifecycle import Appeal, Reply
from services.disclosure.free_text import scrub
from services.disclosure.schemas import Answer
from shared.contracts.appeals import Kind
from shared.db import Connection
from shared.etags import etag

SHOWN, MOST = 5, 100
_READ = """
SELECT opinion_id, kind, about, answer, answered_at FROM appeal_opinions
WHERE village_code = $1 AND withdrawn_at IS NULL ORDER BY answered_at DESC, opinion_id LIMIT $2
"""
_PUBLISH = """
INSERT INTO appeal_opinions (opinion_id, appeal_id, village_code, kind, about, answer, answered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class Opinion(Answer):
    """One answer that was made public; `about` says what was asked, in the desk's words."""

    opinion_id: uuid.UUID
    kind: Kind
    about: str
    answer: str
    answered_at: datetime


class Opinions(Answer):
    """Appeals of a village: how many its desks have in hand or answered, reports of wrongdoing left out."""

    asked: int = 0
    answered: int = 0
    overdue: int = 0
    published: tuple[Opinion, ...] = ()


@dataclass(frozen=True)
class Fragment:
    """What a page shows of them, and a tag that changes with it."""

    opinions: Opinions
    tag: str

    @classmethod
    def of(cls, opinions: Opinions) -> "Fragment":
        """Opinions with their tag."""
        return cls(opinions, etag(opinions.model_dump_json().encode()))


async def read(conn: Connection, village_code: str, most: int = SHOWN) -> Fragment:
    """What anybody may see of a village's appeals."""
    counts = await conn.fetchrow(
        "SELECT asked, answered, overdue FROM appeal_counts WHERE village_code = $1", village_code
    )
    rows = await conn.fetch(_READ, village_code, most)
    published = tuple(Opinion(**dict(row)) for row in rows)
    return Fragment.of(Opinions(**dict(counts or {}), published=published))


async def publish(conn: Connection, appeal: Appeal, reply: Reply, author: str, now: datetime) -> None:
    """Make an answer public, without persons, numbers or its author's name; written as the system."""
    names = people.keys(author) if author else ()
    await conn.execute(
        _PUBLISH,
        uuid.uuid4(),
        uuid.UUID(appeal.appeal_id),
        appeal.village_code,
        appeal.kind,
        scrub(reply.about.strip(), names),
        scrub(reply.words.strip(), names),
        now,
    )


async def published(conn: Connection, appeal_id: str) -> int:
    """How many answers of an appeal stand in public."""
    count: int = await conn.fetchval(
        "SELECT count(*) FROM appeal_opinions WHERE appeal_id = $1 AND withdrawn_at IS NULL", uuid.UUID(appeal_id)
    )
    return count


async def withdraw(conn: Connection, appeal_id: str, now: datetime) -> int:
    """Take an appeal's public answers back; how many there were. Written as the system."""
    done = await conn.execute(
        "UPDATE appeal_opinions SET withdrawn_at = $2 WHERE appeal_id = $1 AND withdrawn_at IS NULL",
        uuid.UUID(appeal_id),
        now,
    )
    return int(done.split()[-1])
