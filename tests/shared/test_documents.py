"""Papers by content: named by digest, refused when they aren't what they say or would burst."""

import hashlib
import io
import struct
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import documents
from shared.archives import UnsoundArchive, open_sound
from shared.documents import (
    XLSX,
    DocumentEmpty,
    DocumentTooLarge,
    DocumentTypeRefused,
    receive,
    safe_name,
)
from shared.shelves import Folder

PDF = b"%PDF-1.7\n"


async def stream(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 5):
        yield content[start : start + 5]


def office(*entries: str, content: bytes = b"<x/>") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in ("[Content_Types].xml", *entries):
            archive.writestr(entry, content)
    return packed.getvalue()


async def test_a_paper_lies_under_its_digest(tmp_path: Path) -> None:
    stored = await receive(Folder(tmp_path), stream(PDF), "../..\\会议\x00纪要.pdf")
    assert stored.sha256 == hashlib.sha256(PDF).hexdigest()
    assert stored.name == "会议纪要.pdf"
    assert stored.media_type == "application/pdf"
    assert Folder(tmp_path).place(stored.sha256).read_bytes() == PDF
    assert not list((tmp_path / ".incoming").iterdir())


async def test_the_same_paper_twice_is_one_file(tmp_path: Path) -> None:
    first, second = [await receive(Folder(tmp_path), stream(PDF), name) for name in ("a.pdf", "b.pdf")]
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("content", [b"MZ", b"<html>", b"PK\x03\x04 torn", office("xl/other.xml")])
async def test_other_kinds_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentTypeRefused):
        await receive(Folder(tmp_path), stream(content), "x")


async def test_a_workbook_is_taken_but_not_with_macros(tmp_path: Path) -> None:
    assert (await receive(Folder(tmp_path), stream(office("xl/workbook.xml")), "x.xlsx")).media_type == XLSX
    with pytest.raises(DocumentTypeRefused):
        await receive(Folder(tmp_path), stream(office("xl/workbook.xml", "xl/vbaProject.bin")), "x.xlsx")


async def test_content_must_be_what_was_declared(tmp_path: Path) -> None:
    with pytest.raises(DocumentTypeRefused) as refused:
        await receive(Folder(tmp_path), stream(PDF), "x.png", "image/png")
    assert "image/png" in refused.value.detail_zh


async def test_size_is_limited_while_streaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 20)
    with pytest.raises(DocumentTooLarge):
        await receive(Folder(tmp_path), stream(PDF + b" " * 20), "x")
    with pytest.raises(DocumentEmpty):
        await receive(Folder(tmp_path), stream(b""), "x")
    assert not list((tmp_path / ".incoming").iterdir())


def test_an_archive_that_unpacks_to_too_much_is_unsound() -> None:
    bomb = office("xl/workbook.xml", content=b"0" * 1_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(UnsoundArchive):
        open_sound(io.BytesIO(bomb), max_unpacked=1_500_000)


def test_an_archive_of_very_many_entries_is_unsound_before_they_are_read() -> None:
    claim = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 60_000, 60_000, 3_000_000, 0, 0)
    with pytest.raises(UnsoundArchive):
        open_sound(io.BytesIO(b"PK\x03\x04" + claim))


def test_names_have_no_folders_and_an_end() -> None:
    assert safe_name("/etc/passwd") == "passwd"
    assert len(safe_name("长" * 500)) == 200
