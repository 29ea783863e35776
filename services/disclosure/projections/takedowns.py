"""What officials have taken back, as far as it stands: no read model, and obeyed by whoever writes one."""

from collections.abc import Iterable
from datetime import datetime

from services.disclosure import revising
from services.disclosure.cases import with_taken
from services.disclosure.masking import masks
from shared.db import Connection

Marks = dict[str, dict[str, str]]
_STANDING = """
SELECT case_id, jsonb_object_agg(
    what, jsonb_build_object('on', to_char(taken_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'), 'why', why)) AS marks
FROM takedowns WHERE restored_at IS NULL
"""
_ALL_DIFFERING = f"""
SELECT c.case_id FROM cases c
LEFT JOIN ({_STANDING} GROUP BY case_id) t USING (case_id)
WHERE c.taken <> coalesce(t.marks, '{{}}') AND (c.taken <> '{{}}' OR t.marks IS NOT NULL)
"""


async def standing(conn: Connection, case_ids: Iterable[str]) -> dict[str, Marks]:
    """What is taken back of these cases now: by field, on which day and why. For the system."""
    rows = await conn.fetch(f"{_STANDING} AND case_id = ANY($1) GROUP BY case_id", sorted(set(case_ids)))
    return {row["case_id"]: row["marks"] for row in rows}


async def obey(conn: Connection, case_ids: Iterable[str], now: datetime) -> None:
    """Bring cases and their villages' pages in line with what is taken back of them. For the system."""
    wanted = sorted(set(case_ids))
    marks = await standing(conn, wanted)
    await revising.revise(conn, wanted, lambda case: with_taken(case, marks.get(case.case_id, {}), masks()), now)


async def obey_all(conn: Connection, now: datetime) -> int:
    """The same for every case that isn't in line, and how many: after new read models took the place of the old."""
    rows = await conn.fetch(_ALL_DIFFERING)
    await obey(conn, (row["case_id"] for row in rows), now)
    return len(rows)
