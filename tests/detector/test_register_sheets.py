"""Sheets of registers: every field has its column, messy cells are read, bad ones named, records come back whole."""

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from services.detector.register_forms import Register, registers
from services.detector.register_sheets import csv_lines, csv_template, rows_of_sheet, xlsx_template
from services.detector.uploads import Reading, read_changes
from shared.cells import visible
from shared.contracts import reference
from shared.contracts.reference import DATASETS, Record
from shared.identity import account_key, person_key, phone_key
from shared.sheets import SheetRefused, read_sheets

SECRET = "identity-secret-of-the-tests"
ID_NO = "11010519491231002X"
VILLAGE = "330421107201"
STAFF = "记录编号,身份证号,姓名,职务,层级,是否在编,所在区划代码"
OFFICIAL = f"S1,{ID_NO},张三,村主任,村,是,{VILLAGE}"


def read(path: Path, dataset: str, sheet: str = "") -> Reading:
    register = registers()[dataset]
    return read_changes(register.model, rows_of_sheet(read_sheets(path, only=sheet), register), secret=SECRET)


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Reading]:
    def made(*lines: str, dataset: str = "staff", encoding: str = "utf-8") -> Reading:
        path = tmp_path / "名册.csv"
        path.write_bytes("\r\n".join(lines).encode(encoding))
        return read(path, dataset)

    return made


def only(reading: Reading) -> Any:
    assert reading.faults == []
    (change,) = reading.changes
    return change.record


def places(reading: Reading) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.column, fault.value) for fault in reading.faults]


def test_every_field_of_every_register_has_a_column_in_both_languages() -> None:
    assert set(registers()) == set(DATASETS)
    for dataset, model in DATASETS.items():
        columns = registers()[dataset].columns
        assert {column.field for column in columns} == {*model.model_fields, "deleted"}
        assert all(column.label.zh and column.label.en and column.form.zh and column.form.en for column in columns)
        assert all(column.example for column in columns)
        for names in (
            [c.label.zh for c in columns if c.kind != "fen"],
            [c.label.en for c in columns if c.kind != "fen"],
        ):
            assert len(set(names)) == len(names), f"{dataset}: two columns of one name"


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_template_filled_in_by_its_own_examples_is_taken(dataset: str, tmp_path: Path) -> None:
    register = registers()[dataset]
    fields = [column.field for column in register.template]
    row = [
        "" if column.name == "deleted" or fields.index(column.field) < at else column.example
        for at, column in enumerate(register.template)
    ]
    book = load_workbook(io.BytesIO(xlsx_template(register)))
    book.worksheets[0].append(row)
    book.save(tmp_path / "a.xlsx")
    assert isinstance(only(read(tmp_path / "a.xlsx", dataset)), register.model)
    assert len(list(book.worksheets[1].iter_rows())) == len(register.template) + 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_csv_is_read_however_it_was_saved(csv: Callable[..., Reading], encoding: str, delimiter: str) -> None:
    lines = (line.replace(",", delimiter) for line in ("2026 年名册", STAFF, "", OFFICIAL, ",,,,,,"))
    record = only(csv(*lines, encoding=encoding))
    assert (record.person_key, record.level, record.on_payroll) == (person_key(ID_NO, SECRET), "village", True)


def test_english_field_names_are_headers_too(csv: Callable[..., Reading]) -> None:
    header = "id,person_key,name,position,level,region_code,oversees,valid_to"
    record = only(csv(header, f"S1,{'0f' * 16},张三,村主任,village,{VILLAGE},{VILLAGE}|330421107202,2026/3/1"))
    assert record.person_key == "0f" * 16
    assert record.oversees == (VILLAGE, "330421107202")
    assert record.valid_to == dt.date(2026, 3, 1)


def test_a_workbook_is_read_below_merged_titles_by_its_values(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["某县企业名册"])
    sheet.merge_cells("A1:I1")
    sheet.append(
        ["统一社会信用代码", "企业名称", "法定代表人", None, "联系电话", "银行账号", "成立日期", "股东", "失效日期"]
    )
    sheet.append([None, None, "姓名", "身份证号"])
    sheet.merge_cells("C2:D2")
    shareholders = f"张三|{ID_NO}|60%;李四|{'3a' * 16}|0.4"
    named = ["91330421MA0000001X", "嘉善(示例)公司", "张三", ID_NO.replace("X", "x")]
    told = [13800000000, "6222-0000 1111", dt.datetime(2020, 3, 1), shareholders, "2027年1月1日"]
    sheet.append([*named, *told])
    book.save(tmp_path / "a.xlsx")
    record = only(read(tmp_path / "a.xlsx", "companies"))
    assert record.legal_person_key == record.shareholders[0].person_key == person_key(ID_NO, SECRET)
    assert [holder.share for holder in record.shareholders] == [0.6, 0.4]
    assert record.shareholders[1].person_key == "3a" * 16
    assert record.phone_keys == (phone_key("13800000000", SECRET),)
    assert record.account_keys == (account_key("622200001111", SECRET),)
    assert (record.registered_on, record.valid_to) == (dt.date(2020, 3, 1), dt.date(2027, 1, 1))


def test_full_width_digits_and_leading_zeros_are_meant(csv: Callable[..., Reading]) -> None:
    folded = OFFICIAL.replace("S1", "007").replace(VILLAGE, "330421107201")
    record = only(csv(STAFF, folded.replace(ID_NO, "11010519491231002X")))
    assert (record.id, record.region_code, record.person_key) == ("007", VILLAGE, person_key(ID_NO, SECRET))


def test_the_unit_of_an_amount_stands_in_its_header(csv: Callable[..., Reading]) -> None:
    row = f"B1,{VILLAGE},办公费,"
    for header, amount in (("预算金额(元)", '"1,234.50"'), ("预算金额", "1234.5"), ("amount_fen", "123450")):
        record = only(csv(f"记录编号,村区划代码,预算科目,{header}", row + amount, dataset="budgets"))
        assert record.amount_fen == 123450
    both = csv("记录编号,村区划代码,预算科目,预算金额,amount_fen", row + "1,100", dataset="budgets")
    assert [fault.column for fault in both.faults] == ["E amount_fen"]


@pytest.mark.parametrize(
    ("wrong", "column", "value"),
    [
        (OFFICIAL.replace(ID_NO, "110105194912310021"), "B 身份证号", "***************021"),
        (OFFICIAL.replace(ID_NO, "1.10105E+17"), "B 身份证号", "*.******+17"),
        (OFFICIAL.replace(",村,", ",乡,"), "E 层级", "乡"),
        (OFFICIAL.replace("是", "也许"), "F 是否在编", "也许"),
        (OFFICIAL.replace(VILLAGE, "33042110720"), "G 所在区划代码", "********720"),
        (OFFICIAL.replace("张三", '"=HYPERLINK(""http://x"")"'), "C 姓名", '=HYPERLINK("http://x")'),
        (OFFICIAL.replace("张三", "张\u202e三"), "C 姓名", "张\u202e三"),
        (OFFICIAL.replace("张三", ""), "C 姓名", ""),
        (OFFICIAL.replace("S1", ID_NO), "A 记录编号", "***************02X"),
        (OFFICIAL, "A 记录编号", "S1"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_header_and_told_masked(
    csv: Callable[..., Reading], wrong: str, column: str, value: str
) -> None:
    reading = csv("村干部名册", STAFF, OFFICIAL, "", wrong)
    assert places(reading) == [(5, column, value)]
    assert [change.id for change in reading.changes] == ["S1"]
    (fault,) = reading.faults
    assert fault.place == f"名册.csv 第 5 行 {column}"
    assert fault.zh
    assert fault.en
    assert ID_NO not in repr(reading.faults)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'; DROP TABLE facts; --", "{{7*7}}", "-1+2"])
def test_markup_and_sql_are_only_text(csv: Callable[..., Reading], text: str) -> None:
    assert only(csv(STAFF, OFFICIAL.replace("张三", text))).name == text


def test_rows_that_delete_need_no_more_than_an_id(csv: Callable[..., Reading]) -> None:
    reading = csv("记录编号,删除", "S1,是", "S2,", "S3,y")
    assert [(change.id, change.record) for change in reading.changes] == [("S1", None), ("S3", None)]
    assert {fault.line for fault in reading.faults} == {3}


def test_of_a_person_or_a_company_one_is_given(csv: Callable[..., Reading]) -> None:
    header = "记录编号,账号,户主身份证号,户主统一社会信用代码,户名"
    for held, key in ((f"{ID_NO},", person_key(ID_NO, SECRET)), (",91330421ma0000001x", "91330421MA0000001X")):
        assert only(csv(header, f"A1,622200001111,{held},张三", dataset="bank_accounts")).holder_key == key
    for held in (",", f"{ID_NO},91330421MA0000001X"):
        reading = csv(header, f"A1,622200001111,{held},张三", dataset="bank_accounts")
        assert [fault.column for fault in reading.faults] == ["D 户主统一社会信用代码"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["记录编号,身份证号,姓名"], "表头"),
        (["记录编号,身份证号", "S1,2"], "缺少列"),
        ([STAFF + ",身高", OFFICIAL + ",180"], "不认识列 身高"),
        ([STAFF + ",姓名", OFFICIAL + ",张三"], "重复"),
        (["你好"], "表头"),
        ([""], "空"),
    ],
)
def test_what_is_no_sheet_of_the_register_is_refused(csv: Callable[..., Reading], lines: list[str], words: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        csv(*lines)
    assert words in refused.value.detail_zh
    assert refused.value.detail_en


def test_nothing_that_is_written_begins_a_formula() -> None:
    register = registers()["hazards"]
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"):
        written = csv_lines(register, [reference.Hazard(id=text, region_code=VILLAGE, kind=text, note=text)])
        assert not [cell for cell in written.split(",") if cell.lstrip('"').startswith(("=", "+", "-", "@", "\t"))]


# --- whatever a record holds comes back ------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=("C", "Z", "M")), min_size=1, max_size=12).filter(
    lambda text: text.isprintable() and visible(text)
)
CODES = st.text("0123456789ABCxyz-", min_size=1, max_size=12)
KEYS = st.text("0123456789abcdef", min_size=32, max_size=32)
REGIONS = st.from_regex(r"[0-9]{12}", fullmatch=True)
CREDIT_CODES = st.from_regex(r"9[0-9A-Z]{17}", fullmatch=True)
FEN = st.integers(-(10**14), 10**14)
SHARES = st.integers(0, 10**6).map(lambda millionths: millionths / 10**6)
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))
TIMES = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "code": CODES,
    "credit_code": CREDIT_CODES,
    "id_no": KEYS,
    "account_no": KEYS,
    "id_nos": st.lists(KEYS, max_size=3),
    "account_nos": st.lists(KEYS, max_size=3),
    "phones": st.lists(KEYS, max_size=3),
    "region": REGIONS,
    "regions": st.lists(REGIONS, max_size=3),
    "texts": st.lists(TEXTS, max_size=3),
    "date": DAYS,
    "time": TIMES,
    "money": FEN,
    "number": st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000),
    "integer": st.integers(0, 10**6),
    "share": SHARES,
    "yes_no": st.booleans(),
}


def values_of(column: Any) -> st.SearchStrategy[Any]:
    if column.kind == "choice":
        return st.sampled_from(sorted(column.choices))
    if column.kind == "rows":
        entry = st.fixed_dictionaries({part.field: values_of(part) for part in column.parts})
        return st.lists(entry, min_size=1, max_size=3)
    return BY_KIND[column.kind]


def records_of(register: Register) -> st.SearchStrategy[Record]:
    columns = [column for column in register.template if column.name != "deleted"]
    needed: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for column in columns:
        into = needed if column.required else optional
        values = values_of(column)
        into[column.field] = into[column.field] | values if column.field in into else values
    return st.fixed_dictionaries(needed, optional=optional).map(register.model.model_validate)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_record_comes_back_through_the_templates_columns(dataset: str, tmp_path: Path) -> None:
    register = registers()[dataset]

    @settings(max_examples=15, deadline=None)
    @given(st.lists(records_of(register), min_size=1, max_size=5, unique_by=lambda record: record.id))
    def comes_back(records: list[Record]) -> None:
        path = tmp_path / "export.csv"
        path.write_bytes(csv_template(register) + csv_lines(register, records).encode())
        reading = read(path, dataset)
        assert reading.faults == []
        assert [change.record for change in reading.changes] == records

    comes_back()
