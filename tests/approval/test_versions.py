"""Two versions of a flow side by side: a running case ends on its own, a new one begins on the newest."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.approval.cases import Case
from services.approval.errors import NoSuchFlow
from services.approval.flows import EARLIER, Catalogue, CatalogueError
from shared.contracts.power import NodeFields
from tests.approval.test_cases import ANYBODY, MONDAY, VILLAGE
from tests.approval.test_flows import NAME, node, read_from, written
from tests.approval.test_flows import flow as entry

FIRST = entry(node(1), node(2))
SECOND = entry(node(1), node(2), node(3), version=2)


def both(folder: Path, earlier: dict[str, Any] = FIRST, file: str = "PR1.v1.yaml") -> Catalogue:
    """A catalogue whose flow has a version in force and an earlier one."""
    written(folder, SECOND)
    nodes = {each["code"]: NAME for each in SECOND["nodes"]}
    older = {each["code"]: NAME for each in FIRST["nodes"]}
    words = {"PR1": {1: NAME | {"nodes": older}, 2: NAME | {"nodes": nodes}}}
    (folder / "words" / "flows.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    (folder / EARLIER).mkdir()
    (folder / EARLIER / file).write_text(yaml.safe_dump(earlier), encoding="utf-8")
    return read_from(folder)


def walked(catalogue: Catalogue, case: Case) -> list[str]:
    """The nodes that a case goes through by the catalogue's word, as it is kept and found again between two steps."""
    seen = []
    while case.node:
        case = Case.from_state(case.to_state())
        of = catalogue.flow(case.flow, case.flow_version)
        seen.append(case.node or "")
        form = NodeFields(item="纸")
        case, event = case.complete(of, node=seen[-1], by=ANYBODY, fields=form, documents=(), now=MONDAY)
        assert event.flow_version == case.flow_version
    return seen


def opened(catalogue: Catalogue) -> Case:
    told: dict[str, Any] = {"case_id": "1", "case_no": "1", "title": "纸", "village_code": VILLAGE, "by": ANYBODY}
    return Case.open(catalogue.flow("PR1"), fields=NodeFields(item="纸"), now=MONDAY, **told)[0]


def test_a_running_case_ends_on_its_version_and_a_new_one_begins_on_the_next(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    running = opened(read_from(written(tmp_path / "before", FIRST)))
    catalogue = both(tmp_path)
    fresh = opened(catalogue)
    assert (running.flow_version, fresh.flow_version) == (1, 2)
    assert walked(catalogue, running) == ["PR1-01", "PR1-02"]
    assert walked(catalogue, fresh) == ["PR1-01", "PR1-02", "PR1-03"]
    assert [flow.version for flow in catalogue.flows.values()] == [2]


def test_a_version_that_was_thrown_away_is_missed(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFlow) as told:
        both(tmp_path).flow("PR1", 3)
    assert "PR1 的第 3 版" in told.value.detail_zh


@pytest.mark.parametrize(
    ("earlier", "file", "path"),
    [(FIRST, "PR1.yaml", "code"), (SECOND, "PR1.v2.yaml", "version"), (FIRST, "PR1.v2.yaml", "code")],
)
def test_an_earlier_version_lies_under_its_number(tmp_path: Path, earlier: Any, file: str, path: str) -> None:
    with pytest.raises(CatalogueError) as told:
        both(tmp_path, earlier, file)
    assert (told.value.file, told.value.path) == (file, path)
