"""The reading of a paper for who may see its case: found, compared with the form, answered, and its twins."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.approval.errors import DocumentNotFound, RoleMissing
from services.approval.recognition import twins
from services.approval.recognition.comparing import Comparison, compare, differing
from services.approval.recognition.errors import NoSuchFinding
from services.approval.recognition.extraction import Found
from services.approval.recognition.twins import Twin
from services.approval.work.comments import roles
from services.approval.work.standing_in import own_roles
from shared import audit
from shared.db import Connection
from shared.principals import Principal

State = Literal["waiting", "read", "unreadable", "not_a_picture"]
Word = Literal["confirmed", "rejected"]


@dataclass(frozen=True)
class Answer:
    """What a person said of a finding."""

    finding: str
    answer: Word
    name: str
    answered_at: datetime


@dataclass(frozen=True)
class Filing:
    """Where in the case the paper was filed, and its comparison with the form of that node as it now stands."""

    node: str
    kind: str
    name: str
    compared: tuple[Comparison, ...]


@dataclass(frozen=True)
class PaperReading:
    """All of it. `sizes` are those of the pages' pictures in pixels."""

    case_id: str
    case_no: str
    title: str
    village_code: str
    sha256: str
    state: State
    reason: str | None
    source: str | None
    pages: int
    sizes: tuple[tuple[int, int], ...]
    lines: int
    found: tuple[Found, ...]
    filings: tuple[Filing, ...]
    answers: Mapping[str, Answer]
    twins: tuple[Twin, ...]

    @property
    def by_id(self) -> dict[str, Found]:
        """What was found, by its id."""
        return {one.id: one for one in self.found}


_FILED = """
SELECT f.kind, f.name, f.village_code, c.case_no, c.title, e.data->>'node' AS node,
       coalesce(a.fields, e.data->'fields', '{}') AS fields
FROM case_documents f JOIN cases c USING (case_id)
JOIN case_events e ON e.case_id = f.case_id AND e.sequence = f.sequence
LEFT JOIN LATERAL (
    SELECT data->'fields' AS fields FROM case_events
    WHERE case_id = f.case_id AND type = 'case.amended.v1' AND (data->>'supersedes')::int = f.sequence
    ORDER BY sequence DESC LIMIT 1) AS a ON true
WHERE f.case_id = $1 AND f.sha256 = $2 ORDER BY f.sequence, f.kind
"""


async def find(conn: Connection, case_id: UUID, sha256: str) -> PaperReading:
    """The reading of a paper of a case; raises `DocumentNotFound` when the scope has no such paper."""
    rows = await conn.fetch(_FILED, case_id, sha256)
    if not rows:
        raise DocumentNotFound(
            "案件没有这份材料,或不在您的权限范围内", "The case has no such paper within your regions"
        )
    read = await conn.fetchrow(
        "SELECT state, reason, source, pages, sizes, lines, found FROM paper_readings WHERE sha256 = $1", sha256
    )
    found = tuple(map(Found.from_row, read["found"])) if read else ()
    done = read is not None and read["state"] == "read"
    answers = await _answers(conn, case_id, sha256)
    standing = _standing(found, {one for one, said in answers.items() if said.answer == "rejected"})
    return PaperReading(
        case_id=str(case_id),
        case_no=rows[0]["case_no"],
        title=rows[0]["title"],
        village_code=rows[0]["village_code"],
        sha256=sha256,
        state=read["state"] if read else "not_a_picture",
        reason=read["reason"] if read else None,
        source=read["source"] if read else None,
        pages=read["pages"] if read else 0,
        sizes=tuple((width, height) for width, height in read["sizes"]) if read else (),
        lines=read["lines"] if read else 0,
        found=found,
        filings=tuple(_filing(row, standing) for row in rows) if done else tuple(_unread(row) for row in rows),
        answers=answers,
        twins=tuple(await twins.of_paper(conn, sha256, str(case_id), rows[0]["village_code"])),
    )


def _filing(row: Mapping[str, Any], found: Sequence[Found]) -> Filing:
    compared = tuple(compare(row["kind"], row["fields"], found))
    return Filing(row["node"] or "", row["kind"], row["name"], compared)


def _unread(row: Mapping[str, Any]) -> Filing:
    return Filing(row["node"] or "", row["kind"], row["name"], ())


def _standing(found: Iterable[Found], rejected: Set[str]) -> tuple[Found, ...]:
    """What was found without what a person called misread."""
    return tuple(one for one in found if one.id not in rejected)


@dataclass(frozen=True)
class Note:
    """What the case's page tells of a paper: fields that differ, and how many filings elsewhere seem to be the same."""

    differs: tuple[str, ...]
    twins: int


_NOTES = """
SELECT f.sha256, f.kind, coalesce(a.fields, e.data->'fields', '{}') AS fields, r.found,
       (SELECT array_agg(finding) FROM paper_answers p
        WHERE p.case_id = f.case_id AND p.sha256 = f.sha256 AND p.answer = 'rejected') AS rejected,
       (SELECT count(*) FROM (SELECT other FROM paper_twins t
                              WHERE t.sha256 = f.sha256 AND t.county = left(f.village_code, 6)
                              UNION SELECT f.sha256) AS o
        JOIN case_documents d ON d.sha256 = o.other AND d.case_id <> f.case_id
                             AND left(d.village_code, 6) = left(f.village_code, 6)) AS twins
FROM case_documents f JOIN case_events e ON e.case_id = f.case_id AND e.sequence = f.sequence
JOIN paper_readings r ON r.sha256 = f.sha256 AND r.state = 'read'
LEFT JOIN LATERAL (
    SELECT data->'fields' AS fields FROM case_events
    WHERE case_id = f.case_id AND type = 'case.amended.v1' AND (data->>'supersedes')::int = f.sequence
    ORDER BY sequence DESC LIMIT 1) AS a ON true
WHERE f.case_id = $1
"""


async def notes_of(conn: Connection, case_id: UUID) -> dict[str, Note]:
    """The notes on the papers of a case that were read, by digest."""
    notes: dict[str, Note] = {}
    for row in await conn.fetch(_NOTES, case_id):
        standing = _standing(map(Found.from_row, row["found"]), set(row["rejected"] or ()))
        differs = differing(compare(row["kind"], row["fields"], standing))
        before = notes.get(row["sha256"])
        notes[row["sha256"]] = Note((*(before.differs if before else ()), *differs), row["twins"])
    return notes


async def _answers(conn: Connection, case_id: UUID, sha256: str) -> dict[str, Answer]:
    rows = await conn.fetch(
        "SELECT finding, answer, name, answered_at FROM paper_answers WHERE case_id = $1 AND sha256 = $2",
        case_id,
        sha256,
    )
    return {row["finding"]: Answer(**dict(row)) for row in rows}


_ANSWER = """
INSERT INTO paper_answers (case_id, sha256, finding, village_code, answer, subject, name, answered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (case_id, sha256, finding) DO UPDATE
SET answer = excluded.answer, subject = excluded.subject, name = excluded.name, answered_at = excluded.answered_at
"""


async def answer(
    conn: Connection, caller: Principal, reading: PaperReading, finding: str, word: Word, now: datetime
) -> None:
    """Say that a finding is right or misread. The form stays as it is; raises `RoleMissing`, `NoSuchFinding`."""
    if own_roles(caller, reading.village_code).isdisjoint(roles()):
        raise RoleMissing("由办理此案的人核对", "For those who work on the case")
    if finding not in reading.by_id:
        raise NoSuchFinding("这份材料没有这项识别结果", "This paper has no such finding")
    village, person = reading.village_code, (caller.subject, caller.name)
    await conn.execute(_ANSWER, UUID(reading.case_id), reading.sha256, finding, village, word, *person, now)
    told = {"case": reading.case_id, "finding": finding, "answer": word}
    await audit.record(conn, caller, "reading.answered", f"document:{reading.sha256}", told, region=village)


async def note_seen(conn: Connection, caller: Principal, reading: PaperReading) -> None:
    """Who looked at it."""
    told = {"case": reading.case_id}
    object = f"document:{reading.sha256}"
    await audit.record(conn, caller, "reading.viewed", object, told, region=reading.village_code, hourly=True)
