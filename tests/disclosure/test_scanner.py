"""The scanner itself: it finds what is planted, in whatever form it comes, and passes over what is public."""

import gzip
import io
import zipfile

import pytest

from tests.disclosure.scanner import scan


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("identity", "证件 330421196805063412"),
        ("identity", "33042119680506341X,"),
        ("telephone", "电话13800138000"),
        ("telephone", "138-0013-8000"),
        ("account", "账号 6228480402564890018"),
        ("account", "6228 4804 0256 4890 018"),
    ],
)
def test_what_is_planted_is_found(kind: str, said: str) -> None:
    workbook, plain = io.BytesIO(), f'{{"title": "{said}"}}'.encode()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", f"<?xml version='1.0'?><t>{said}</t>")
    for body in (plain, gzip.compress(plain), workbook.getvalue(), f"<!doctype html><p>{said}</p>".encode()):
        assert kind in {finding.kind for finding in scan("/x", body)}


@pytest.mark.parametrize(
    "said",
    [
        "1c63a3b8-1386-4765-8e2b-138001380001",
        "sha256 " + "13800138000abcde" * 4,
        "330421107201-EN2-2025-0001",
        "2025-08-18T08:43:53+08:00",
        "6228.48,13800.50",
        "330421107000",
    ],
)
def test_what_is_public_is_passed_over(said: str) -> None:
    assert scan("/x", said.encode()) == []
