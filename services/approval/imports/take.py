"""Taking a file's rows over: in batches, all in one transaction, which is undone unless all is well."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.approval import documents, flows, store
from services.approval.cases import Case, RoleHolder
from services.approval.imports.plan import Known, Plan, plan
from services.approval.imports.records import PaperMention, Reading, Record, RowFault
from shared.contracts.power import DocumentRef
from shared.db import Connection

_BATCH = 500
Progress = Callable[[int], None]


@dataclass
class Report:
    """What became of a file. Nothing was taken over unless `applied`."""

    rows: int = 0
    cases_opened: int = 0
    nodes_recorded: int = 0
    rows_repeated: int = 0
    faults: list[RowFault] = field(default_factory=list)
    notices: list[RowFault] = field(default_factory=list)
    applied: bool = False


class _Undone(Exception):
    """Rolls the rows back; the report stands."""


async def take(
    conn: Connection,
    reading: Reading,
    *,
    importer: RoleHolder,
    dry_run: bool = False,
    accept_good_rows: bool = False,
    progress: Progress = lambda rows: None,
) -> Report:
    """Take rows over in the caller's transaction; `progress` hears of each batch's number of rows."""
    report = Report(rows=len(reading.records), faults=list(reading.faults), notices=reading.notices)
    try:
        async with conn.transaction():
            for batch in _batches(reading.records):
                made = await take_batch(conn, batch, importer)
                report.cases_opened += made.opened
                report.nodes_recorded += made.nodes
                report.rows_repeated += made.repeated
                report.faults.extend(made.faults)
                progress(len(batch))
            if dry_run or (report.faults and not accept_good_rows):
                raise _Undone
            report.applied = True
    except _Undone:
        pass
    report.faults.sort(key=lambda fault: (fault.sheet, fault.line))
    return report


def _batches(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Rows by case and time, cut only between cases."""
    batch: list[Record] = []
    for record in sorted(records, key=lambda record: record.order):
        if len(batch) >= _BATCH and record.case != batch[-1].case:
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


async def take_batch(conn: Connection, batch: Sequence[Record], importer: RoleHolder, *, keep: bool = True) -> Plan:
    """Take rows over that are whole cases, or without `keep` only look what would become of them."""
    if keep:
        for village in sorted({record.village for record in batch}):
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('imports'), hashtext($1))", village)
    known = await _known(conn, batch)
    # Half a second of thinking, in which whoever else asks this process need not wait.
    made = await asyncio.to_thread(plan, batch, known, importer=importer, now=datetime.now(UTC))
    if keep:
        await store.save(conn, made.changes)
        await conn.execute(
            "INSERT INTO imported_rows (village_code, digest, case_id)"
            " SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[])",
            [village for village, _, _ in made.taken],
            [digest for _, digest, _ in made.taken],
            [case_id for _, _, case_id in made.taken],
        )
    return made


_CASES = """
SELECT c.village_code, c.case_no, c.state
FROM cases c JOIN unnest($1::text[], $2::text[]) AS w (village, number) ON c.village_code = village AND case_no = number
FOR UPDATE OF c
"""
_DIGESTS = """
SELECT r.village_code, r.digest
FROM imported_rows r JOIN unnest($1::text[], $2::bytea[]) AS w (village, said)
  ON r.village_code = village AND r.digest = said
"""


async def _known(conn: Connection, batch: Sequence[Record]) -> Known:
    named = sorted({record.case for record in batch})
    cases = await conn.fetch(_CASES, [village for village, _ in named], [number for _, number in named])
    villages, said = [record.village for record in batch], [record.digest for record in batch]
    return Known(
        flows.load(),
        {(row["village_code"], row["case_no"]): Case.from_state(row["state"]) for row in cases},
        frozenset((row["village_code"], row["digest"]) for row in await conn.fetch(_DIGESTS, villages, said)),
        await _papers(conn, {mention for record in batch for mention in record.papers}),
    )


async def _papers(conn: Connection, mentions: set[PaperMention]) -> dict[PaperMention, DocumentRef]:
    if not mentions:
        return {}
    found = await documents.find_named(conn, {mention.file for mention in mentions})
    return {
        mention: found[mention.file].model_copy(update={"kind": mention.kind})
        for mention in mentions
        if mention.file in found
    }
