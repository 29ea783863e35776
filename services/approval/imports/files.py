"""A file of existing records as lines of text cells: XLSX, CSV or NDJSON, told apart by content."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from services.approval.imports.ocds import is_ocds, read_releases
from services.approval.imports.records import Record, RowFault
from services.approval.imports.rows import RowReader, read_rows
from shared.cells import visible
from shared.sheets import MAX_CELL, MAX_COLUMNS, MAX_FILE_BYTES, CellFault, SheetLine, SheetRefused, read_sheets

MOST_ROWS = 500_000
_HEAD_BYTES = 64 * 1024
_MARK = b"\xef\xbb\xbf"
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_NAME = re.compile(rb'\bname="([^"]*)"')
_HIDDEN = re.compile(rb'\bstate="(?:hidden|veryHidden)"')
_MOST_SHEETS_BYTES = 1024 * 1024


def is_json(path: Path) -> bool:
    """Whether a file holds JSON rather than a sheet."""
    with path.open("rb") as file:
        return file.read(256).removeprefix(_MARK).lstrip()[:1] in (b"{", b"[")


def lines_of(path: Path, name: str) -> Iterator[SheetLine]:
    """All lines of a file that was uploaded under this name, its header first; raises `SheetRefused`."""
    if is_json(path):
        yield from _json_lines(path, name)
        return
    for line in read_sheets(path, most=MOST_ROWS):
        # A CSV is one sheet, called as its file.
        yield replace(line, sheet=name) if line.sheet == path.name else line


def rows_of(path: Path, name: str, reader: RowReader) -> Iterator[Record | RowFault]:
    """All rows and faults of a file: a sheet, NDJSON or OCDS releases, told apart by content; raises `SheetRefused`."""
    if is_json(path) and is_ocds(_head(path)):
        yield from read_releases(path, name, reader)
    else:
        yield from read_rows(lines_of(path, name), reader)
        yield from left_out(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def left_out(path: Path) -> Iterator[RowFault]:
    """The sheets of a workbook that aren't shown, so not read."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            return
        with archive.open("xl/workbook.xml") as part:
            text = part.read(_MOST_SHEETS_BYTES)
    for sheet in _SHEET.findall(text):
        if _HIDDEN.search(sheet) and (named := _NAME.search(sheet)):
            yield RowFault(
                named[1].decode("utf-8", "replace"),
                0,
                "",
                "隐藏的工作表没有读取;要导入请取消隐藏",
                "A hidden sheet was left out: show it to have it imported",
                grave=False,
                header=True,
            )


def _json_lines(path: Path, name: str) -> Iterator[SheetLine]:
    """One object a line: its names are the header, put together of all lines."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise SheetRefused(
            f"文件不得超过 {MAX_FILE_BYTES // 1024 // 1024} MiB,请拆分", "The file is too large: split it"
        )
    columns: dict[str, None] = {}
    for number, row in _objects(path):
        if not all(visible(name) for name in row):
            raise SheetRefused(
                f"第 {number} 行的名称含有不可见的字符", f"Line {number} has a name with invisible characters"
            )
        columns |= dict.fromkeys(row)
        if len(columns) > MAX_COLUMNS or number > MOST_ROWS:
            raise SheetRefused(
                f"最多 {MOST_ROWS} 行、{MAX_COLUMNS} 列,请拆分", f"{MOST_ROWS} lines and {MAX_COLUMNS} columns at most"
            )
    yield SheetLine(name, 0, tuple(columns))
    for number, row in _objects(path):
        cells: list[str] = []
        faults: list[CellFault] = []
        for at, column in enumerate(columns):
            text = _text(row.get(column))
            if text is None or len(text) > MAX_CELL or not visible(text):
                zh, en = (
                    "应为可见的文字、数字、是否,或文字的列表",
                    "Visible text, a number, true, false or a list of texts",
                )
                faults.append(CellFault(at, zh, en))
                text = ""
            cells.append(text)
        yield SheetLine(name, number, tuple(cells), tuple(faults))


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(_MARK).strip()
            if text:
                try:
                    row = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    raise SheetRefused(
                        f"第 {number} 行不是 JSON(应每行一个对象)",
                        f"Line {number} is no JSON: one object a line is needed",
                    ) from error
                if not isinstance(row, dict):
                    raise SheetRefused(f"第 {number} 行不是 JSON 对象", f"Line {number} is no JSON object")
                yield number, row


def _text(value: Any) -> str | None:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case str():
            return value.strip()
        case int() | float():
            return str(value)
        case list() if all(isinstance(each, str) for each in value):
            return "、".join(value)
        case _:
            return None
