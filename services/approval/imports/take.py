"""Taking a file's rows over: in batches, all in one transaction, which is undone unless all is well."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.approval import documents, store
from services.approval.cases import Case, RoleHolder
from services.approval.imports.plan import Known, plan
from services.approval.imports.rows import PaperMention, Reading, Record, RowFault
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
    applied: bool = False


class _Undone(Exception):
    """Rolls the rows back; the report stands."""


async def take(
    conn: Connection,
    reading: Reading,
    *,
    village: str,
    importer: RoleHolder,
    dry_run: bool = False,
    accept_good_rows: bool = False,
    progress: Progress = lambda rows: None,
) -> Report:
    """Take a village's rows over in the caller's transaction; `progress` hears of each batch's number of rows."""
    report = Report(rows=len(reading.records), faults=list(reading.faults))
    try:
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('imports'), hashtext($1))", village)
            for batch in _batches(reading.records):
                await _take_batch(conn, batch, village, importer, report)
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
    for record in sorted(records, key=lambda r: (r.case_no, r.occurred_at, r.node.order if r.node else 0, r.line)):
        if len(batch) >= _BATCH and record.case_no != batch[-1].case_no:
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


async def _take_batch(
    conn: Connection, batch: Sequence[Record], village: str, importer: RoleHolder, report: Report
) -> None:
    known = await _known(conn, batch, village)
    made = plan(batch, known, village=village, importer=importer, now=datetime.now(UTC))
    await store.save(conn, made.changes)
    await conn.execute(
        "INSERT INTO imported_rows (village_code, digest, case_id) SELECT $1, * FROM unnest($2::bytea[], $3::uuid[])",
        village,
        [digest for digest, _ in made.taken],
        [case_id for _, case_id in made.taken],
    )
    report.cases_opened += made.opened
    report.nodes_recorded += sum(len(change.events) for change in made.changes) - made.opened
    report.rows_repeated += made.repeated
    report.faults.extend(made.faults)


async def _known(conn: Connection, batch: Sequence[Record], village: str) -> Known:
    cases = await conn.fetch(
        "SELECT case_no, state FROM cases WHERE village_code = $1 AND case_no = ANY($2::text[]) FOR UPDATE",
        village,
        list({record.case_no for record in batch}),
    )
    digests = await conn.fetch(
        "SELECT digest FROM imported_rows WHERE village_code = $1 AND digest = ANY($2::bytea[])",
        village,
        [record.digest for record in batch],
    )
    return Known(
        {row["case_no"]: Case.from_state(row["state"]) for row in cases},
        frozenset(row["digest"] for row in digests),
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
