"""The trail of uploads: who gave which file when, and what became of it. Append-only."""

import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from services.detector.publishing import WRITERS
from services.detector.schemas import Format
from shared import audit
from shared.db import Connection
from shared.principals import Principal
from shared.regions import COUNTY, town_of

_NOTE = """
INSERT INTO reference_uploads (id, dataset, format, sha256, bytes, at, rows, changed, deleted, unchanged, refused,
                               applied, region_code, subject, person_key, name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_PAGE = """
SELECT id, dataset, format, sha256, bytes, at, rows, changed, deleted, unchanged, refused, applied, name, region_code
FROM reference_uploads
WHERE ($1::text IS NULL OR dataset = $1) AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
ORDER BY at DESC, id DESC LIMIT $4
"""


@dataclass(frozen=True)
class Upload:
    """An upload and its outcome; nothing was taken unless `applied`."""

    id: uuid.UUID
    dataset: str
    format: Format
    sha256: str
    bytes: int
    at: datetime
    rows: int
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0
    refused: int = 0
    applied: bool = True


async def note(conn: Connection, caller: Principal, upload: Upload) -> None:
    """Put an upload on record, within the transaction that it changes the register in."""
    who = (_region(caller), caller.subject, caller.person_key, caller.name)
    await conn.execute(_NOTE, *astuple(upload), *who)
    told = {"upload": str(upload.id), "changed": upload.changed, "deleted": upload.deleted, "refused": upload.refused}
    await audit.record(conn, caller, "register.changed", f"register:{upload.dataset}", told, region=_region(caller))


async def page(
    conn: Connection, *, dataset: str | None, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[dict[str, object]]:
    """Uploads by those who may write in the regions in sight, the latest first."""
    at, id = after or (None, None)
    return [dict(row) for row in await conn.fetch(_PAGE, dataset, at, id, limit)]


def _region(caller: Principal) -> str:
    """The region for which somebody uploads: the one of his grants, or the next that holds them all."""
    regions = {grant.region for grant in caller.grants if grant.role in WRITERS}
    if len(regions) == 1:
        return regions.pop()
    towns = {town_of(region) for region in regions}
    return towns.pop() if len(towns) == 1 else COUNTY
