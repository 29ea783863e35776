"""Makes the files of the open data, once, in a process of its own: `python -m services.disclosure.opendata.making`.

It reads the public cases as anybody may, and puts all files in place in one transaction: killed at any moment before,
the old ones are served on. Of several that are started at once, one makes and the others leave.
"""

import asyncio
import csv
import gzip
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TextIO

import orjson
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from services.disclosure.cases import Case
from services.disclosure.masking import masks
from services.disclosure.opendata import contracting, ocds, policy_rows
from services.disclosure.opendata.contracting import Change
from services.disclosure.opendata.ocds import Publisher
from services.disclosure.opendata.publication import publication
from services.disclosure.opendata.tables import POLICIES, ROWS, Row, Source, Table, cells, sheet_cell, tables, text
from services.disclosure.policies import store
from services.disclosure.projections import downloads, open_cases
from services.disclosure.projections.downloads import Made
from services.disclosure.projections.open_cases import State
from services.disclosure.vocabulary import vocabulary
from shared.db import Database, Scope
from shared.settings import Settings
from shared.workdays import SHANGHAI

_SCHEMA = "disclosure"
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('downloads'), hashtext($1))"
_CSV, _GZIP = "text/csv; charset=utf-8", "application/gzip"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A sheet holds 1,048,576 lines.
_LINES_OF_A_SHEET = 1_000_000
_FORMATS = {"yuan": "0.00", "day": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm:ss"}
_WIDTHS = {"text": 24, "code": 16, "yuan": 16, "number": 12, "day": 12, "time": 20}
_NICE = 5
# Long enough to mend a maker that fails; what fades within it is left out of the files from the start.
SERVED_FOR = timedelta(days=3)


class Writer(Protocol):
    """What takes cases one by one and gives files in the end."""

    def take(self, case: Case, source: Source, changes: Sequence[Change]) -> None:
        """Write what a case adds."""

    def done(self) -> Iterator[Made]:
        """The files."""


async def make(settings: Settings) -> bool:
    """Make all files anew; false when another process is just making them."""
    db = Database(settings, _SCHEMA)
    await db.open()
    try:
        async with db.begin(Scope.system()) as held:
            if not await held.fetchval(_LOCK, _SCHEMA):
                return False
            # They hold nothing that fades before the latest moment at which they may still be served.
            until = datetime.now(UTC) + SERVED_FOR
            with TemporaryDirectory(prefix="yunjing-data-") as folder:
                state, files = await _write(db, Path(folder), settings.disclosure_url.rstrip("/"), until)
                # Nothing is taken back between the look and the files' being in place.
                await downloads.alone(held)
                async with db.begin(Scope.public(), readonly=True) as conn:
                    # What was taken back meanwhile may be in them: the next look makes them anew.
                    if (await open_cases.state(conn)).taken != state.taken:
                        return False
                await downloads.save(held, files, state.cases, until)
        return True
    finally:
        await db.close()


async def _write(db: Database, folder: Path, url: str, until: datetime) -> tuple[State, list[Made]]:
    """All files in a folder, with what is public up to a moment, and of which state of the cases they are at least."""
    words, hidden = vocabulary(), sorted(masks().hidden_unless_sound)
    with ExitStack() as stack:
        by_name = tables().by_name
        writers: list[Writer] = [_Sheets(by_name[name], folder, stack) for name in ROWS]
        policies = _Sheets(by_name[POLICIES], folder, stack)
        writers.append(_Records(Publisher(masks(), words, publication(), url), folder))
        async with db.begin(Scope.public(), readonly=True) as conn:
            # What changes after this line is seen at the next look, and made anew.
            state = await open_cases.state(conn)
            changes = await open_cases.all_changes(conn, masks(), until)
            async for case in open_cases.every(conn, hidden, until):
                of_it = changes.get((case.village_code, case.case_no), [])
                source = Source(case, contracting.last(case, of_it, masks()), words, url)
                for writer in writers:
                    writer.take(case, source, of_it)
            for version in await store.all_published(conn):
                policies.add(policy_rows.row(version, url))
        return state, [file for writer in (*writers, policies) for file in writer.done()]


class _Sheets:
    """One table, as CSV (plain and gzipped) and as a workbook."""

    def __init__(self, table: Table, folder: Path, stack: ExitStack) -> None:
        self._table = table
        self._csv_path, self._xlsx_path = folder / f"{table.name}.csv", folder / f"{table.name}.xlsx"
        # With a byte order mark: spreadsheets take it for UTF-8 then.
        self._csv: TextIO = stack.enter_context(self._csv_path.open("w", encoding="utf-8-sig", newline=""))
        self._writer = csv.writer(self._csv)
        self._writer.writerow([column.name for column in table.columns])
        self._book = Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0

    def take(self, case: Case, source: Source, changes: Sequence[Change]) -> None:
        for row in source.rows(self._table.name):
            self.add(row)

    def done(self) -> Iterator[Made]:
        if not self._rows:
            self._new_sheet()
        self._csv.close()
        self._book.save(self._xlsx_path)
        zipped = self._csv_path.with_suffix(".csv.gz")
        _gzip(self._csv_path, zipped)
        source, name = _fingerprint(self._csv_path), self._table.name
        yield Made(f"{name}.csv", "", _CSV, source, self._rows, self._csv_path)
        yield Made(f"{name}.csv", "gzip", _CSV, source, self._rows, zipped)
        yield Made(f"{name}.xlsx", "", _XLSX, source, self._rows, self._xlsx_path)

    def add(self, row: Row) -> None:
        """One more row."""
        if self._rows % _LINES_OF_A_SHEET == 0:
            self._new_sheet()
        self._rows += 1
        values = cells(self._table, row)
        self._writer.writerow([text(value) for value in values])
        self._sheet.append([self._cell(value, n) for n, value in enumerate(values)])

    def _new_sheet(self) -> None:
        number = self._rows // _LINES_OF_A_SHEET
        self._sheet = self._book.create_sheet(self._table.label.zh + (f" {number + 1}" if number else ""))
        self._sheet.freeze_panes = "A2"
        for n, column in enumerate(self._table.columns, start=1):
            self._sheet.column_dimensions[get_column_letter(n)].width = _WIDTHS[column.kind]
        self._sheet.append([self._head(f"{column.label.zh} {column.name}") for column in self._table.columns])

    def _head(self, words: str) -> Any:
        cell = WriteOnlyCell(self._sheet, words)
        cell.font = Font(bold=True)
        return cell

    def _cell(self, value: Any, place: int) -> Any:
        shape, shown = _FORMATS.get(self._table.columns[place].kind), sheet_cell(value)
        if value is None or shape is None:
            return shown
        # It takes a Decimal and a date as well.
        cell = WriteOnlyCell(self._sheet, shown)  # type: ignore[arg-type]
        cell.number_format = shape
        return cell


class _Records:
    """The contracting processes by the year in which they were opened: records, and releases, as gzipped packages."""

    def __init__(self, publisher: Publisher, folder: Path) -> None:
        self._publisher = publisher
        self._folder = folder
        self._packages: dict[str, _Package] = {}

    def take(self, case: Case, source: Source, changes: Sequence[Change]) -> None:
        if not ocds.is_process(case):
            return
        year = case.opened_at.astimezone(SHANGHAI).year
        releases, record = self._publisher.both(case, changes)
        for release in releases:
            self._package("releases", year).add(release, release["date"])
        if record:
            self._package("records", year).add(record, record["compiledRelease"]["date"])

    def done(self) -> Iterator[Made]:
        for name, package in sorted(self._packages.items()):
            head = self._publisher.package(f"{self._publisher.url}/data/files/{name}", [package.latest])
            path = self._folder / name
            package.close(head, path)
            yield Made(name, "", _GZIP, _fingerprint(path), package.count, path)

    def _package(self, kind: str, year: int) -> "_Package":
        name = f"ocds-{kind}-{year}.json.gz"
        if name not in self._packages:
            self._packages[name] = _Package(kind, self._folder / f"{name}.part")
        return self._packages[name]


class _Package:
    """A package that grows on the disk; its head comes last, for it is dated by the latest of what is in it."""

    def __init__(self, kind: str, path: Path) -> None:
        self._kind, self._path = kind, path
        self._file = path.open("wb")
        self.count, self.latest = 0, ""

    def add(self, item: Any, date: str) -> None:
        self._file.write((b",\n" if self.count else b"\n") + orjson.dumps(item))
        self.count += 1
        self.latest = max(self.latest, date)

    def close(self, head: dict[str, Any], to: Path) -> None:
        self._file.close()
        with _zipped(to) as out, self._path.open("rb") as body:
            out.write(orjson.dumps(head)[:-1] + b',"' + self._kind.encode() + b'":[')
            shutil.copyfileobj(body, out)
            out.write(b"\n]}\n")
        self._path.unlink()


def _gzip(source: Path, to: Path) -> None:
    with source.open("rb") as plain, _zipped(to) as out:
        shutil.copyfileobj(plain, out)


@contextmanager
def _zipped(to: Path) -> Iterator[gzip.GzipFile]:
    """Without a name and a time in it: the same content is the same file."""
    with to.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped:
        yield zipped


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """The process: it gives way to whoever answers visitors."""
    os.nice(_NICE)
    asyncio.run(make(Settings()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
