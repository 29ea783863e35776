"""A village's Atom feed, against the grammar of RFC 4287 and its rules beyond the grammar."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from services.disclosure.cases import Case
from services.disclosure.opendata import feed
from services.disclosure.opendata.publication import publication
from services.disclosure.policies.policy import Version
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from tests.disclosure import simulated
from tests.disclosure.samples import VILLAGE, bids_in, folded, opened, returned

ATOM = {"a": "http://www.w3.org/2005/Atom"}
URL = "https://open.example.cn"
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))


def fed(*cases: Case, policies: Sequence[Version] = ()) -> Any:
    return valid(feed.feed(Named.region(VILLAGE), cases, policies, URL, vocabulary(), publication()))


def valid(body: bytes) -> Any:
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


def policy(number: int, version: int = 1, **over: Any) -> Version:
    said: dict[str, Any] = dict.fromkeys(
        ("title_zh", "title_en", "benefit", "conditions", "applying", "papers"), f"补贴{version}"
    )
    said |= {"groups": ("elderly",), "valid_from": "2020-01-01", "office": "", "issuer": "", "document_no": ""}
    at = datetime(2026, 3, version, tzinfo=UTC)
    about = {"policy_id": UUID(int=number), "version": version, "region": VILLAGE, "written_at": at, "published_at": at}
    return Version.model_validate(about | {"content": said} | over)


def test_a_policy_is_one_entry_of_the_village_and_the_county_from_its_first_version_to_its_end() -> None:
    gone: dict[str, Any] = {"withdrawn_at": datetime(2026, 4, 1, tzinfo=UTC), "withdrawn_because": "上级文件已废止"}
    policies = [policy(1), policy(1, 2), policy(2, **gone), policy(3, published_at=None)]
    county = valid(feed.policy_feed(Named.region(VILLAGE), policies, URL, publication()))
    village = fed(folded(opened("c")), policies=policies)
    for document in (county, village):
        titles = document.xpath("a:entry[a:category/@term='policy']/a:title/text()", namespaces=ATOM)
        assert titles == ["撤销 Withdrawn: 补贴1", "补贴2"], "drafts are nobody's to read"
        assert document.xpath("string(a:updated)", namespaces=ATOM) == "2026-04-01T00:00:00+00:00"
    ids = [document.xpath("a:entry/a:id/text()", namespaces=ATOM)[-2:] for document in (county, village)]
    assert ids[0] == ids[1]


@given(st.text(max_size=60))
def test_any_title_makes_a_valid_feed(title: str) -> None:
    fed(folded(opened("c", title=title)))
