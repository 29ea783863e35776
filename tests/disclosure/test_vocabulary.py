"""Cases are told in the words of their flow's version, and papers are named exactly where their originals are open."""

from services.disclosure.vocabulary import vocabulary
from shared.words import Flow, Name, words


def test_a_version_that_the_list_lacks_is_called_by_its_flow_and_has_no_nodes() -> None:
    assert vocabulary().flow("EN1", 99) == Flow("微型工程直接发包", "Micro works by direct award")
    assert vocabulary().flow("XX9", 1).nodes == {}


def test_a_role_that_nobody_knows_is_an_office() -> None:
    assert vocabulary().role("nobody") == Name("经办单位", "Office in charge")


def test_only_open_papers_are_named() -> None:
    assert "contract" in vocabulary().papers
    assert "vote_record" in words().papers
    assert "vote_record" not in vocabulary().papers
