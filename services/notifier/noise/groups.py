"""Alerts of one case or one party, and how loud each was, as the reader of a transaction may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from services.notifier.noise import loudness
from services.notifier.schemas import AlertCard, Group
from shared.db import Connection

_SHOWN = 10
_SIZES = """
WITH mine AS (
    SELECT alert_id, key FROM alert_groups WHERE alert_id = ANY($1::uuid[]) AND NOT starts_with(key, 'facts:')),
sizes AS (SELECT key, count(*) AS size FROM alert_groups WHERE key IN (SELECT key FROM mine) GROUP BY key)
SELECT mine.alert_id, key, size FROM mine JOIN sizes USING (key)
WHERE size > 1 ORDER BY starts_with(key, 'case:') DESC, size DESC, key
"""
_OTHERS = """
WITH mine AS (SELECT key FROM alert_groups WHERE alert_id = $1 AND NOT starts_with(key, 'facts:')),
others AS (
    SELECT g.alert_id, bool_or(starts_with(g.key, 'case:')) AS same_case FROM mine JOIN alert_groups g USING (key)
    WHERE g.alert_id <> $1 GROUP BY g.alert_id)
SELECT o.alert_id, o.same_case, a.grade, a.finished, a.raised_at, a.body -> 'title' ->> 'zh' AS title_zh,
       a.body -> 'title' ->> 'en' AS title_en, count(*) FILTER (WHERE o.same_case) OVER () AS of_case,
       count(*) OVER () AS of_all
FROM others o JOIN alerts a USING (alert_id)
ORDER BY a.finished, a.rank, a.raised_at DESC, o.alert_id LIMIT $2
"""
_Card = TypeVar("_Card", bound=AlertCard)


@dataclass(frozen=True)
class Other:
    """Another alert of the same case or party."""

    alert_id: UUID
    same_case: bool
    grade: str
    finished: bool
    raised_at: datetime
    title_zh: str
    title_en: str


@dataclass(frozen=True)
class Others:
    """How many more of the same case, and else of the same party, there are; the weightiest of them."""

    of_case: int
    of_party: int
    shown: tuple[Other, ...]


async def fill(conn: Connection, cards: Sequence[_Card]) -> list[_Card]:
    """The cards with how loud each was and why, and the size of their group: a case's, else the largest party's."""
    ids = [card.alert_id for card in cards]
    heard = await loudness.hearings(conn, ids)
    largest: dict[UUID, Group] = {}
    for row in await conn.fetch(_SIZES, ids):
        largest.setdefault(row["alert_id"], Group(key=row["key"], count=row["size"]))
    return [
        card.model_copy(
            update={
                "group": largest.get(card.alert_id) or (card.group and Group(key=card.group.key, count=1)),
                **(dict(heard[str(card.alert_id)]) if str(card.alert_id) in heard else {}),
            }
        )
        for card in cards
    ]


async def others(conn: Connection, alert_id: UUID) -> Others:
    """What else is there of its case or parties."""
    rows = await conn.fetch(_OTHERS, alert_id, _SHOWN)
    shown = tuple(Other(**{k: v for k, v in row.items() if k not in ("of_case", "of_all")}) for row in rows)
    of_case, of_all = (rows[0]["of_case"], rows[0]["of_all"]) if rows else (0, 0)
    return Others(of_case, of_all - of_case, shown)
