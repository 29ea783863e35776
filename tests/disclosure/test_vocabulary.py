"""Whatever approval can say has a public name, and papers are named exactly where they are public."""

from services.approval import flows
from services.disclosure.vocabulary import vocabulary


def test_every_flow_and_node_has_its_name_in_its_order() -> None:
    catalogue, words = flows.load(), vocabulary()
    assert {flow.code for flow in catalogue.flows.values()} <= set(words.flows)
    for flow in catalogue.flows.values():
        assert words.keys[flow.key] == flow.code
        assert words.flow(flow.code).zh == flow.name.zh
        assert words.steps(flow.code) == tuple(node.code for node in flow.nodes)
        assert [words.node(node.code).zh for node in flow.nodes] == [node.name.zh for node in flow.nodes]


def test_every_role_has_an_office_and_every_matter_a_name() -> None:
    catalogue, words = flows.load(), vocabulary()
    assert set(words.offices) == set(catalogue.roles)
    assert set(words.matters) == {flow.matter for flow in catalogue.flows.values()}


def test_only_public_papers_are_named() -> None:
    catalogue = flows.load()
    assert set(vocabulary().documents) == {kind for kind, paper in catalogue.documents.items() if paper.public}
