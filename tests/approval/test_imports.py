"""Sheets of existing records: read whatever they were saved as, and every bad cell named."""

import datetime as dt
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook

from services.approval import flows
from services.approval.cases import RoleHolder
from services.approval.imports import files
from services.approval.imports.files import rows_of
from services.approval.imports.plan import Known, Plan, plan
from services.approval.imports.records import Reading, Record
from services.approval.imports.rows import RowReader, read_records
from shared import sheets
from shared.sheets import SheetRefused

VILLAGE = "330421103201"
SECRET = "identity-secret-of-the-tests"
NOW = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
IMPORTER = RoleHolder("imports", "导入", frozenset())
HEADER = "案件编号,流程,节点,办理时间,标题,事项,事由,预计金额"
ROW = "XT-1,PR1,PR1-01,2025-03-03,购纸,纸,办公,1200"


def read(path: Path) -> Reading:
    return read_records(rows_of(path, path.name, RowReader(flows.load(), SECRET, VILLAGE)))


def csv_file(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8-sig") -> Path:
    path = folder / "台账.csv"
    path.write_bytes("\r\n".join((header, *rows)).encode(encoding))
    return path


def records(folder: Path, *rows: str) -> list[Record]:
    reading = read(csv_file(folder, *rows))
    assert not reading.faults
    return sorted(reading.records, key=lambda record: record.occurred_at)


def planned(rows: list[Record], known: Known | None = None) -> Plan:
    return plan(rows, known or Known(flows.load(), {}, frozenset(), {}), importer=IMPORTER, now=NOW)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_is_read_in_the_usual_encodings(tmp_path: Path, encoding: str) -> None:
    (record,) = read(csv_file(tmp_path, ROW, encoding=encoding)).records
    assert record.title == "购纸"
    assert record.fields.estimate_fen == 120000
    assert record.node is not None
    assert record.node.code == "PR1-01"


def test_a_workbook_is_read_by_its_values(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["2025 年台账"])
    sheet.append(HEADER.split(","))
    sheet.append(["XT-1", "PR1", 1, dt.datetime(2025, 3, 3, 9), "购纸", "纸", "办公", 1200.1 + 0.2])
    sheet.append([])
    sheet.append(["XT-2", "PR1", None, dt.date(2025, 3, 4), "购笔", "笔", "办公", "=1+1"])
    sheet.append([330421199001011234.0, "PR1", None, dt.date(2025, 3, 4), "购笔", "笔", "办公", 3])
    book.save(tmp_path / "a.xlsx")
    reading = read(tmp_path / "a.xlsx")
    (record,) = reading.records
    assert record.occurred_at == dt.datetime(2025, 3, 3, 1, tzinfo=dt.UTC)
    assert record.fields.estimate_fen == 120030
    assert [(fault.line, fault.column) for fault in reading.faults] == [(5, "H 预计金额"), (6, "A 案件编号")]
    assert "公式" in reading.faults[0].zh
    assert "截断" in reading.faults[1].zh


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", ".xlsx"),
        (b"PK\x03\x04 torn", "安全"),
        (b"\x81\x00\xff\xfe\x00", "编码"),
        ("案件编号,流程\n".encode(), "缺少列"),
        ("什么,都不是\n1,2\n".encode(), "表头"),
        ((HEADER + ",预计金额\n").encode(), "重复"),
        ((HEADER + ",签约甲方代表\n").encode(), "不认识"),
        ((HEADER + '\n"' + "x" * 100_000).encode(), "CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(SheetRefused) as refused:
        read(tmp_path / "bad.csv")
    assert words in refused.value.detail_zh
    assert refused.value.detail_en


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_MAX_UNPACKED", 500_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 1_000_000)
    (tmp_path / "bomb.xlsx").write_bytes(packed.getvalue())
    with pytest.raises(SheetRefused):
        read(tmp_path / "bomb.xlsx")


def test_a_torn_workbook_is_refused(tmp_path: Path) -> None:
    book = Workbook()
    book.save(tmp_path / "a.xlsx")
    whole = (tmp_path / "a.xlsx").read_bytes()
    for at in range(40, len(whole) - 400, 97):
        (tmp_path / "torn.xlsx").write_bytes(whole[:at] + b"\x00torn\x00" + whole[at + 6 :])
        with pytest.raises(SheetRefused):
            read(tmp_path / "torn.xlsx")


def test_too_many_lines_or_columns_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SheetRefused, match="column"):
        read(csv_file(tmp_path, ROW + "," * 500 + "x"))
    monkeypatch.setattr(files, "MOST_ROWS", 2)
    with pytest.raises(SheetRefused, match="lines"):
        read(csv_file(tmp_path, ROW, ROW, ROW))


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (ROW.replace("XT-1", "有 空格"), "A 案件编号"),
        (ROW.replace("PR1,", "PR9,"), "B 流程"),
        (ROW.replace("PR1-01", "PR1-77"), "C 节点"),
        (ROW.replace("2025-03-03", "昨天"), "D 办理时间"),
        (ROW.replace("购纸", ""), "E 标题"),
        (ROW.replace("1200", "12.345"), "H 预计金额"),
        (ROW.replace("办公", "=HYPERLINK(1)"), "G 事由"),
        (ROW.replace("办公", "\x07"), "G 事由"),
        (ROW.replace("办公", "办\u202e公"), "G 事由"),
        (ROW.replace("购纸", "购\u2066纸"), "E 标题"),
        (ROW.replace("办公", "长" * 20_001), "G 事由"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(tmp_path: Path, row: str, column: str) -> None:
    reading = read(csv_file(tmp_path, ROW, row))
    assert len(reading.records) == 1
    assert [(fault.line, fault.column) for fault in reading.faults] == [(3, column)]
    assert reading.faults[0].zh
    assert reading.faults[0].en


def test_lines_are_counted_through_cells_of_several_lines(tmp_path: Path) -> None:
    reading = read(csv_file(tmp_path, ROW.replace("办公", '"办\n公"'), ROW.replace("PR1,", "PR9,")))
    assert reading.faults[0].line == 4


def test_rows_open_a_case_and_record_its_nodes_in_any_order(tmp_path: Path) -> None:
    third = "XT-1,PR1,PR1-03,2025-03-05,购纸,,,"
    made = planned(records(tmp_path, ROW, third))
    (change,) = made.changes
    assert [event.TYPE for event in change.events] == [
        "case.opened.v1",
        "case.node_completed.v1",
        "case.node_completed.v1",
    ]
    assert [event.sequence for event in change.events] == [1, 2, 3]
    assert change.case.node == "PR1-04"
    assert change.imported


def test_the_same_row_twice_has_one_effect(tmp_path: Path) -> None:
    (record,) = records(tmp_path, ROW)
    made = planned([record, replace(record, line=9)])
    assert made.repeated == 1
    again = planned([record], Known(flows.load(), {}, frozenset({(VILLAGE, record.digest)}), {}))
    assert (again.repeated, again.changes) == (1, [])


def test_the_same_file_gives_the_same_events(tmp_path: Path) -> None:
    rows = records(tmp_path, ROW)
    assert planned(rows).changes[0].event_ids == planned(rows).changes[0].event_ids


def test_a_row_that_its_case_refuses_is_named_and_leaves_the_others(tmp_path: Path) -> None:
    rows = records(tmp_path, ROW, "XT-2,PR1,,2025-03-03,购笔,,,", "XT-1,EN1,,2025-03-04,购纸,纸,办公,1")
    made = planned(rows)
    assert [change.case.case_no for change in made.changes] == ["XT-1", "XT-2"]
    assert {(fault.line, fault.column) for fault in made.faults} == {(4, "")}


def test_a_row_too_large_to_be_published_is_named(tmp_path: Path) -> None:
    workers = ";".join(f"陈{'长' * 100}{number}|11010519491231002X|1|160" for number in range(140))
    whole = read(csv_file(tmp_path, f'{ROW},"{workers}"', header=HEADER + ",用工人员"))
    (record,) = whole.records
    many = replace(record, fields=record.fields.model_copy(update={"workers": record.fields.workers * 10}))
    made = planned([many, replace(record, case_no="XT-9", digest=b"9")])
    assert [change.case.case_no for change in made.changes] == ["XT-9"]
    ((line, column, zh),) = [(fault.line, fault.column, fault.zh) for fault in made.faults]
    assert (line, column) == (2, "用工人员")
    assert "过多" in zh


def test_papers_must_have_been_uploaded(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ROW + ",采购申请:申请.pdf", header=HEADER + ",材料")
    papers = flows.load().documents
    kind = next(kind for kind, paper in papers.items() if kind == "purchase_request")
    path.write_text(path.read_text("utf-8-sig").replace("采购申请:", f"{papers[kind].zh}:"), "utf-8")
    made = planned(read(path).records)
    assert "申请.pdf" in made.faults[0].zh
