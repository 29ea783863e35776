"""Workbooks and CSV files as lines of text cells, whatever they were saved as. Pure but for reading the file.

What can't be read as a table is refused before any row is used.
"""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

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
_ZEROS = re.compile(r"0{2,}")
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
    """One line of a sheet, its cells as people would write them."""

    sheet: str
    line: int
    cells: tuple[str, ...]
    faults: tuple[CellFault, ...] = ()


def read_sheets(path: Path, *, only: str | None = None) -> Iterator[SheetLine]:
    """All lines that aren't empty, of an XLSX or CSV file told apart by content; raises `SheetRefused`.

    `only` names the one sheet of a workbook that is read, "" its first; without it all that aren't hidden are.
    """
    size = path.stat().st_size
    if size == 0:
        raise SheetRefused("文件是空的", "The file is empty")
    if size > MAX_FILE_BYTES:
        raise SheetRefused(
            f"文件不得超过 {MAX_FILE_BYTES // 1024 // 1024} MiB,请拆分", "The file is too large: split it"
        )
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            raise SheetRefused("请把 .xls 另存为 .xlsx", "Save the .xls file as .xlsx")
        if head.removeprefix(codecs.BOM_UTF8).lower().startswith(_NO_SHEET):
            raise SheetRefused("网页或 PDF 不是表格,请另存为 .xlsx", "A web page or PDF is no sheet: save it as .xlsx")
        lines = _workbook_lines(file, only) if head.startswith(b"PK") else _csv_lines(path.name, path.read_bytes())
        for number, line in enumerate(lines):
            if number > MAX_LINES:
                raise SheetRefused(f"最多 {MAX_LINES} 行,请拆分", f"{MAX_LINES} lines at most: split the file")
            yield line


def _workbook_lines(file: IO[bytes], only: str | None) -> Iterator[SheetLine]:
    _check_workbook(file)
    try:
        workbook = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        for sheet in _chosen(workbook.worksheets, only):
            # A sheet's stated size may be wrong; without it the rows themselves are counted.
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                if line := _line(sheet.title, number, [_value(cell) for cell in cells]):
                    yield line
    except SheetRefused:
        raise
    except Exception as error:
        # The parsers beneath raise whatever a broken part of the container leads them to.
        raise SheetRefused(f"工作簿已损坏:{error}", f"The workbook is broken: {error}") from error


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


def _value(cell: Any) -> Any:
    """A cell's value; a number that is shown with leading zeros (format 000000) keeps them."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and _ZEROS.fullmatch(cell.number_format):
        text = _text(value)
        return text.zfill(len(cell.number_format)) if text else value
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


def _csv_lines(name: str, raw: bytes) -> Iterator[SheetLine]:
    text = _decode(raw)
    reader = csv.reader(io.StringIO(text, newline=""), _dialect(text), strict=True)
    begins = 1
    try:
        for cells in reader:
            if line := _line(name, begins, cells):
                yield line
            begins = reader.line_num + 1
    except csv.Error as error:
        raise SheetRefused(
            f"第 {begins} 行不是有效的 CSV(引号未闭合或单元格过大):{error}", f"Line {begins} is no valid CSV: {error}"
        ) from error


def _decode(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as(raw, "utf-16")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise SheetRefused("文字编码无法识别,请另存为 CSV UTF-8", "The encoding is unknown: save the file as CSV UTF-8")


def _decode_as(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise SheetRefused("文字编码有误,请另存为 CSV UTF-8", "The encoding is broken: save it as CSV UTF-8") from error


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


def _dialect(text: str) -> type[csv.Dialect]:
    """By the first line that has any of the delimiters: a title may stand above it."""
    dialects = (_Comma, _Tab, _Semicolon)
    for line in text[:20_000].splitlines()[:10]:
        best = max(dialects, key=lambda dialect: line.count(dialect.delimiter))
        if best.delimiter in line:
            return best
    return _Comma


def _line(sheet: str, number: int, values: Sequence[Any]) -> SheetLine | None:
    last = next((at for at in range(len(values) - 1, -1, -1) if values[at] not in (None, "")), -1)
    if last < 0:
        return None
    if last >= MAX_COLUMNS:
        raise SheetRefused(
            f"第 {number} 行到了 {get_column_letter(last + 1)} 列,最多 {MAX_COLUMNS} 列",
            f"Line {number} reaches column {get_column_letter(last + 1)}, {MAX_COLUMNS} at most",
        )
    cells: list[str] = []
    faults: list[CellFault] = []
    for column, value in enumerate(values[: last + 1]):
        text = value.strip().replace("\r\n", "\n") if isinstance(value, str) else _text(value)
        doubtful = text is None or (text and (len(text) > MAX_CELL or text[0] in "=@+-" or not text.isprintable()))
        if doubtful and (mend := _fault(value, text)):
            faults.append(CellFault(column, *mend, str(value)[:MAX_CELL]))
            text = ""
        cells.append(text or "")
    return SheetLine(sheet, number, tuple(cells), tuple(faults)) if any(cells) or faults else None


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
