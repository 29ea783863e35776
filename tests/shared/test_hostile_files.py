"""Files made to do harm: entities, bombs, sizes that lie, two kinds in one, formulas. A table, a paper, or refused."""

import contextlib
import io
import struct
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from shared.documents import DocumentTypeRefused, receive, safe_name
from shared.sheets import SheetRefused, read_sheets
from shared.shelves import Folder
from shared.web import file_answer

_SECRET = "SECRET-OF-THE-MACHINE"
_MOST_SECONDS = 5
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


def plain_workbook() -> dict[str, bytes]:
    """The parts of a sound workbook."""
    book, packed = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in (["编号", "姓名"], [1, "李四"], [2, "王五"]):
        sheet.append(row)
    book.save(packed)
    with zipfile.ZipFile(packed) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # As Excel keeps texts: beside the sheet.
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    told = f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>'
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", told.encode())
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts[STRINGS] = f'<?xml version="1.0"?><sst xmlns="{space}"><si><t>李四</t></si></sst>'.encode()
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", b'<row r="4"><c r="A4" t="s"><v>0</v></c></row></sheetData>')
    return parts


PARTS = plain_workbook()


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def read(folder: Path, content: bytes) -> list[tuple[str, ...]]:
    """The cells of a file; raises `SheetRefused`."""
    (folder / "a.xlsx").write_bytes(content)
    return [line.cells for line in read_sheets(folder / "a.xlsx")]


def with_entities(part: str, declared: str, used: str) -> bytes:
    """A workbook of which one part declares entities and uses one where a name stands."""
    text = PARTS[part].decode()
    head, _, body = text.partition("?>") if text.startswith("<?xml") else ("<?xml version='1.0'", "", text)
    root = body.strip()[1:].split(" ")[0].split(">")[0]
    changed = f"{head}?><!DOCTYPE {root} [{declared}]>{body.replace('李四', used).replace('Sheet', used, 1)}"
    return packed(PARTS | {part: changed.encode()})


@pytest.mark.parametrize("part", [SHEET, STRINGS, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_entities_are_never_followed(tmp_path: Path, part: str) -> None:
    (tmp_path / "secret").write_text(_SECRET)
    grown = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))
    declared = {
        "outside": f'<!ENTITY x SYSTEM "file://{tmp_path}/secret">',
        "by a parameter": f'<!ENTITY % p SYSTEM "file://{tmp_path}/secret"> %p; <!ENTITY x "y">',
        "growing": f'<!ENTITY b0 "laugh">{grown}<!ENTITY x "&b9;">',
    }
    for kind, entities in declared.items():
        started = time.monotonic()
        try:
            shown = str(read(tmp_path, with_entities(part, entities, "&x;")))
        except SheetRefused as refused:
            shown = refused.detail_zh
        assert _SECRET not in shown, kind
        assert len(shown) < 10_000, kind
        assert time.monotonic() - started < _MOST_SECONDS, kind


def test_a_part_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    content = bytearray(
        packed(PARTS | {SHEET: PARTS[SHEET].replace(b"</sheetData>", b" " * 3_000_000 + b"</sheetData>")})
    )
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        true_size = archive.getinfo(SHEET).file_size
    for at in (at for at in range(len(content) - 4) if content[at : at + 4] == struct.pack("<I", true_size)):
        content[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(SheetRefused):
        read(tmp_path, bytes(content))


@pytest.mark.parametrize("name", ["../../evil.sh", "/etc/cron.d/evil", "xl/../../evil", "C:\\evil.bat"])
async def test_names_within_a_container_lead_nowhere(tmp_path: Path, name: str) -> None:
    content = packed(PARTS | {name: b"evil"})
    assert read(tmp_path, content)[1] == ("1", "李四")
    await receive(Folder(tmp_path / "papers"), stream(content), name)
    there = files_in(tmp_path)
    assert len(there) == 2, there
    assert not any("evil" in path for path in there)


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\boot.ini", "a/b/c.pdf", "\x00.pdf", "x\r\nset-cookie: y.pdf"]
)
async def test_a_papers_own_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    stored = await receive(Folder(tmp_path), stream(b"%PDF-1.7 x"), name)
    assert not set(stored.name) & set("/\\\r\n\x00")
    assert Folder(tmp_path).place(stored.sha256).is_relative_to(tmp_path)


@given(st.text(max_size=300))
def test_no_name_at_all_is_a_path(name: str) -> None:
    kept = safe_name(name)
    assert not set(kept) & set("/\\\r\n\x00")
    assert len(kept) <= 200


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a/*<script>alert(1)</script>",
        b"<svg onload=alert(1)>",
        b"  %PDF-1.7",
        b"#!/bin/sh\n",
        b"PK\x05\x06" + b"\0" * 18,
        b"\x7fELF",
        packed({"[Content_Types].xml": b"", "xl/workbook.xml": b"", "xl/VbaProject.BIN": b"x"}),
    ],
)
async def test_other_kinds_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentTypeRefused):
        await receive(Folder(tmp_path), stream(content), "a.pdf")


async def test_two_kinds_in_one_are_one_kind_that_never_runs(tmp_path: Path) -> None:
    """A picture with a page behind it is kept as what it begins as, and goes out so that no browser runs it."""
    stored = await receive(Folder(tmp_path), stream(b"\xff\xd8\xff<html><script>alert(1)</script>"), "a.html")
    assert stored.media_type == "image/jpeg"
    answer = await file_answer(Folder(tmp_path), stored)  # nosniff comes with every answer
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd|'/c calc'!A1", "@SUM(A1)", "+cmd|x", "-2+3|x", '=HYPERLINK("http://x")']
)
def test_a_formula_is_a_fault_and_never_a_value(tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    (tmp_path / "a.csv").write_text(f'编号,姓名\n1,"{quoted}"\n', "utf-8")
    line = list(read_sheets(tmp_path / "a.csv"))[1]
    assert line.cells[1] == ""
    assert [fault.column for fault in line.faults] == [1]


@st.composite
def broken_workbooks(draw: st.DrawFn) -> bytes:
    """A workbook with some parts cut, spliced, swapped or left out, and sometimes its container too."""
    parts = dict(PARTS)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(PARTS)))
        content = parts.get(name, b"")
        at, end = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        match draw(st.sampled_from(["cut", "splice", "leave out", "number", "other"])):
            case "cut":
                parts[name] = content[:at] + content[end:]
            case "splice":
                parts[name] = content[:at] + draw(st.binary(max_size=40)) + content[at:]
            case "leave out":
                parts.pop(name, None)
            case "number":
                odd = draw(st.sampled_from([b'"-1"', b'"99999999999"', b'"NaN"', b'"A0"', b'"ZZZZ9"', b'""']))
                quotes = content.split(b'"')
                where = 2 * draw(st.integers(0, max(0, len(quotes) // 2 - 1))) + 1
                parts[name] = b'"'.join(quotes[:where]) + odd + b'"'.join(quotes[where + 1 :])
            case _:
                parts[name] = PARTS[draw(st.sampled_from(sorted(PARTS)))]
    whole = packed(parts)
    if draw(st.booleans()):
        at = draw(st.integers(4, len(whole)))
        whole = whole[:at] + draw(st.binary(max_size=8)) + whole[at + draw(st.integers(0, 8)) :]
    return whole


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken_workbooks())
def test_whatever_is_broken_is_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    started = time.monotonic()
    with contextlib.suppress(SheetRefused):
        for cells in read(tmp_path_factory.getbasetemp(), content):
            assert all(isinstance(cell, str) for cell in cells)
    assert time.monotonic() - started < _MOST_SECONDS


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def stream(content: bytes) -> AsyncIterator[bytes]:
    for piece in _pieces(content):
        yield piece


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + 1000] for at in range(0, len(content), 1000))
