"""Digests: what noise control put off is told to each subscription in one message at working hours, once a period.

The mark of a subscription and its message commit together, under the stream's lock: no replica and no crash tells a
period twice or leaves one out.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record
from pydantic import BaseModel

from services.notifier import inbox
from services.notifier.handling import lifecycle
from services.notifier.noise import noise
from services.notifier.vocabulary import vocabulary
from shared.background import every
from shared.contracts.alerts import Bilingual, Grade
from shared.db import Connection, Database, Scope

_TICK_SECONDS = 15.0
_AT_ONCE = 100
_LINKS = 20
_GATHER = """
SELECT a.alert_id, a.grade, a.matter FROM heard h JOIN alerts a USING (alert_id)
WHERE h.loudness = 'digest' AND h.turn > $1 AND h.turn <= $2 AND h.told_at >= $3 AND a.grade = ANY($4::text[])
  AND a.state <> ALL($5::text[]) AND a.readers && $6::text[] AND $7 <> ALL(a.barred)
ORDER BY a.rank, a.raised_at DESC, a.alert_id
"""
_MARK = """
INSERT INTO digest_marks (subscription_id, rhythm, period, turn) VALUES ($1, $2, $3, $4)
ON CONFLICT (subscription_id, rhythm) DO UPDATE SET period = excluded.period, turn = excluded.turn
"""


@dataclass(frozen=True)
class Subscriber:
    """A person's subscription: its desks, its grades (none: all), whose it is, and since when."""

    subscription_id: UUID
    desks: tuple[str, ...]
    grades: frozenset[Grade]
    person_key: str
    since: datetime


class Digest(BaseModel):
    """One message: how many open alerts of each grade and matter, and where to read them. It names nobody."""

    rhythm: str
    period: datetime
    total: int
    by_grade: dict[str, int]
    by_matter: dict[str, int]
    text: Bilingual
    inbox: str
    links: list[str]


Subscribers = Callable[[Connection], Awaitable[Sequence[Subscriber]]]
Send = Callable[[Connection, UUID, Digest], Awaitable[None]]


async def run(db: Database, url: str, subscribers: Subscribers, send: Send) -> None:
    """Make digests that are due until cancelled. `send` queues a message in the given transaction."""

    async def look() -> bool:
        await make_due(db, url, datetime.now(UTC), subscribers, send)
        return False

    await every(_TICK_SECONDS, "digests", look)


async def make_due(db: Database, url: str, now: datetime, subscribers: Subscribers, send: Send) -> int:
    """Make all digests due by `now` (UTC), with links below `url`; returns how many messages were queued."""
    sent = 0
    for name, rhythm in noise.book().digests.items():
        period = noise.last_due(rhythm, now)
        async with db.begin(Scope.system()) as conn:
            waiting = await _waiting(conn, name, period, await subscribers(conn))
        for start in range(0, len(waiting), _AT_ONCE):
            async with db.begin(Scope.system()) as conn:
                await inbox.lock_stream(conn)
                for one in await _waiting(conn, name, period, waiting[start : start + _AT_ONCE]):
                    sent += await _make(conn, url, name, period, one, send)
    return sent


async def _waiting(conn: Connection, name: str, period: datetime, all_: Sequence[Subscriber]) -> list[Subscriber]:
    """Those that have not been told of this period and were there when it was due."""
    told = await conn.fetch(
        "SELECT subscription_id FROM digest_marks WHERE rhythm = $1 AND period >= $2"
        " AND subscription_id = ANY($3::uuid[])",
        name,
        period,
        [one.subscription_id for one in all_],
    )
    done = {row[0] for row in told}
    return [one for one in all_ if one.subscription_id not in done and one.since <= period]


async def _make(conn: Connection, url: str, name: str, period: datetime, one: Subscriber, send: Send) -> int:
    before = await conn.fetchval(
        "SELECT turn FROM digest_marks WHERE subscription_id = $1 AND rhythm = $2", one.subscription_id, name
    )
    upto = await conn.fetchval("SELECT last_value FROM heard_turn")
    grades = noise.book().digests[name].grades
    rows = await conn.fetch(
        _GATHER,
        before or 0,
        upto,
        one.since,
        sorted(grades & one.grades if one.grades else grades),
        sorted(lifecycle.finished()),
        list(one.desks),
        one.person_key,
    )
    await conn.execute(_MARK, one.subscription_id, name, period, upto)
    if not rows:
        return 0
    await send(conn, one.subscription_id, digest(rows, url, name, period))
    return 1


def digest(rows: Sequence[Record], url: str, rhythm: str, period: datetime) -> Digest:
    """The message of these alerts."""
    words, base = vocabulary(), url.rstrip("/")
    grades, matters = Counter(row["grade"] for row in rows), Counter(row["matter"] for row in rows)
    told_zh = "、".join(f"{words.grades[grade].zh} {n} 条" for grade, n in grades.items())
    told_en = ", ".join(f"{words.grades[grade].en} {n}" for grade, n in grades.items())
    return Digest(
        rhythm=rhythm,
        period=period,
        total=len(rows),
        by_grade=dict(grades),
        by_matter=dict(matters),
        text=Bilingual(
            zh=f"预警汇总:新增未办结 {len(rows)} 条({told_zh}),请登录查看",
            en=f"Digest of alerts: {len(rows)} new and open ({told_en}); sign in to read them",
        ),
        inbox=f"{base}/",
        links=[f"{base}/alerts/{row['alert_id']}" for row in rows[:_LINKS]],
    )
