"""What moved last in a village, and what policies there are, as Atom feeds (RFC 4287). Pure.

A case is one entry and so is a policy; whatever happens to it comes as a later `updated` of the same entry, which is
how Atom corrects.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.etree import ElementTree as Xml

from services.disclosure.cases import HIDDEN, Case
from services.disclosure.opendata.publication import Publication
from services.disclosure.policies.policy import Version
from services.disclosure.schemas import Named, card_values, node_named
from services.disclosure.vocabulary import Vocabulary

MEDIA_TYPE = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
_WITHDRAWN, _MOST_POLICIES = "撤销 Withdrawn", 50
_CORRECTIONS = dict.fromkeys(("returned", "withdrawn", "amended"), "更正 Correction")
# What XML can't say, not even escaped.
_UNSAYABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
Xml.register_namespace("", _ATOM)


def feed(
    village: Named, cases: Sequence[Case], policies: Iterable[Version], url: str, words: Vocabulary, terms: Publication
) -> bytes:
    """The feed of a village, the latest moved case first, then its policies; `url` is where this service answers."""
    told = _latest(policies)
    moved = max([*(case.updated_at for case in cases), *(moved for moved, _ in told)], default=HIDDEN)
    title = f"{village.zh} 村级权力公开 {village.en}: village power in public view"
    at = f"villages/{village.code}"
    root = _root(f"village {village.code}", title, moved, f"{url}/v1/{at}/feed.atom", f"{url}/{at}", terms)
    for case in cases:
        _entry(root, case, url, words)
    return _with_policies(root, told, url)


def policy_feed(county: Named, policies: Iterable[Version], url: str, terms: Publication) -> bytes:
    """The feed of all policies of the county, its towns and villages, the latest published or withdrawn first."""
    told = _latest(policies)
    title = f"{county.zh} 惠民政策 {county.en}: policies for you"
    moved = max((moved for moved, _ in told), default=HIDDEN)
    root = _root(f"policies {county.code}", title, moved, f"{url}/v1/policies/feed.atom", f"{url}/data", terms)
    return _with_policies(root, told, url)


def _root(name: str, title: str, moved: datetime, here: str, page: str, terms: Publication) -> Xml.Element:
    root = Xml.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "zh-CN"})
    _add(root, "id", _id(name))
    _add(root, "title", title)
    _add(root, "updated", _time(moved))
    _add(_add(root, "author"), "name", terms.publisher.zh)
    _add(root, "rights", f"{terms.licence.zh} {terms.licence.url}")
    _add(root, "link", rel="self", type=MEDIA_TYPE, href=here)
    _add(root, "link", rel="alternate", type="text/html", href=page)
    _add(root, "link", rel="license", href=terms.licence.url)
    return root


def _latest(policies: Iterable[Version]) -> list[tuple[datetime, Version]]:
    """The last published version of each policy with when it was published or withdrawn, the latest first."""
    last: dict[uuid.UUID, Version] = {}
    for each in policies:
        if each.published_at and (each.policy_id not in last or last[each.policy_id].version < each.version):
            last[each.policy_id] = each
    told = [(moved, each) for each in last.values() if (moved := each.withdrawn_at or each.published_at)]
    return sorted(told, key=lambda one: (one[0], one[1].policy_id), reverse=True)[:_MOST_POLICIES]


def _with_policies(root: Xml.Element, told: Iterable[tuple[datetime, Version]], url: str) -> bytes:
    for moved, version in told:
        _policy(root, version, moved, url)
    made: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _policy(root: Xml.Element, version: Version, moved: datetime, url: str) -> None:
    said, at = version.content, f"policies/{version.policy_id}"
    entry = _add(root, "entry")
    _add(entry, "id", _id(f"policy {version.policy_id}"))
    _add(entry, "title", f"{_WITHDRAWN}: {said.title_zh}" if version.withdrawn_at else said.title_zh)
    _add(entry, "updated", _time(moved))
    _add(entry, "category", term="policy", label="惠民政策 Policy")
    _add(entry, "link", rel="alternate", type="text/html", href=f"{url}/{at}")
    _add(entry, "link", rel="related", type="application/json", href=f"{url}/v1/{at}")
    _add(entry, "summary", version.withdrawn_because or said.benefit)


def _entry(root: Xml.Element, case: Case, url: str, words: Vocabulary) -> None:
    card = card_values(case, words)
    said = _said(case, words)
    correction = _CORRECTIONS.get(case.history[-1]["kind"])
    entry = _add(root, "entry")
    _add(entry, "id", _id(f"case {case.case_id}"))
    _add(entry, "title", f"{correction}: {card['title'].zh}" if correction else card["title"].zh)
    _add(entry, "updated", _time(case.updated_at))
    _add(entry, "published", _time(case.opened_at))
    _add(entry, "category", term=case.matter, label=f"{card['matter'].zh} {card['matter'].en}")
    _add(entry, "link", rel="alternate", type="text/html", href=f"{url}{card['links'].page}")
    _add(entry, "link", rel="related", type="application/json", href=f"{url}{card['links'].data}")
    _add(entry, "summary", f"{card['matter'].zh} · {case.case_no} · {said}")


def _said(case: Case, words: Vocabulary) -> str:
    """The last thing that happened, and where the case waits now."""
    last = case.history[-1]
    kind = words.kinds[last["kind"]]
    done = node_named(last["node"], case, words) if last.get("node") else None
    text = f"{kind.zh} {kind.en}" + (f": {done.zh} {done.en}" if done else "")
    if case.node:
        waits = node_named(case.node, case, words)
        text += f"; 现在办到 now at: {waits.zh} {waits.en}"
    return text


def _add(parent: Xml.Element, name: str, said: str | None = None, **attributes: str) -> Xml.Element:
    made = Xml.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    made.text = said and _UNSAYABLE.sub("", said)
    return made


def _id(name: str) -> str:
    """The same for good, wherever the service answers."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"yunjing {name}").urn


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
