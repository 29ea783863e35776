"""Audit entries as lines of a file."""

import csv
import io
from collections.abc import AsyncIterator

import orjson

from shared.audit import search
from shared.audit.schemas import AuditEntry, AuditExport, Format
from shared.db import Database, Scope

MEDIA: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_COLUMNS = ("number", "at", "actor", "name", "grants", "action", "object", "region", "detail", "hash")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def lines(db: Database, scope: Scope, wanted: AuditExport, *, upto: int) -> AsyncIterator[bytes]:
    """The caller's entries as a file, line by line; the CSV begins with a mark that spreadsheets read as UTF-8."""
    if wanted.format == "csv":
        yield b"\xef\xbb\xbf" + _line(*_COLUMNS)
    async with db.begin(scope, readonly=True) as conn:
        async for entry in search.everything(conn, wanted, upto=upto):
            yield _line(*_cells(entry)) if wanted.format == "csv" else entry.model_dump_json().encode() + b"\n"


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    return (
        str(entry.number or ""),
        entry.at.isoformat(),
        entry.actor,
        entry.name,
        " ".join(entry.grants),
        entry.action.code,
        entry.object,
        entry.region.code,
        orjson.dumps(entry.detail, option=orjson.OPT_SORT_KEYS).decode(),
        entry.hash or "",
    )


def _line(*cells: str) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue().encode()
