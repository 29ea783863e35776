"""Workbooks and CSV files as lines of text cells, whatever they were saved as. Pure but for reading the file.

What can't be read as a table is refused before any row is used.
"""

import codecs
import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.worksheet._reader import WorkSheetParser

from shared.archives import UnsoundArchive, open_sound
from shared.cells import Unreadable, check_visible
from shared.problems import Problem

MAX_FILE_BYTES = 200 * 1024 * 1024
MAX_LINES = 200_000
MAX_COLUMNS = 200
MAX_CELL = 20_000
_MAX_UNPACKED = 1024 * 1024 * 1024
_MAX_SHARED_STRINGS = 256 * 1024 * 1024
_EXACT_BELOW = 10**15
_NO_SHEET = (b"<html", b"<!doc", b"<?xml", b"<tabl", b"%pdf")
_PIECE = 256 * 1024
_SNIFFED = 20_000
_ZEROS = re.compile(r"0{2,}")
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_MOST_MERGED = 100_000
_FORMULA = re.compile(r"^(?:[=@]|[+\-][^|(]*[|(])")
csv.field_size_limit(MAX_CELL * 4)


class SheetRefused(Problem):
    """A file that can't be read as a table."""

    status, code = 422, "sheet-refused"
    title_zh, title_en = "无法读取这个表格", "This sheet cannot be read"


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell that holds no usable value: its column from 0, how to mend it, and what it holds."""

    column: int
    zh: str
    en: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One line of a sheet, its cells as people would write them. `hidden` when the workbook doesn't show it."""

    sheet: str
    line: int
    cells: tuple[str, ...]
    faults: tuple[CellFault, ...] = ()
    hidden: bool = False


def read_sheets(path: Path, *, only: str | None = None, most: int | None = None) -> Iterator[SheetLine]:
    """All lines that aren't empty, of an XLSX or CSV file told apart by content; raises `SheetRefused`.

    `only` names the one sheet of a workbook that is read, "" its first; without it all that aren't hidden are.
    `most` lines are read at most, else `MAX_LINES`. What is held in memory doesn't grow with the lines.
    """
    size = path.stat().st_size
    if size == 0:
        raise SheetRefused("文件是空的", "The file is empty")
    if size > MAX_FILE_BYTES:
        raise SheetRefused(
            f"文件不得超过 {MAX_FILE_BYTES // 1024 // 1024} MiB,请拆分", "The file is too large: split it"
        )
    limit = MAX_LINES if most is None else most
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            raise SheetRefused("请把 .xls 另存为 .xlsx", "Save the .xls file as .xlsx")
        if head.removeprefix(codecs.BOM_UTF8).lower().startswith(_NO_SHEET):
            raise SheetRefused("网页或 PDF 不是表格,请另存为 .xlsx", "A web page or PDF is no sheet: save it as .xlsx")
        lines = _workbook_lines(file, only) if head.startswith(b"PK") else _csv_lines(path)
        for number, line in enumerate(lines):
            if number > limit:
                raise SheetRefused(f"最多 {limit} 行,请拆分", f"{limit} lines at most: split the file")
            yield line


def _workbook_lines(file: IO[bytes], only: str | None) -> Iterator[SheetLine]:
    _check_workbook(file)
    try:
        workbook: Any = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        zeros = {at: len(form) for at in range(len(workbook._cell_styles)) if (form := _zeros(workbook, at))}
        for sheet in _chosen(workbook.worksheets, only):
            with workbook._archive.open(sheet._worksheet_path) as source:
                below = _merged_down(source)
            with workbook._archive.open(sheet._worksheet_path) as source:
                yield from _sheet_lines(sheet.title, _parser(workbook, sheet, source), zeros, below)
    except SheetRefused:
        raise
    except Exception as error:
        # The parsers beneath raise whatever a broken part of the container leads them to.
        raise SheetRefused(f"工作簿已损坏:{error}", f"The workbook is broken: {error}") from error


class _NoValue:
    """Of a formula, whose value was never worked out."""


class _Parser(WorkSheetParser):
    """openpyxl's, which gives of a formula the value kept with it; here one that has none is told from an empty cell.

    No formula is ever worked out here.
    """

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and any(child.tag.endswith("}f") for child in element):
            cell["value"] = _NoValue()
        return cell


def _parser(workbook: Any, sheet: Any, source: IO[bytes]) -> _Parser:
    return _Parser(
        source,
        sheet._shared_strings,
        data_only=True,
        epoch=workbook.epoch,
        date_formats=workbook._date_formats,
        timedelta_formats=workbook._timedelta_formats,
    )


def _sheet_lines(
    title: str, parser: _Parser, zeros: Mapping[int, int], below: Mapping[int, Sequence[tuple[int, int]]]
) -> Iterator[SheetLine]:
    """The lines of one sheet; a cell that is merged downwards counts for each line it reaches."""
    reaching: dict[int, tuple[int, Any]] = {}
    for number, cells in parser.parse():
        values: list[Any] = []
        for cell in cells:
            at, value = cell["column"] - 1, cell["value"]
            if at > MAX_COLUMNS and value is not None:
                raise _too_wide(number, at)
            if at <= MAX_COLUMNS:
                values.extend([None] * (at + 1 - len(values)))
                values[at] = _with_zeros(value, zeros.get(cell["style_id"]))
        for at, (last, value) in reaching.items():
            if number <= last and at < len(values) and values[at] is None:
                values[at] = value
        for at, last in below.get(number, ()):
            if at < len(values):
                reaching[at] = (last, values[at])
        dimensions = parser.row_dimensions.pop(str(number), {})
        if line := _line(title, number, values, hidden=dimensions.get("hidden") in ("1", "true")):
            yield line


def _merged_down(source: IO[bytes]) -> dict[int, list[tuple[int, int]]]:
    """By its first line each cell that is merged downwards: its column and its last line.

    They stand behind the rows, so the part is looked through once before; raises `SheetRefused` for too many.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    tail, count = b"", 0
    while piece := source.read(_PIECE):
        text = tail + piece
        end = 0
        for match in _MERGED.finditer(text):
            end = match.end()
            first, last = int(match[2]), int(match[4])
            if last > first:
                count += 1
                if count > _MOST_MERGED:
                    raise SheetRefused("合并的单元格太多,请拆分或取消合并", "Too many merged cells: unmerge them")
                found.setdefault(first, []).append((column_index_from_string(match[1].decode()) - 1, last))
        tail = text[max(end, len(text) - 80) :]
    return found


def _chosen(worksheets: Sequence[Any], only: str | None) -> Sequence[Any]:
    shown = [sheet for sheet in worksheets if sheet.sheet_state == "visible"]
    if only is None:
        return shown
    if not only:
        return shown[:1]
    if named := [sheet for sheet in worksheets if sheet.title == only]:
        return named
    titles = "、".join(sheet.title for sheet in worksheets)
    raise SheetRefused(f"没有工作表“{only}”,现有:{titles}", f"There is no sheet {only}, but: {titles}")


def _zeros(workbook: Any, style: int) -> str | None:
    """The format of a style that shows numbers with leading zeros (000000)."""
    number_format = workbook._cell_styles[style].numFmtId - 164
    formats = workbook._number_formats
    form = formats[number_format] if 0 <= number_format < len(formats) else ""
    return form if _ZEROS.fullmatch(form) else None


def _with_zeros(value: Any, digits: int | None) -> Any:
    """A number that is shown with leading zeros keeps them."""
    if digits and isinstance(value, int | float) and not isinstance(value, bool):
        text = _text(value)
        return text.zfill(digits) if text else value
    return value


def _check_workbook(file: IO[bytes]) -> None:
    try:
        with open_sound(file, max_unpacked=_MAX_UNPACKED) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
    except UnsoundArchive as error:
        raise SheetRefused("不是可以安全打开的工作簿", f"This workbook can't be opened safely: {error}") from error
    if "xl/workbook.xml" not in sizes:
        raise SheetRefused("不是 XLSX 工作簿", "This is no XLSX workbook")
    if sizes.get("xl/sharedStrings.xml", 0) > _MAX_SHARED_STRINGS:
        raise SheetRefused("工作簿展开后过大,请拆分", "The workbook unpacks to too much: split it")
    file.seek(0)


def _csv_lines(path: Path) -> Iterator[SheetLine]:
    encoding, head = _encoding(path)
    begins = 1
    with path.open(encoding=encoding, newline="") as text:
        reader = csv.reader(text, _dialect(head), strict=True)
        try:
            for cells in reader:
                if line := _line(path.name, begins, cells):
                    yield line
                begins = reader.line_num + 1
        except csv.Error as error:
            raise SheetRefused(
                f"第 {begins} 行不是有效的 CSV(引号未闭合或单元格过大):{error}",
                f"Line {begins} is no valid CSV: {error}",
            ) from error


def _encoding(path: Path) -> tuple[str, str]:
    """In which encoding all of a file can be read, and how it begins; raises `SheetRefused`."""
    with path.open("rb") as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        head = ""
        try:
            with path.open(encoding=encoding, newline="") as text:
                while piece := text.read(_PIECE):
                    head = head or piece[:_SNIFFED]
                    if "\x00" in piece:
                        break
                else:
                    return encoding, head
        except UnicodeError:
            continue
    raise SheetRefused("文字编码无法识别,请另存为 CSV UTF-8", "The encoding is unknown: save the file as CSV UTF-8")


class _Comma(csv.Dialect):
    delimiter = ","
    quotechar = '"'
    doublequote = True
    lineterminator = "\r\n"
    quoting = csv.QUOTE_MINIMAL


class _Tab(_Comma):
    delimiter = "\t"


class _Semicolon(_Comma):
    delimiter = ";"


class _Bar(_Comma):
    delimiter = "|"


def _dialect(text: str) -> type[csv.Dialect]:
    """By the first line that has any of the delimiters: a title may stand above it."""
    dialects = (_Comma, _Tab, _Semicolon)
    for line in text.splitlines()[:10]:
        best = max(dialects, key=lambda dialect: line.count(dialect.delimiter))
        if best.delimiter in line:
            return best
    # A bar divides the parts of an entry too, so it counts only where nothing else does.
    return _Bar if "|" in text.partition("\n")[0] else _Comma


def _too_wide(number: int, at: int) -> SheetRefused:
    column = get_column_letter(at + 1)
    return SheetRefused(
        f"第 {number} 行到了 {column} 列,最多 {MAX_COLUMNS} 列",
        f"Line {number} reaches column {column}, {MAX_COLUMNS} at most",
    )


def _line(sheet: str, number: int, values: Sequence[Any], *, hidden: bool = False) -> SheetLine | None:
    last = next((at for at in range(len(values) - 1, -1, -1) if values[at] not in (None, "")), -1)
    if last < 0:
        return None
    if last >= MAX_COLUMNS:
        raise _too_wide(number, last)
    cells: list[str] = []
    faults: list[CellFault] = []
    for column, value in enumerate(values[: last + 1]):
        text = value.strip().replace("\r\n", "\n") if isinstance(value, str) else _text(value)
        doubtful = text is None or (text and (len(text) > MAX_CELL or text[0] in "=@+-" or not text.isprintable()))
        if doubtful and (mend := _fault(value, text)):
            faults.append(CellFault(column, *mend, "" if isinstance(value, _NoValue) else str(value)[:MAX_CELL]))
            text = ""
        cells.append(text or "")
    return SheetLine(sheet, number, tuple(cells), tuple(faults), hidden) if any(cells) or faults else None


def _text(value: Any) -> str | None:
    """A workbook's value in words; None for what can't be told for sure."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        # A workbook keeps 15 digits of a number: what is longer has lost its end.
        case int() if abs(value) < _EXACT_BELOW:
            return str(value)
        case float() if math.isfinite(value) and abs(value) < _EXACT_BELOW:
            return str(int(value)) if value.is_integer() else format(value, ".15g")
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return value.isoformat()
        case _:
            return None


def _fault(value: Any, text: str | None) -> tuple[str, str] | None:
    """How to mend a cell, in both languages; none when it may stay."""
    if isinstance(value, _NoValue):
        return (
            "公式没有算出的值,请在 Excel/WPS 中打开保存一次,或粘贴为数值",
            "This formula has no value: open and save the file in Excel or WPS, or paste the value instead",
        )
    if isinstance(value, int | float):
        return "长数字已被截断,请把该列设为文本后重填", "Digits were lost: format the column as text"
    if text is None or _FORMULA.match(text):
        return "不接受公式,请粘贴为数值", "No formulas: paste the value instead"
    if len(text) > MAX_CELL:
        return f"单元格过长,最多 {MAX_CELL} 字", f"{MAX_CELL} characters at most in a cell"
    try:
        check_visible(text)
    except Unreadable as error:
        return error.zh, error.en
    return None
