"""Sheets as people send them: titles above, merged headers, zeros in front, other delimiters, and what is no sheet."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from shared.cells import read_list, read_parts, write_list, write_parts
from shared.headers import IGNORED, Expected, Header, below_headers, plain
from shared.sheets import SheetLine, SheetRefused, read_sheets

TITLES = {"编号": "id", "姓名": "name", "法人姓名": "legal_name", "法人电话": "legal_phone", "备注": IGNORED}
EXPECTED = Expected({plain(title): name for title, name in TITLES.items()}, key="id", needed={"name": "姓名"})


def lines(*rows: str, sheet: str = "表") -> Iterator[SheetLine]:
    return (SheetLine(sheet, at, tuple(row.split(","))) for at, row in enumerate(rows, 1))


def found(*rows: str) -> tuple[Header, list[tuple[str, ...]]]:
    below = list(below_headers(lines(*rows), EXPECTED))
    return below[0][0], [line.cells for _, line in below]


def test_a_header_stands_below_titles_and_notes() -> None:
    header, rows = found("某县名册", "填表人:张三,2026年", "编号,姓名 *,备注", "1,李四,无")
    assert header.columns == ("id", "name", IGNORED)
    assert rows == [("1", "李四", "无")]


def test_a_header_of_merged_cells_is_put_together() -> None:
    header, rows = found("名册", "编号,姓名,法人,", ",,姓名,电话", "1,甲公司,李四,138")
    assert header.columns == ("id", "name", "legal_name", "legal_phone")
    assert header.place(3) == "D 法人电话"
    assert rows == [("1", "甲公司", "李四", "138")]


def test_a_row_of_data_is_no_second_line_of_a_header() -> None:
    header, rows = found("编号,姓名", ",李四")
    assert header.titles == ("编号", "姓名")
    assert rows == [("", "李四")]


@pytest.mark.parametrize(
    ("header", "words"),
    [("编号,姓名,法人姓明", "是不是 法人姓名"), ("编号,姓名,姓名", "重复"), ("编号,备注", "缺少列")],
)
def test_a_header_that_cannot_be_meant_is_refused(header: str, words: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        found("名册", header, "1,李四,x")
    assert words in refused.value.detail_zh
    assert "Line 2" in refused.value.detail_en


def test_sheets_without_a_header_are_left_out() -> None:
    assert list(below_headers(iter([*lines("说明,怎么填"), *lines("无,关", sheet="二")]), EXPECTED)) == []


def workbook(folder: Path, *sheets: list[list[Any]]) -> Path:
    book = Workbook()
    del book["Sheet"]
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def test_one_sheet_is_read_when_one_is_asked_for(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["一"]], [["二"]])
    assert [[line.cells[0] for line in read_sheets(path, only=only)] for only in (None, "", "表2")] == [
        ["一", "二"],
        ["一"],
        ["二"],
    ]
    with pytest.raises(SheetRefused) as refused:
        list(read_sheets(path, only="表9"))
    assert "表1、表2" in refused.value.detail_zh


def test_zeros_shown_in_front_are_kept_and_long_numbers_refused(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([7, 13800000000, 330421199001011000, "007"])
    sheet.cell(1, 1).number_format = "00000"
    book.save(tmp_path / "a.xlsx")
    (line,) = read_sheets(tmp_path / "a.xlsx")
    assert line.cells == ("00007", "13800000000", "", "007")
    assert [(fault.column, fault.value) for fault in line.faults] == [(2, "3.30421199001011e+17")]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_delimiter_is_seen_below_a_title(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.csv").write_text(f'名册\n编号{delimiter}姓名\n1{delimiter}"甲\n乙,丙;丁"\n', "utf-8")
    read = list(read_sheets(tmp_path / "a.csv"))
    assert [line.cells for line in read[1:]] == [("编号", "姓名"), ("1", "甲\n乙,丙;丁")]


@pytest.mark.parametrize("content", [b"<html><table>", b"\xef\xbb\xbf<!DOCTYPE html>", b"%PDF-1.7", b"<?xml version"])
def test_pages_and_papers_are_no_sheets(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(SheetRefused):
        list(read_sheets(tmp_path / "a.xls"))


ITEMS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1)


@given(st.lists(ITEMS))
def test_a_list_in_a_cell_is_read_as_it_was_written(items: list[str]) -> None:
    assert read_list(write_list(items)) == tuple(items)


@given(st.lists(st.tuples(ITEMS, ITEMS | st.just(""), ITEMS)))
def test_entries_in_a_cell_are_read_as_they_were_written(entries: list[tuple[str, str, str]]) -> None:
    assert read_parts(write_parts(entries)) == tuple(entries)


@given(st.binary(max_size=400))
def test_whatever_comes_is_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    with contextlib.suppress(SheetRefused):
        for line in read_sheets(path):
            assert any(line.cells) or line.faults


def test_lists_may_be_divided_as_people_do() -> None:
    assert read_list("甲、乙,丙;丁;戊|己\n庚,") == ("甲", "乙", "丙", "丁", "戊", "己", "庚")
    assert read_parts("张三|1;李四|2|\n") == (("张三", "1"), ("李四", "2", ""))
