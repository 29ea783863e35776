"""Rows that were read and wait in PostgreSQL until they are taken over: kept, and given back as whole cases."""

from collections.abc import Sequence
from typing import Any

from services.approval.flows import Catalogue
from services.approval.imports.jobs import Job
from services.approval.imports.records import PaperMention, Record
from shared.contracts.power import NodeFields
from shared.db import Connection

_BATCH = 300
_KEEP = """
INSERT INTO import_rows (job_id, village_code, case_no, occurred_at, node_order, number, digest, row)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::int[], $6::int[], $7::bytea[], $8::jsonb[])
"""
_BEHIND = "job_id = $1 AND (village_code, case_no) > ($2, $3)"
_EDGE = f"""
SELECT village_code, case_no FROM import_rows WHERE {_BEHIND}
ORDER BY village_code, case_no, occurred_at, node_order, number OFFSET {_BATCH} - 1 LIMIT 1
"""
_CASES = f"""
SELECT village_code, case_no, occurred_at, digest, row FROM import_rows
WHERE {_BEHIND} AND ($4::text IS NULL OR (village_code, case_no) <= ($4, $5))
ORDER BY village_code, case_no, occurred_at, node_order, number
"""


async def keep(conn: Connection, job: Job, records: Sequence[tuple[int, Record]]) -> None:
    """Keep rows, each with its number in the file."""
    await conn.execute(
        _KEEP,
        job.job_id,
        [record.village for _, record in records],
        [record.case_no for _, record in records],
        [record.occurred_at for _, record in records],
        [record.node.order if record.node else 0 for _, record in records],
        [number for number, _ in records],
        [record.digest for _, record in records],
        [_told(record) for _, record in records],
    )


async def next_cases(conn: Connection, job: Job, catalogue: Catalogue) -> list[Record]:
    """All rows of the next cases behind the job's place, as many as make a batch; none at the end."""
    edge = await conn.fetchrow(_EDGE, job.job_id, job.at_village, job.at_case)
    last = (edge["village_code"], edge["case_no"]) if edge else (None, None)
    rows = await conn.fetch(_CASES, job.job_id, job.at_village, job.at_case, *last)
    return [_record(dict(row), catalogue) for row in rows]


def _told(record: Record) -> dict[str, Any]:
    return {
        "at": [record.sheet, record.line],
        "flow": record.flow.code,
        "node": record.node.code if record.node else None,
        "title": record.title,
        "actor": [record.actor_name, record.actor_key],
        "fields": record.fields.model_dump(mode="json", exclude_defaults=True),
        "papers": [[paper.kind, paper.file] for paper in record.papers],
    }


def _record(row: dict[str, Any], catalogue: Catalogue) -> Record:
    told = row["row"]
    flow = catalogue.flow(told["flow"])
    return Record(
        sheet=told["at"][0],
        line=told["at"][1],
        village=row["village_code"],
        case_no=row["case_no"],
        flow=flow,
        node=flow.node(told["node"]) if told["node"] else None,
        occurred_at=row["occurred_at"],
        title=told["title"],
        actor_name=told["actor"][0],
        actor_key=told["actor"][1],
        fields=NodeFields.model_validate(told["fields"]),
        papers=tuple(PaperMention(kind, file) for kind, file in told["papers"]),
        digest=row["digest"],
    )
