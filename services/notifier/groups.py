"""Alerts of one case or one party, and how loud each was, as the reader of a transaction may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from services.notifier import loudness
from services.notifier.schemas import AlertCard, Group
from shared.db import Connection

_SHOWN = 10
_COUNTS = "SELECT key, count(*) FROM alert_groups WHERE key = ANY($1::text[]) GROUP BY key"
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
    """The cards with the size of their group, how loud each was and why."""
    heard = await loudness.hearings(conn, [card.alert_id for card in cards])
    keys = sorted({card.group.key for card in cards if card.group})
    sizes = {row["key"]: row["count"] for row in await conn.fetch(_COUNTS, keys)} if keys else {}
    return [
        card.model_copy(
            update={
                "group": card.group and Group(key=card.group.key, count=sizes.get(card.group.key, 1)),
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
