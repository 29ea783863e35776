"""The scanner itself: it finds what is planted, in whatever form it comes, and passes over what is public."""

import gzip
import io
import zipfile

import pytest

from tests.privacy.scanner import scan
from tests.privacy.secrets import Secrets


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("identity", "证件 330421196805063412"),
        ("identity", "33042119680506341X,"),
        ("telephone", "电话13800138000"),
        ("telephone", "138-0013-8000"),
        ("account", "账号 6228480402564890018"),
        ("account", "6228 4804 0256 4890 018"),
        ("telephone", "座机 0573-84021234"),
        ("telephone", "１３８００１３８０００"),
        ("telephone", "\\u0031\\u0033800138000"),
        ("identity", "330421680506341"),
        ("mail", "li.hua@example.com"),
        ("plate", "车牌浙F·A1234"),
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
        "6228.48,13800.50,0.13800138000",
        "330421107000",
        "浙江F村 A1234",
        "2.5E+12345",
    ],
)
def test_what_is_public_is_passed_over(said: str) -> None:
    assert scan("/x", said.encode()) == []


def test_headers_are_looked_over_as_well() -> None:
    headers = {"content-disposition": "attachment; filename*=utf-8''%E7%8E%8B138%30%30138000.pdf"}
    assert {finding.kind for finding in scan("/x", b"", headers)} == {"telephone"}


def test_a_secret_is_found_wherever_it_stands_and_so_is_half_a_name() -> None:
    secrets = Secrets({"王鮀鯀": "name", "银杏新村3幢201室": "address"}, frozenset({"李鯉鯀"}))
    said = "查王鮀鯀及李鯉鯀,住银杏新村3幢201室,又名王鮀**"
    assert [finding.kind for finding in scan("/x", said.encode(), None, secrets)] == [
        "name",
        "address",
        "part of a name",
    ]
