"""OCDS 1.1 of a simulated year: accepted by the public validator, merged by the public library into our own records."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocdsmerge import Merger

from services.disclosure.masking import masks
from services.disclosure.opendata import ocds
from services.disclosure.opendata.ocds import Json, Publisher
from services.disclosure.opendata.publication import publication
from services.disclosure.vocabulary import vocabulary
from tests.disclosure import cove, simulated
from tests.disclosure.samples import FIRM, award, bids_in, completed, folded, form, opened, withdrawn

URL = "https://open.example.cn"
PUBLISHER = Publisher(masks(), vocabulary(), publication(), URL)


@pytest.fixture(scope="module")
def releases() -> list[Json]:
    """All releases of the simulated year."""
    return [each for case, changes in processes() for each in PUBLISHER.releases(case, changes)]


@pytest.fixture(scope="module")
def records() -> list[Json]:
    """Its records."""
    found = (PUBLISHER.record(case, changes) for case, changes in processes())
    return [record for record in found if record]


def processes() -> Iterator[tuple[Any, Any]]:
    changes = simulated.changes()
    return ((case, changes.get(case.case_id, [])) for case in simulated.cases() if ocds.is_process(case))


def test_the_public_validator_accepts_the_releases_of_a_year(releases: list[Json], tmp_path: Path) -> None:
    assert len(releases) > 1000
    found = cove.review(PUBLISHER.release_package(f"{URL}/v1/ocds/releases", releases), tmp_path)
    assert (found["count"], found["version_used"]) == (len(releases), "1.1")
    assert found["extensions"]["is_extended_schema"], "the bids are checked as well"
    assert cove.complaints(found) == {}


def test_the_public_validator_accepts_the_records_of_a_year(records: list[Json], tmp_path: Path) -> None:
    found = cove.review(PUBLISHER.record_package(f"{URL}/v1/ocds/records", records), tmp_path)
    assert found["count"] == len(records) > 100
    assert cove.complaints(found) == {}


def test_the_public_validator_would_see_what_is_wrong(records: list[Json], tmp_path: Path) -> None:
    broken = json.loads(json.dumps(records[:1]))
    release = broken[0]["compiledRelease"]
    release["buyer"]["name"] = 7
    release["bids"] = {"details": [{"id": "1", "status": "dreamt", "value": {"amount": "much"}}]}
    release["nonsense"] = ""
    found = cove.review(PUBLISHER.record_package(f"{URL}/v1/ocds/records", broken), tmp_path)
    assert {"validation_errors", "all_additional_fields", "additional_checks"} <= set(cove.complaints(found))


def test_the_public_library_merges_the_releases_into_our_records(releases: list[Json], records: list[Json]) -> None:
    merger = Merger(_schema())
    for record in records:
        merged = merger.create_compiled_release([each for each in releases if each["ocid"] == record["ocid"]])
        assert _sorted(merged) == _sorted(record["compiledRelease"]), record["ocid"]


def test_a_year_has_all_that_ocds_can_tell(records: list[Json]) -> None:
    compiled = [record["compiledRelease"] for record in records]
    tags = {tag for record in records for release in record["releases"] for tag in release["tag"]}
    assert {
        *("planning", "planningUpdate", "tender", "tenderUpdate", "award", "contract", "contractAmendment"),
        *("implementation", "contractTermination"),
    } <= tags
    assert any(each["bids"]["details"] for each in compiled if "bids" in each)
    contracts = [contract for each in compiled for contract in each.get("contracts", ())]
    assert any(contract.get("amendments") for contract in contracts)
    assert any(contract.get("implementation", {}).get("transactions") for contract in contracts)
    awards = {award["id"] for each in compiled for award in each.get("awards", ())}
    assert {contract["awardID"] for contract in contracts} <= awards


def test_every_id_is_unique_and_every_reference_leads_to_a_party(releases: list[Json]) -> None:
    ids = [each["id"] for each in releases]
    assert len(ids) == len(set(ids))
    for release in releases:
        there = {party["id"] for party in release["parties"]}
        named = {each["id"] for key in ("payer", "payee", "procuringEntity") for each in _all(release, key)}
        named |= {each["id"] for key in ("suppliers", "tenderers") for some in _all(release, key) for each in some}
        assert named | {release["buyer"]["id"]} <= there


def test_times_have_their_offset(releases: list[Json]) -> None:
    for release in releases:
        for key in ("date", "dateSigned", "startDate", "endDate", "datePublished"):
            for value in _all(release, key):
                assert datetime.fromisoformat(value).utcoffset() is not None, value


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_amounts_are_exact_to_the_fen(fen: int) -> None:
    assert Decimal(json.dumps(ocds.yuan(fen))) == Decimal(fen).scaleb(-2)


def test_a_person_is_told_as_the_mask_shows_him_and_in_one_process_only() -> None:
    person = form(supplier_name="孙慕雪", award_fen=5)
    one, other = (
        PUBLISHER.releases(folded(opened(case), completed(case, 2, "EN1-04", "EN1-05", person)), [])[-1]
        for case in ("one", "other")
    )
    assert "孙慕雪" not in json.dumps([one, other], ensure_ascii=False)
    assert one["awards"][0]["suppliers"][0]["name"] == "孙**"
    assert one["awards"][0]["suppliers"][0]["id"] != other["awards"][0]["suppliers"][0]["id"]


def test_a_firm_is_the_same_in_all_processes() -> None:
    one, other = (PUBLISHER.releases(folded(opened(case), award(case, 2)), [])[-1] for case in ("one", "other"))
    assert one["awards"][0]["suppliers"] == other["awards"][0]["suppliers"]
    assert one["awards"][0]["suppliers"][0]["name"] == FIRM


def test_what_is_withdrawn_says_so() -> None:
    told = PUBLISHER.releases(folded(opened("c"), bids_in("c"), award("c"), withdrawn("c", 4)), [])
    assert told[-1]["tag"] == ["tenderCancellation", "awardCancellation"]
    assert (told[-1]["tender"]["status"], told[-1]["awards"][0]["status"]) == ("cancelled", "cancelled")
    early = PUBLISHER.releases(folded(opened("c"), withdrawn("c", 2)), [])
    assert early[-1]["tender"]["status"] == "cancelled"


def test_an_event_that_tells_nothing_new_is_no_release() -> None:
    silent = completed("c", 2, "EN1-02", "EN1-03", form(approved=True))
    assert [each["id"] for each in PUBLISHER.releases(folded(opened("c"), silent), [])] == ["c-1"]


def test_what_is_no_contracting_is_no_process() -> None:
    assert ocds.is_process(folded(opened("c")))
    for matter, flow in (("AS", "AS1"), ("RE", "RE1"), ("EN", "EN5")):
        assert not ocds.is_process(folded(opened("c", matter=matter, flow=flow)))


def test_every_purchase_and_works_has_a_method() -> None:
    flows = {code for code in vocabulary().flows if code[:2] in ocds.mapped().matters and code != "EN5"}
    assert set(ocds.mapped().methods) == flows
    assert set(ocds.mapped().papers) <= set(vocabulary().papers)


def test_the_prefix_is_said_to_be_a_placeholder() -> None:
    assert ocds.ocid("x", publication()) == "ocds-000000-x"
    assert ocds.case_id("ocds-000000-x", publication()) == "x"
    assert ocds.case_id("ocds-213czf-x", publication()) is None


def _all(value: Any, key: str) -> Iterator[Any]:
    """Every value of a key, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _all(each, key)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == key:
                yield each
            yield from _all(each, key)


def _sorted(value: Any) -> Any:
    """Without the order of lists, and without the merged release's own id, which is a convention."""
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def _schema() -> Json:
    schema = json.loads((cove.FOLDER / "schema" / "release-schema.json").read_text(encoding="utf-8"))
    extension = json.loads((cove.FOLDER / "bids" / "release-schema.json").read_text(encoding="utf-8"))
    patched: Json = _patched(schema, extension)
    return patched


def _patched(schema: Any, patch: Any) -> Any:
    if not isinstance(schema, dict) or not isinstance(patch, dict):
        return patch
    return schema | {name: _patched(schema.get(name), value) for name, value in patch.items()}
