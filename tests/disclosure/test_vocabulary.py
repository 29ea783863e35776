"""Whatever approval can say has a public name, and papers are named exactly where they are public."""

from services.approval import flows
from services.disclosure.vocabulary import Flow, Name, vocabulary


def test_every_flow_and_node_has_its_name_in_its_order() -> None:
    catalogue, words = flows.load(), vocabulary()
    assert set(words.flows) == set(catalogue.flows)
    for flow in catalogue.flows.values():
        known = words.flow(flow.code, flow.version)
        assert (known.zh, known.en) == (flow.name.zh, flow.name.en)
        assert list(known.nodes) == [node.code for node in flow.nodes]
        assert [(name.zh, name.en) for name in known.nodes.values()] == [(n.name.zh, n.name.en) for n in flow.nodes]


def test_a_version_that_the_list_lacks_is_called_by_its_flow_and_has_no_nodes() -> None:
    assert vocabulary().flow("EN1", 99) == Flow("微型工程直接发包", "Micro works by direct award")
    assert vocabulary().flow("XX9", 1).nodes == {}


def test_every_role_and_every_matter_has_a_name() -> None:
    catalogue, words = flows.load(), vocabulary()
    assert {code: (role.zh, role.en) for code, role in catalogue.roles.items()} == {
        code: (name.zh, name.en) for code, name in words.roles.items()
    }
    assert set(words.matters) == {flow.matter for flow in catalogue.flows.values()}
    assert words.role("nobody") == Name("经办单位", "Office in charge")


def test_only_public_papers_are_named() -> None:
    catalogue = flows.load()
    assert set(vocabulary().documents) == {kind for kind, paper in catalogue.documents.items() if paper.public}
