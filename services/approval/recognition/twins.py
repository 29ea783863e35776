"""The same paper twice within a county: candidates by index, judged by `likeness`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.approval.recognition.extraction import Found
from services.approval.recognition.likeness import LIKE_LOOK, How, Traits, alike
from shared.db import Connection

_MOST = 50


@dataclass(frozen=True)
class Twin:
    """Another filing of what seems to be one paper."""

    sha256: str
    how: How
    likeness: float
    case_id: str
    case_no: str
    village_code: str


_CANDIDATES = """
SELECT r.sha256, r.found, r.sketch, r.look FROM paper_readings r
WHERE r.state = 'read' AND r.sha256 <> $1
  AND (r.bands && $2 OR r.invoices && $3 OR (r.look IS NOT NULL AND bit_count(r.look # $4) <= $5))
  AND EXISTS (SELECT 1 FROM case_documents f WHERE f.sha256 = r.sha256 AND f.village_code LIKE $6)
LIMIT 500
"""
_KEEP = """
INSERT INTO paper_twins (county, sha256, other, how, likeness)
VALUES ($1, $2, $3, $4, $5), ($1, $3, $2, $4, $5) ON CONFLICT DO NOTHING
"""
_TOLD = """
SELECT DISTINCT ON (f.case_id, f.sha256) f.sha256, t.how, t.likeness, f.case_id, c.case_no, f.village_code
FROM (SELECT other AS sha256, how, likeness FROM paper_twins WHERE county = $1 AND sha256 = $2
      UNION ALL SELECT $2, 'file', 1) AS t
JOIN case_documents f USING (sha256) JOIN cases c ON c.case_id = f.case_id
WHERE f.case_id <> $3 AND f.village_code LIKE $1 || '%'
ORDER BY f.case_id, f.sha256 LIMIT $4
"""


async def look_for(conn: Connection, sha256: str, village: str) -> None:
    """Compare a paper that was read with those of its county, and keep what is alike."""
    row = await conn.fetchrow(
        "SELECT found, sketch, bands, invoices, look FROM paper_readings WHERE sha256 = $1", sha256
    )
    if row is None:
        return
    own = _traits(row)
    county = village[:6]
    others = await conn.fetch(_CANDIDATES, sha256, row["bands"], row["invoices"], row["look"], LIKE_LOOK, f"{county}%")
    for other in others:
        found = alike(own, _traits(other))
        if found:
            await conn.execute(_KEEP, county, sha256, other["sha256"], found.how, found.likeness)


async def of_paper(conn: Connection, sha256: str, case_id: str, village: str) -> list[Twin]:
    """Where else the paper, or one alike, was filed, as far as the scope reaches."""
    rows = await conn.fetch(_TOLD, village[:6], sha256, case_id, _MOST)
    return [
        Twin(**{**dict(row), "case_id": str(row["case_id"]), "likeness": round(row["likeness"], 2)}) for row in rows
    ]


def _traits(row: Mapping[str, Any]) -> Traits:
    look = None if row["look"] is None else int.from_bytes(row["look"].bytes)
    return Traits.of(row["sketch"], look, map(Found.from_row, row["found"]))
