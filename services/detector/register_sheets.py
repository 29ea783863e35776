"""Sheets of registers: lines below a header read as rows of an upload; templates and exports written. Pure."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from services.detector.columns import Column
from services.detector.register_forms import Register
from services.detector.uploads import DELETED, Row, RowFault
from shared.cells import Unreadable
from shared.contracts.reference import Record
from shared.headers import Header, below_headers
from shared.sheets import CellFault, SheetLine, SheetRefused

_HELP_SHEET = "填写说明"
HELP = ("列 Column", "必填 Required", "怎么填", "How", "例 Example")
_HELD = 5000
# Excel knows a CSV's encoding by this mark only.
_BOM = "\ufeff"


def rows_of_sheet(lines: Iterator[SheetLine], register: Register) -> Iterator[Row]:
    """Every line below its header as a row; raises `SheetRefused` when there is no header or it lacks columns."""
    reader: _Reader | None = None
    for header, line in below_headers(lines, register.expected):
        if reader is None or reader.header is not header:
            reader = _Reader(register, header)
        yield reader.row(line)
    if reader is None:
        needed = "、".join(column.title for column in register.needed())
        raise SheetRefused(f"没有找到数据:表头须有 {needed}", f"No rows found: the header needs {needed}")


class _Reader:
    """Reads lines below one header."""

    def __init__(self, register: Register, header: Header) -> None:
        self.header = header
        self._columns = [register.by_key.get(key) for key in header.columns]
        self._readers = [_reader(column) if column else None for column in self._columns]
        self._at: dict[str, int] = {}
        for at, column in enumerate(self._columns):
            if column:
                self._at |= {column.name: at, column.field: at}
        self._titles = {name: column.title for column in register.columns for name in (column.name, column.field)}
        missing = [column.title for column in register.needed() if column.field not in self._at]
        if missing and DELETED not in self._at:
            raise SheetRefused(f"缺少列 {'、'.join(missing)}", f"Columns are missing: {', '.join(missing)}")

    def row(self, line: SheetLine) -> Row:
        unusable = {fault.column for fault in line.faults}
        faults = [made for fault in line.faults if (made := self._cell_fault(line, fault))]
        values: dict[str, Any] = {}
        fields: set[str] = set()
        for at, (column, read, text) in enumerate(zip(self._columns, self._readers, line.cells, strict=False)):
            if column is None or read is None or not text or at in unusable:
                continue
            if column.field in fields:
                faults.append(self._fault(line, at, "与另一列重复,只填其一", "Another column says it too: fill in one"))
            fields.add(column.field)
            try:
                name, value = read(text)
                values[name] = value
            except Unreadable as error:
                faults.append(self._fault(line, at, error.zh, error.en))
        return Row(line.line, values, line.sheet, tuple(faults), partial(self._cell, line))

    def _cell_fault(self, line: SheetLine, fault: CellFault) -> RowFault | None:
        column = self._columns[fault.column] if fault.column < len(self._columns) else None
        if column is None:
            return None
        told = column.masked(fault.value)
        return RowFault(line.sheet, line.line, self.header.place(fault.column), told, fault.zh, fault.en)

    def _fault(self, line: SheetLine, at: int, zh: str, en: str) -> RowFault:
        return RowFault(line.sheet, line.line, self.header.place(at), self._told(line, at), zh, en)

    def _cell(self, line: SheetLine, field: str) -> tuple[str, str]:
        name = field.partition(".")[0]
        at = self._at.get(name)
        return (self._titles.get(name, name), "") if at is None else (self.header.place(at), self._told(line, at))

    def _told(self, line: SheetLine, at: int) -> str:
        column = self._columns[at]
        return column.masked(line.cells[at]) if column and at < len(line.cells) else ""


def _reader(column: Column) -> Callable[[str], tuple[str, Any]]:
    # Names of posts, regions, days come again and again; numbers of persons don't.
    return lru_cache(_HELD)(column.read) if column.recurs else column.read


def csv_template(register: Register) -> bytes:
    """An empty sheet with the register's headers."""
    return (_BOM + csv_line(column.title for column in register.template)).encode()


def csv_line(cells: Iterable[str]) -> str:
    """One line of a CSV file."""
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def csv_lines(register: Register, records: Iterable[Record]) -> str:
    """Records as lines below the template's headers."""
    return "".join(csv_line(register.cells(record)) for record in records)


def xlsx_template(register: Register) -> bytes:
    """An empty workbook with the register's headers, every cell a text, and a second sheet that says what they mean."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(register.label.zh)
    for at, column in enumerate(register.template, 1):
        dimension = sheet.column_dimensions[get_column_letter(at)]
        # Text keeps the zeros in front and the last digits of long numbers.
        dimension.number_format, dimension.width = "@", max(14, 2 * len(column.title) + 4)
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, column.title) for column in register.template])
    _write_help(book, register)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_help(book: Workbook, register: Register) -> None:
    sheet = book.create_sheet(_HELP_SHEET)
    for letter, width in zip("ABCDE", (26, 14, 60, 60, 40), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.append([_bold(sheet, title) for title in HELP])
    for column in register.template:
        sheet.append(help_of(register, column))


def help_of(register: Register, column: Column) -> tuple[str, ...]:
    """What a column means to whoever fills it in, below the titles `HELP`."""
    one = "是 yes" if column in register.needed() else "二选一 one of two"
    required = one if column.required else ""
    return (f"{column.title} {column.label.en}", required, column.form.zh, column.form.en, column.example)


def _bold(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=text)
    cell.font = Font(bold=True)
    return cell
