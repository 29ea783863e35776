"""Contracting data of OCDS become cases with their own dates; what disclosure publishes comes back as it was."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.approval import flows
from services.approval.cases import RoleHolder
from services.approval.imports.files import rows_of
from services.approval.imports.mapping import Mapping
from services.approval.imports.plan import Known, plan
from services.approval.imports.records import Reading
from services.approval.imports.rows import RowReader, read_records
from services.disclosure.masking import masks
from services.disclosure.opendata import ocds
from services.disclosure.opendata.ocds import Json, Publisher
from services.disclosure.opendata.publication import publication
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import CaseEvent
from shared.problems import Problem
from shared.sheets import SheetRefused
from tests.disclosure import simulated
from tests.disclosure.samples import folded

WORDS = {
    *("amount", "currency", "value", "details", "suppliers", "tenderers", "id", "name", "period", "startDate", "items"),
    *("durationInDays", "implementation", "transactions", "date", "budget", "quantity", "unit", "dateSigned", "status"),
}
KNOWN, IMPORTER = Known(flows.load(), {}, frozenset(), {}), RoleHolder("i", "导入", frozenset())
COUNTY = "330421000000"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
PUBLISHER = Publisher(masks(), vocabulary(), publication(), "https://open.example.cn")
# What a case that came from OCDS can't hold: papers, whose files aren't in it, and ids of its own.
_OWN = {"id", "ocid", "uri", "documents", "awardID", "source", "releaseID", "tag", "date"}


def read(folder: Path, releases: Sequence[Json], *, region: str = COUNTY, mapping: Mapping | None = None) -> Reading:
    path = folder / "releases.ndjson"
    path.write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in releases), "utf-8")
    return read_records(rows_of(path, path.name, RowReader(flows.load(), "secret", region, mapping or Mapping())))


def release(**changed: Any) -> Json:
    village = {"id": "CN-330421103201", "name": "地甸村"}
    tender = {
        "title": "购灯",
        "procurementMethod": "open",
        "mainProcurementCategory": "goods",
        "value": {"amount": 52_000.5, "currency": "CNY"},
    }
    return {
        "ocid": "ocds-1a2b3c-9",
        "id": "1",
        "date": "2024-05-06T10:00:00+08:00",
        "buyer": village,
        "tender": tender,
    } | changed


def told(record: Json) -> Json:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(each) for name, each in value.items() if name not in _OWN and bare(each) not in ({}, [])}
        return [bare(each) for each in value] if isinstance(value, list) else value

    compiled: Json = bare(record["compiledRelease"])
    return compiled


def published(events: Sequence[CaseEvent]) -> tuple[list[Json], Json]:
    releases, record = PUBLISHER.both(folded(*events), [])
    assert record
    return releases, record


def our_processes() -> list[list[CaseEvent]]:
    by_case: dict[str, list[CaseEvent]] = {}
    for event in simulated.events():
        by_case.setdefault(event.case_id, []).append(event)
    return [events for events in by_case.values() if ocds.is_process(folded(*events))]


def test_what_we_publish_comes_back_as_it_was(tmp_path: Path) -> None:
    same, seen = 0, 0
    parts: dict[str, list[int]] = {}
    for events in our_processes()[:50]:
        releases, before = published(events)
        reading = read(tmp_path, releases)
        if not any("tender" in each for each in releases):
            # Nothing tells so early which flow it will be.
            assert {fault.column for fault in reading.faults} == {"tender.procurementMethod"}
            continue
        assert not reading.faults
        rows = sorted(reading.records, key=lambda record: record.order)
        made = plan(rows, KNOWN, importer=IMPORTER, now=NOW)
        assert not made.faults
        (change,) = made.changes
        assert change.case.opened_at == events[0].occurred_at.replace(microsecond=0)
        assert change.case.village_code == events[0].village_code
        assert change.case.flow == events[0].flow
        _, after = published(change.events)
        one, other = told(before), told(after)
        for part in one:
            parts.setdefault(part, [0, 0])[one[part] == other.get(part)] += 1
        seen += 1
        same += one == other
    assert seen > 30
    assert same / seen > 0.95, parts


def test_a_release_of_elsewhere_becomes_a_case_with_its_own_date(tmp_path: Path) -> None:
    award = {
        "value": {"amount": 51_000, "currency": "CNY"},
        "suppliers": [{"id": "x", "name": "甲公司"}],
    }
    later = {"date": "2024-06-01T09:00:00+08:00", "id": "2", "awards": [award], "tender": {}}
    firm = {"id": "x", "name": "甲公司", "identifier": {"id": "91330421ma2journ01"}}
    reading = read(tmp_path, [release(), release(**later, parties=[firm])])
    told = [(row.node.code if row.node else "", row.occurred_at.isoformat()) for row in reading.records]
    assert told == [
        ("", "2024-05-06T02:00:00+00:00"),
        ("PR3-08", "2024-05-06T02:00:00+00:00"),
        ("PR3-09", "2024-06-01T01:00:00+00:00"),
    ]
    assert reading.records[1].fields.ceiling_price_fen == 5_200_050
    assert reading.records[2].fields.award_fen == 5_100_000
    assert reading.records[2].fields.supplier_id == "91330421MA2JOURN01"
    assert {row.village for row in reading.records} == {"330421103201"}
    again = read(tmp_path, [release(**later, parties=[firm]), release()])
    assert [row.digest for row in again.records] == [row.digest for row in reading.records]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"date": "last May"}, "date"),
        ({"ocid": None}, ""),
        ({"tender": {"procurementMethod": "barter"}}, "tender.procurementMethod"),
        ({"planning": {"budget": {"amount": {"amount": 1.234}}}}, "planning.budget.amount.amount"),
        ({"planning": {"budget": {"amount": {"amount": 1, "currency": "USD"}}}}, "planning.budget.amount.currency"),
        ({"buyer": {"id": "CN-110000000000", "name": "别处"}}, ""),
    ],
)
def test_a_bad_release_is_named_by_its_path(changed: Json, place: str, tmp_path: Path) -> None:
    reading = read(tmp_path, [release(), release(**{"id": "2", "ocid": "ocds-1a2b3c-10", **changed})])
    assert [(fault.line, fault.column) for fault in reading.faults] == [(2, place)]


def test_packages_and_lines_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text(json.dumps({"version": "1.1", "releases": [release()]}, indent=1), "utf-8")
    reader = RowReader(flows.load(), "secret", COUNTY)
    assert len(read_records(rows_of(path, path.name, reader)).records) == 2
    for text in ('{"records": [{"ocid": "x"}]}', '{"releases": []}', '{"ocid": "x"'):
        path.write_text(text, "utf-8")
        with pytest.raises(SheetRefused):
            read_records(rows_of(path, path.name, reader))


def test_a_flow_named_at_the_upload_holds(tmp_path: Path) -> None:
    reading = read(tmp_path, [release()], mapping=Mapping(flow="PR4"))
    assert {row.flow.code for row in reading.records} == {"PR4"}
    with pytest.raises(Problem):
        read(tmp_path, [release()], mapping=Mapping(flow="XX1"))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.just("2024-05-06"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(WORDS)), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    part=st.sampled_from(["planning", "tender", "bids", "awards", "contracts", "buyer", "parties", "date"]), value=ANY
)
def test_whatever_a_release_says_is_a_row_or_a_fault(part: str, value: Any, tmp_path: Path) -> None:
    reading = read(tmp_path, [release(), release(id="2", **{part: value})])
    assert reading.records or reading.faults
