"""Sheets as counties really keep them: each fault told by its place, nothing guessed, any order of columns alike."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from services.approval import flows
from services.approval.imports.columns import by_title, called, columns, targets
from services.approval.imports.files import rows_of
from services.approval.imports.mapping import Mapping, near
from services.approval.imports.records import Reading, RowFault
from services.approval.imports.rows import RowReader, read_records
from services.approval.imports.spelling import amount, day_or_time
from shared.cells import read_time
from shared.problems import InvalidInput
from shared.sheets import SheetRefused

TOWN, VILLAGE, OTHER = "330421103000", "330421103201", "330421104201"
SECRET = "identity-secret-of-the-tests"
MARCH = dt.datetime(2025, 3, 1, 1, 30, tzinfo=dt.UTC)


def read(path: Path, *, region: str = VILLAGE, mapping: Mapping | None = None) -> Reading:
    return read_records(rows_of(path, path.name, RowReader(flows.load(), SECRET, region, mapping or Mapping())))


def messy_workbook(path: Path) -> Path:
    """Titles, a unit above, a header of two lines, merged cells, full width, days in words, totals, hidden parts."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "PR1 小额采购"
    sheet.append(["2025 年小额采购台账"])
    sheet.append(["填报单位:云河村", "", "", "", "", "单位:万元"])
    sheet.append(["序号", "案件编号", "节点", "办理时间", "标题", "采购", "", "办理人身份证号"])
    sheet.append(["", "", "", "", "", "内容", "预算", ""])
    sheet.merge_cells("F3:G3")
    for column in "ABCDEH":
        sheet.merge_cells(f"{column}3:{column}4")
    sheet.append([1, "XT-1", "PR1-01", "2025年3月1日 上午9:30", "购纸", "纸", "0.12", ""])
    sheet.append([2, "XT-2", "1", 45717, "购笔", "笔", "1,2", "11010519491231002X"])
    sheet.append([3, "XT-3", "PR1-01", "20250301", "购墨", "墨", "一千二", "110105194912310021"])
    sheet.append([4, "XT-1", "PR1-01", "2025.3.1 9:30", "购纸", "纸", "0.12", ""])
    sheet.append([])
    sheet.append(["合计", "", "", "", "", "", 0.36])
    sheet.append(["制表人:李明"])
    hidden = book.create_sheet("草稿")
    hidden.append(["案件编号", "流程", "节点", "办理时间", "标题"])
    hidden.append(["XT-9", "PR1", "1", "2025-03-01", "不要"])
    hidden.sheet_state = "hidden"
    notes = book.create_sheet("说明")
    notes.append(["这是说明"])
    book.save(path)
    return path


def test_a_messy_workbook_tells_each_fault_and_reads_the_rest(tmp_path: Path) -> None:
    reading = read(messy_workbook(tmp_path / "台账.xlsx"))
    first, pen, again = reading.records
    assert first.occurred_at == MARCH == again.occurred_at
    assert first.fields.budget_fen == 120_000
    assert first.digest == again.digest
    assert pen.occurred_at == dt.datetime(2025, 2, 28, 16, tzinfo=dt.UTC)
    assert pen.fields.budget_fen == 12_000_000
    assert pen.actor_key
    assert [(fault.line, fault.column, fault.value) for fault in reading.faults] == [
        (7, "H 办理人身份证号", "11****************"),
        (7, "G 采购预算", "一千二"),
    ]
    told = [(notice.sheet, notice.line, notice.zh[:3]) for notice in reading.notices]
    assert told == [
        ("PR1 小额采购", 8, "与 P"),
        ("PR1 小额采购", 10, "合计行"),
        ("PR1 小额采购", 11, "表尾说"),
        ("说明", 1, "没有认"),
        ("草稿", 0, "隐藏的"),
    ]


HEADERS = ["案件编号", "流程", "节点", "办理时间", "标题", "事项", "预计金额(万元)", "备注"]
CELLS = ["XT-1", "PR1", "PR1-01", "2025-03-01 09:30", "购纸", "纸", "0.12", "x"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(HEADERS))), titles=st.integers(0, 3))
def test_any_order_of_columns_gives_the_same(order: list[int], titles: int, tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["台账"]] * titles)
    writer.writerow(HEADERS[at] for at in order)
    writer.writerow(CELLS[at] for at in order)
    path = tmp_path / "a.csv"
    path.write_bytes(out.getvalue().encode("gb18030"))
    (record,) = read(path).records
    assert record.occurred_at == MARCH
    assert record.fields.estimate_fen == 120_000
    assert record.fields.item == "纸"


@pytest.mark.parametrize(
    "text",
    [
        *("2025-03-01", "2025/3/1", "2025.3.1", "20250301", "2025年3月1日", "2025年3月1号", "45717", "45717.0"),
        *(
            "二〇二五年三月一日",
            "二○二五年三月一日",
            "2025年3月1日(星期六)",
            "2025-03-01 00:00:00",
            "2025年03月01日 0时",
        ),
    ],
)
def test_a_day_is_read_however_it_is_spelt(text: str) -> None:
    assert read_time(day_or_time(text)) == dt.datetime(2025, 2, 28, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        *(("2025-03-01 09:05", 9, 5), ("2025年3月1日下午3:20", 15, 20), ("2025年3月1日 15时20分", 15, 20)),
        *(("2025.3.1 15:20:30", 15, 20), ("45717.6388888889", 15, 20), ("2025-03-01T15:20:00+08:00", 15, 20)),
    ],
)
def test_a_time_of_day_is_read_too(text: str, hour: int, minute: int) -> None:
    moment = read_time(day_or_time(text)) + dt.timedelta(hours=8)
    assert (moment.day, moment.hour, moment.minute) == (1, hour, minute)


@given(st.dates(dt.date(1950, 1, 1), dt.date(2090, 1, 1)))
def test_excels_count_of_days_is_its_day(day: dt.date) -> None:
    assert day_or_time(str((day - dt.date(1899, 12, 30)).days)) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "unit", "read"),
    [
        *(
            ("1,234.5", "wan", "12345000.0"),
            ("3500元", "wan", "3500元"),
            ("3.5万", "wan", "3.5万"),
            ("12", "qian", "12000"),
        ),
        *(("12", "yuan", "12"), ("很多", "wan", "很多"), ("1250", "fen", "12.50")),
    ],
)
def test_an_amount_has_the_unit_of_its_column_unless_it_says_its_own(text: str, unit: str, read: str) -> None:
    assert amount(text, unit) == read  # type: ignore[arg-type]


def test_an_unknown_header_is_asked_and_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("案件编号,流程,节点,办理时间,标题,中标单位名称\nXT-1,PR1,1,2025-03-01,购纸,甲公司\n", "utf-8")
    with pytest.raises(SheetRefused, match="中标单位名称"):
        read(path)
    assert near("中标单位名称")[0] == "fields.supplier_name"
    rows = list(rows_of(path, path.name, RowReader(flows.load(), SECRET, VILLAGE)))
    assert [(row.column, row.header) for row in rows] == [("F 中标单位名称", True)]  # type: ignore[union-attr]
    mapped = Mapping(columns={"中标单位名称": "fields.supplier_name"})
    assert read(path, mapping=mapped).records[0].fields.supplier_name == "甲公司"
    assert read(path, mapping=Mapping(columns={"中标单位名称": "ignored"})).records


def test_a_mapping_gives_flow_node_units_and_words(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("项目编号,日期,工程名称,金额\nG-1,2025-03-01,修路,35\n", "utf-8")
    mapping = Mapping(flow="EN1", node="EN1-01", units={"金额": "wan"}, values={"fields.item": {"修路": "道路硬化"}})
    mapping.check(flows.load())
    (record,) = read(path, mapping=mapping).records
    assert (record.title, record.fields.item, record.fields.contract_fen) == ("道路硬化", "道路硬化", 35_000_000)
    with pytest.raises(InvalidInput) as wrong:
        Mapping(columns={"甲": "fields.nothing"}, flow="XX1", node="EN1-99").check(flows.load())
    assert [error.field for error in wrong.value.errors] == ["columns.甲", "flow", "node"]


def test_a_towns_sheet_names_its_villages(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    head = "村,案件编号,流程,节点,办理时间,标题\n"
    rows = [f"{village},XT-1,PR1,1,2025-03-01,购纸" for village in (VILLAGE, OTHER, "", "没有的村")]
    path.write_text(head + "\n".join(rows), "utf-8")
    reading = read(path, region=TOWN)
    assert [record.village for record in reading.records] == [VILLAGE]
    assert [(fault.line, fault.column) for fault in reading.faults] == [(3, "A 村"), (4, "A 村"), (5, "A 村")]


def test_ndjson_is_read_as_a_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    row = '{"case_no": "XT-1", "flow": "PR1", "node": 1, "occurred_at": "2025-03-01T09:30:00+08:00", "title": "购纸"'
    path.write_text(f'{row}}}\n\n{row}, "estimate": 1200.5}}\n{row}, "estimate": {{"a": 1}}}}\n', "utf-8")
    reading = read(path)
    assert [record.fields.estimate_fen for record in reading.records] == [None, 120_050]
    assert [(fault.line, fault.column) for fault in reading.faults] == [(4, "F estimate")]
    path.write_text("{not json\n", "utf-8")
    with pytest.raises(SheetRefused, match="Line 1"):
        read(path)


def test_every_target_has_names_and_every_usual_header_a_target() -> None:
    for target in targets():
        assert called(target).zh
        assert called(target).en
    for matter, usual in columns().usual.items():
        for title in usual:
            assert by_title(matter)[title]


def test_one_line_may_tell_a_whole_case(tmp_path: Path) -> None:
    path = tmp_path / "EN1 工程.csv"
    nodes = "EN1-01 办理时间,EN1-01 预算金额(万元),EN1-06 办理时间,EN1-06 经办人,EN1-06:合同金额,PR1-01 日期"
    head = f"项目编号,日期,工程名称,{nodes}\n"
    rows = [
        "G-1,2025-03-01,修路,2025.3.5,3.5,2025年4月1日,李明,34000,",
        "G-2,,修桥,2025-03-08,1,,,,",
        "G-3,,修灯,,,,,120,",
        "G-4,2025-03-01,修井,,,,,120,",
        "G-5,2025-03-01,修渠,,,,,,2025-03-02",
    ]
    path.write_text(head + "\n".join(rows), "utf-8")
    reading = read(path)
    told = [(row.case_no, row.node.code if row.node else "", f"{row.occurred_at:%m-%d}") for row in reading.records]
    assert told == [
        *(("G-1", "", "02-28"), ("G-1", "EN1-01", "03-04"), ("G-1", "EN1-06", "03-31")),
        *(("G-2", "", "03-07"), ("G-2", "EN1-01", "03-07")),
        *(("G-4", "", "02-28"), ("G-5", "", "02-28")),
    ]
    assert reading.records[1].fields.budget_fen == 3_500_000
    assert (reading.records[2].fields.contract_fen, reading.records[2].actor_name) == (3_400_000, "李明")
    assert [(fault.line, fault.column) for fault in reading.faults] == [
        (4, ""),
        (5, "F EN1-06 办理时间"),
        (6, "I PR1-01 日期"),
    ]
    Mapping(columns={"合同价": "EN1-06:fields.contract_fen"}).check(flows.load())
    with pytest.raises(InvalidInput):
        Mapping(columns={"合同价": "EN1-06:case_no"}).check(flows.load())


CELL = st.one_of(
    st.sampled_from(
        [
            "XT-1",
            "PR1",
            "1",
            "PR1-01",
            "2025年3月1日",
            "45717",
            "0001-01-01",
            "9999-12-31 23:59",
            "1.2万",
            "=1",
            "-",
            "合计",
        ]
    ),
    st.text(max_size=12),
    st.integers(-(10**20), 10**20).map(str),
    st.dates().map(str),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=5, max_size=len(HEADERS)), max_size=5), as_json=st.booleans())
def test_whatever_stands_in_a_sheet_is_a_row_or_a_fault(rows: list[list[str]], as_json: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    if as_json:
        path.write_text("\n".join(json.dumps(dict(zip(HEADERS, row, strict=False))) for row in rows), "utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADERS, *rows])
    try:
        made = list(rows_of(path, path.name, RowReader(flows.load(), SECRET, VILLAGE)))
    except SheetRefused:
        return
    for row in made:
        if isinstance(row, RowFault):
            assert row.zh
            assert row.en
        else:
            assert row.occurred_at.year >= 1980
