"""The catalogue: complete as it stands, and strict about every fault an editor can make."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.approval.errors import NoSuchFlow, NoSuchNode
from services.approval.flows import Catalogue, CatalogueError, DocumentNeed, FormUse, Term, load
from shared.words import FOLDER, Name

NAME = {"zh": "名", "en": "name"}
WORDS: dict[str, Any] = {
    "roles": {"handler": {}, "village_head": {}, "lessee": {"outside": True}},
    "limits": {"petty": NAME | {"fen": 500000}},
}


def node(order: int, **changes: Any) -> dict[str, Any]:
    """A node of PR1 as it stands in the file."""
    return {"code": f"PR1-{order:02}", "role": "handler", "documents": [], "form": ["item"]} | changes


def flow(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The flow PR1 as it stands in the file."""
    about = {"code": "PR1", "key": "petty", "version": 1, "matter": "PR", "summary": NAME}
    return about | {"form": ["item"], "nodes": list(nodes) or [node(1)]} | changes


def written(folder: Path, *flows: dict[str, Any], words: dict[str, Any] = WORDS) -> Path:
    """A catalogue folder with these flows."""
    (folder / "vocabulary.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    (folder / "words").mkdir(exist_ok=True)
    for file in FOLDER.glob("*.yaml"):
        (folder / "words" / file.name).write_bytes(file.read_bytes())
    named = {each["code"]: {1: NAME | {"nodes": {n["code"]: NAME for n in each["nodes"]}}} for each in flows}
    (folder / "words" / "flows.yaml").write_text(yaml.safe_dump(named), encoding="utf-8")
    for each in flows:
        (folder / f"{each['code']}.yaml").write_text(yaml.safe_dump(each), encoding="utf-8")
    return folder


def read_from(folder: Path) -> Catalogue:
    """The catalogue of this folder, its flows called as the folder says."""
    return load(folder, folder / "words")


def test_the_catalogue_has_22_flows_and_202_nodes() -> None:
    flows = load().flows.values()
    assert len(flows) == 22
    assert sum(len(flow.nodes) for flow in flows) == 202
    assert {flow.code for flow in flows} == {
        *("PR1", "PR2", "PR3", "PR4"),
        *("EN1", "EN2", "EN3", "EN4", "EN5", "EN6"),
        *("AS1", "AS2", "AS3", "AS4"),
        *("LA1", "LA2", "LA3"),
        *("RE1", "RE2", "RE3"),
        *("SE1", "SE2"),
    }


def test_every_word_of_the_vocabulary_is_used() -> None:
    catalogue = load()
    nodes = [node for flow in catalogue.flows.values() for node in flow.nodes]
    assert {node.role for node in nodes} == set(catalogue.roles)
    assert {need.kind for node in nodes for need in node.documents} == set(catalogue.documents)
    assert {flow.matter for flow in catalogue.flows.values()} == set(catalogue.matters)


def test_every_node_asks_for_something_and_has_a_term() -> None:
    for flow in load().flows.values():
        for node in flow.nodes:
            assert node.form, node.code
            assert node.documents, node.code
            assert node.term, node.code


def test_every_payment_names_the_payee_and_his_account() -> None:
    nodes = [node for flow in load().flows.values() for node in flow.nodes if flow.matter in ("PR", "EN")]
    paying = [node for node in nodes if "payment_voucher" in node.required_documents]
    assert len(paying) == 9
    for node in paying:
        required = {use.name for use in node.form if use.required}
        assert {"payment_fen", "payee_name", "payee_account_key", "invoice_no"} <= required, node.code


def test_a_node_is_read_whole(tmp_path: Path) -> None:
    second = node(
        2,
        role="lessee",
        documents=["invoice", "(minutes)"],
        term={"days": 3, "unit": "working_day", "from": "PR1-01"},
        notice_days=5,
        must_publish=True,
        form=["notice_from", "(objections)"],
    )
    read = read_from(written(tmp_path, flow(node(1), second, at_or_above="petty"))).flow("PR1")
    assert read.at_or_above is not None
    assert read.at_or_above.fen == 500000
    assert read.first == read.node("PR1-01")
    assert read.after("PR1-01") == read.node("PR1-02")
    assert read.after("PR1-02") is None
    it = read.node("PR1-02")
    assert it.documents[0] == DocumentNeed("invoice", read_from(tmp_path).documents["invoice"], required=True)
    assert it.required_documents == ("invoice",)
    assert it.form == (FormUse("notice_from", True), FormUse("objections", False))
    assert it.term == Term(3, "working_day", "PR1-01")
    assert it.notice_days == 5
    assert it.must_publish
    assert not it.decision
    assert it.name == Name("名", "name")


def test_the_handler_files_for_roles_without_an_account(tmp_path: Path) -> None:
    read = read_from(written(tmp_path, flow(node(1, role="village_head"), node(2, role="lessee")))).flow("PR1")
    assert read.node("PR1-01").filers == {"village_head"}
    assert read.node("PR1-02").filers == {"lessee", "handler"}


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(NoSuchFlow, match="XX9"):
        load().flow("XX9")
    with pytest.raises(NoSuchNode, match="PR1-99"):
        load().flow("PR1").node("PR1-99")
    with pytest.raises(NoSuchNode):
        load().flow("PR1").after("EN1-01")


TERM = {"days": 1, "unit": "working_day"}


@pytest.mark.parametrize(
    ("faulty", "path", "what"),
    [
        (flow(node(1, form=["itme"])), "nodes.0.form", "itme is unknown"),
        (flow(form=["itme"]), "form", "itme is unknown"),
        (flow(node(1, form=["item", "(item)"])), "nodes.0.form", "item is given twice"),
        (flow(node(1, form=["Item!"])), "nodes.0.form.0", "pattern"),
        (flow(node(1, role="mayor")), "nodes.0.role", "mayor is unknown"),
        (flow(node(1, documents=["poem"])), "nodes.0.documents", "poem is unknown"),
        (flow(node(1, documents=["invoice", "invoice"])), "nodes.0.documents", "invoice is given twice"),
        (flow(matter="XX"), "matter", "XX is unknown"),
        (flow(matter="EN"), "matter", "does not fit the code PR1"),
        (flow(below="huge"), "below", "huge is unknown"),
        (flow(node(2)), "nodes.0.code", "PR1-02 stands where PR1-01 is due"),
        (flow(node(1), node(1)), "nodes.1.code", "PR1-01 stands where PR1-02 is due"),
        (flow(node(1, term=TERM | {"from": "PR1-07"})), "nodes.0.term.from", "PR1-07 is no earlier node"),
        (flow(node(1, term=TERM | {"from": "PR1-02"}), node(2)), "nodes.0.term.from", "PR1-02 is no earlier node"),
        (flow(node(1, term=TERM | {"days": 0})), "nodes.0.term.days", "greater than 0"),
        (flow(node(1, term=TERM | {"unit": "week"})), "nodes.0.term.unit", "working_day"),
        (flow(node(1, decision=True)), "nodes.0.form", "a decision must ask for approved"),
        (flow(node(1, notice_days=3)), "nodes.0.form", "a notice must ask for notice_from"),
        (flow(node(1, must_publsh=True)), "nodes.0.must_publsh", "Extra inputs"),
        (flow(name=NAME), "name", "Extra inputs"),
        (flow(version=2), "version", "PR1 version 2 has no name"),
        (flow(version="1"), "version", "integer"),
        (flow(nodes=[]), "nodes", "at least 1"),
    ],
)
def test_a_fault_is_told_with_file_path_and_what_is_wrong(
    tmp_path: Path, faulty: dict[str, Any], path: str, what: str
) -> None:
    with pytest.raises(CatalogueError) as told:
        read_from(written(tmp_path, faulty))
    assert (told.value.file, told.value.path) == ("PR1.yaml", path)
    assert what in told.value.what


def test_a_flow_stands_in_the_file_of_its_code(tmp_path: Path) -> None:
    written(tmp_path, flow())
    (tmp_path / "PR1.yaml").rename(tmp_path / "PR2.yaml")
    with pytest.raises(CatalogueError, match=r"PR2.yaml: code: PR1 must be in PR1.yaml"):
        read_from(tmp_path)


def test_two_flows_cannot_share_a_key(tmp_path: Path) -> None:
    other = flow(node(1, code="PR2-01"), code="PR2")
    with pytest.raises(CatalogueError, match=r"PR2.yaml: key: petty"):
        read_from(written(tmp_path, flow(), other))


def test_a_key_given_twice_is_a_fault(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "PR1.yaml").write_text("code: PR1\ncode: PR1\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match="code is given twice"):
        read_from(tmp_path)


def test_broken_yaml_and_a_missing_vocabulary_are_faults(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"vocabulary.yaml"):
        read_from(tmp_path)
    written(tmp_path)
    (tmp_path / "PR1.yaml").write_text("nodes: [", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"PR1.yaml"):
        read_from(tmp_path)


@pytest.mark.parametrize("roles", [{}, {"handler": {}, "mayor": {}}])
def test_the_vocabulary_needs_the_handler_and_only_roles_that_have_a_name(
    tmp_path: Path, roles: dict[str, Any]
) -> None:
    with pytest.raises(CatalogueError, match=r"vocabulary.yaml: roles"):
        read_from(written(tmp_path, words=WORDS | {"roles": roles}))


def test_every_node_is_named_and_in_the_same_order(tmp_path: Path) -> None:
    written(tmp_path, flow(node(1), node(2)))
    names: dict[str, Any] = {"PR1": {1: NAME | {"nodes": {"PR1-02": NAME, "PR1-01": NAME}}}}
    (tmp_path / "words" / "flows.yaml").write_text(yaml.safe_dump(names, sort_keys=False), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"PR1.yaml: nodes: .*in another order"):
        read_from(tmp_path)
    del names["PR1"][1]["nodes"]["PR1-02"]
    (tmp_path / "words" / "flows.yaml").write_text(yaml.safe_dump(names), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"PR1.yaml: nodes.1.code: PR1-02 has no name"):
        read_from(tmp_path)
