"""The papers of cases, by content: filed by who brought them, read only by whom their cases are open to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from services.approval.errors import DocumentNotFound
from shared.contracts.base import Sha256
from shared.contracts.power import DocumentRef
from shared.db import Connection
from shared.documents import StoredDocument, safe_name
from shared.settings import Settings
from shared.shelves import Shelf, shelf_of


@dataclass(frozen=True)
class FiledPaper:
    """A paper that was uploaded before, filed as one of the node's kinds: as the API takes it, checked there."""

    kind: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", examples=["purchase_request"])]
    sha256: Annotated[Sha256, Field(description="上传时的答复所给 / from the answer to its upload")]
    name: Annotated[str, Field(max_length=200)] | None = None

    __pydantic_config__ = ConfigDict(extra="forbid")


def shelf(settings: Settings) -> Shelf:
    """Where the papers of cases lie."""
    return shelf_of(settings, "documents")


async def register(conn: Connection, stored: StoredDocument, subject: str) -> None:
    """Remember a received file and who brought it."""
    await conn.execute(
        "INSERT INTO documents (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        stored.sha256,
        stored.size,
        stored.media_type,
    )
    await conn.execute(
        "INSERT INTO document_uploads (sha256, subject, name) VALUES ($1, $2, $3)"
        " ON CONFLICT (sha256, subject) DO UPDATE SET name = excluded.name",
        stored.sha256,
        subject,
        stored.name,
    )


# To plan this takes PostgreSQL longer than to run it. Where it can't count the digests beforehand, it keeps its plan.
_FOR_FILING = """
SELECT d.sha256, d.size, coalesce(
    (SELECT u.name FROM document_uploads u WHERE u.sha256 = d.sha256 LIMIT 1),
    (SELECT f.name FROM case_documents f WHERE f.sha256 = d.sha256 LIMIT 1)) AS name
FROM documents d WHERE d.sha256 = ANY((SELECT $1::text[])::text[])
"""


async def to_refs(conn: Connection, papers: Sequence[FiledPaper]) -> tuple[DocumentRef, ...]:
    """The papers to file, by digest: brought by the caller or already filed at a case in scope."""
    if not papers:
        return ()
    rows = await conn.fetch(_FOR_FILING, list({paper.sha256 for paper in papers}))
    known = {row["sha256"]: row for row in rows if row["name"] is not None}
    missing = [paper.sha256 for paper in papers if paper.sha256 not in known]
    if missing:
        raise DocumentNotFound(f"请先上传文件:{missing[0]}", f"Upload this file first: {missing[0]}")
    return tuple(_ref(paper, known[paper.sha256]) for paper in papers)


def _ref(paper: FiledPaper, row: Mapping[str, Any]) -> DocumentRef:
    name = safe_name(paper.name or "") or str(row["name"])
    return DocumentRef(kind=paper.kind, sha256=paper.sha256, name=name, size=int(row["size"]))


_NAMED = """
SELECT named.file, max(d.sha256) AS sha256, max(d.size) AS size
FROM (SELECT sha256, name AS file FROM document_uploads WHERE name = ANY($1::text[])
      UNION SELECT sha256, sha256 FROM document_uploads WHERE sha256 = ANY($1::text[])
      UNION SELECT sha256, sha256 FROM case_documents WHERE sha256 = ANY($1::text[])) AS named
JOIN documents d USING (sha256) GROUP BY named.file HAVING count(*) = 1
"""


async def find_named(conn: Connection, files: Collection[str]) -> dict[str, DocumentRef]:
    """Papers by digest or by the name under which they were uploaded; one with several meanings is left out."""
    rows = await conn.fetch(_NAMED, list(files))
    return {row["file"]: DocumentRef(kind="", sha256=row["sha256"], name=row["file"], size=row["size"]) for row in rows}


async def find(conn: Connection, sha256: str) -> StoredDocument:
    """A paper that a case in the caller's scope refers to; raises `DocumentNotFound`."""
    row = await conn.fetchrow(
        "SELECT d.sha256, d.size, d.media_type, f.name FROM documents d"
        " JOIN case_documents f USING (sha256) WHERE d.sha256 = $1 LIMIT 1",
        sha256,
    )
    if row is None:
        raise DocumentNotFound("没有这个文件,或不在您的权限范围内", "No such file within your regions")
    return StoredDocument(**dict(row))
