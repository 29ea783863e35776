"""The flat tables: described as they are filled, exact, and harmless in a spreadsheet."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure.cases import Case
from services.disclosure.masking import masks
from services.disclosure.opendata import contracting, policy_rows
from services.disclosure.opendata.tables import Row, Source, cells, is_open, sheet_cell, tables, text, yuan
from services.disclosure.policies.policy import Content, Version
from services.disclosure.vocabulary import vocabulary
from tests.disclosure import simulated
from tests.disclosure.samples import FIRM, award, bids_in, folded, opened

FORMULAS = "=+-@\t\r\n＝＋－＠"


def rows(case: Case, table: str) -> list[Row]:
    process = contracting.last(case, [], masks())
    return list(Source(case, process, vocabulary(), "https://open.example.cn").rows(table))


@pytest.mark.parametrize("table", ["cases", "bids", "awards", "contracts", "payments"])
def test_each_column_is_described_and_filled_in_a_year(table: str) -> None:
    described = [column.name for column in tables().by_name[table].columns]
    filled: set[str] = set()
    for case in filter(lambda case: is_open(case, masks()), simulated.cases()):
        for row in rows(case, table):
            assert set(row) == set(described)
            filled |= {name for name, cell in row.items() if cell is not None}
    assert filled | {"changes"} == set(described) | {"changes"}, "a column that is never filled is none"


def test_a_policy_fills_each_column_that_is_described() -> None:
    said = {name: "高龄津贴" for name in ("title_zh", "title_en", "benefit", "conditions", "applying", "papers")}
    more = {"groups": ["elderly"], "amount_fen": 10_050, "unit": "once", "flow": "RE1", "valid_from": "2026-01-01"}
    content = Content.model_validate(said | more | dict.fromkeys(("office", "issuer", "document_no"), "县民政局"))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    version = Version(policy_id=uuid4(), version=2, region="330421000000", content=content, written_at=at)
    row = policy_rows.row(version, "https://open.example.cn")
    table = tables().by_name["policies"]
    assert [text(cell) for cell in cells(table, row)][8] == "100.50"
    assert set(row) == {column.name for column in table.columns}


def test_every_column_has_its_words_in_both_languages() -> None:
    for table in tables().by_name.values():
        for column in table.columns:
            assert all((column.label.zh, column.label.en)), column.name


def test_a_bid_is_a_row_only_after_the_award() -> None:
    assert rows(folded(opened("c"), bids_in("c")), "bids") == []
    told = rows(folded(opened("c"), bids_in("c"), award("c")), "bids")
    assert next((row["bidder"], row["price"]) for row in told) == (FIRM, Decimal("38000.00"))


def test_relief_is_in_no_file() -> None:
    assert not is_open(folded(opened("c", matter="RE", flow="RE1")), masks())
    assert is_open(folded(opened("c")), masks())


@given(st.text())
def test_no_cell_begins_a_formula(said: str) -> None:
    for guarded in (text(said), str(sheet_cell(said))):
        assert not guarded.startswith(tuple(FORMULAS))
    line = io.StringIO()
    csv.writer(line).writerow([text(said)])
    [[read]] = csv.reader(io.StringIO(line.getvalue(), newline="")) if said else [[""]]
    assert read in (said, f"'{said}"), "nothing else is changed"


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_amounts_have_all_their_digits(fen: int) -> None:
    written = text(yuan(fen))
    assert Decimal(written) * 100 == fen
    assert written[-3] == "."


def test_times_have_their_offset_in_csv_and_are_of_beijing_in_a_workbook() -> None:
    at = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    assert text(at) == "2026-03-03T04:30:00+08:00"
    assert sheet_cell(at) == datetime(2026, 3, 3, 4, 30)
    assert text(date(2026, 3, 2)) == "2026-03-02"


def test_cells_are_in_the_order_of_the_columns() -> None:
    table = tables().by_name["cases"]
    [row] = rows(folded(opened("c")), "cases")
    assert cells(table, row)[:2] == ["c", row["case_no"]]
    assert all(one.name != other.name for one, other in pairwise(table.columns))
