"""A village's Atom feed, against the grammar of RFC 4287 and its rules beyond the grammar."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from services.disclosure.cases import Case
from services.disclosure.opendata import feed
from services.disclosure.opendata.publication import publication
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from tests.disclosure import simulated
from tests.disclosure.samples import VILLAGE, bids_in, folded, opened, returned

ATOM = {"a": "http://www.w3.org/2005/Atom"}
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))


def fed(*cases: Case) -> Any:
    body = feed.feed(Named.region(VILLAGE), cases, "https://open.example.cn", vocabulary(), publication())
    document = etree.fromstring(body)
    assert GRAMMAR.validate(document), GRAMMAR.error_log
    return document


def test_the_feed_of_a_year_is_valid() -> None:
    document = fed(*simulated.cases()[:200])
    ids = document.xpath("//a:id/text()", namespaces=ATOM)
    assert len(ids) == len(set(ids)) == 201
    assert document.xpath("a:link[@rel='self']/@href", namespaces=ATOM)
    assert document.xpath("a:author/a:name/text()", namespaces=ATOM)
    for entry in document.xpath("a:entry", namespaces=ATOM):
        assert entry.xpath("a:link[@rel='alternate']", namespaces=ATOM)
        assert entry.xpath("string(a:published)", namespaces=ATOM) <= entry.xpath("string(a:updated)", namespaces=ATOM)
    assert document.xpath("string(a:updated)", namespaces=ATOM) == max(
        document.xpath("a:entry/a:updated/text()", namespaces=ATOM)
    )


def test_a_village_without_cases_has_a_feed_as_well() -> None:
    assert fed().xpath("a:entry", namespaces=ATOM) == []


def test_the_grammar_would_see_what_is_wrong() -> None:
    document = fed(folded(opened("c")))
    for name in ("id", "title", "updated"):
        broken = etree.fromstring(etree.tostring(document))
        [found] = broken.xpath(f"a:entry/a:{name}", namespaces=ATOM)
        found.getparent().remove(found)
        assert not GRAMMAR.validate(broken), name


def test_a_correction_is_a_later_update_of_the_same_entry() -> None:
    before = fed(folded(opened("c"), bids_in("c")))
    after = fed(folded(opened("c"), bids_in("c"), returned("c", 3)))
    ids = [each.xpath("string(a:entry/a:id)", namespaces=ATOM) for each in (before, after)]
    assert ids[0] == ids[1]
    moments = [each.xpath("string(a:entry/a:updated)", namespaces=ATOM) for each in (before, after)]
    assert moments[0] < moments[1]
    titles = [each.xpath("string(a:entry/a:title)", namespaces=ATOM) for each in (before, after)]
    assert titles == ["机耕路修补", "更正 Correction: 机耕路修补"]


@given(st.text(max_size=60))
def test_any_title_makes_a_valid_feed(title: str) -> None:
    fed(folded(opened("c", title=title)))
