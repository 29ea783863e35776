"""Visits every public end point with all that the data names: villages, cases, papers, policies, files, heads, leaves.

It follows every link, and puts each village, case, process, policy and paper that it learns of into every end point
that asks for one. Of what is drawn the same way many times over (a PDF, a list by other filters) it takes a bounded
number, spread evenly; the report says how many of how many.
"""

import asyncio
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.privacy.routes import Route, public_routes, route_of
from tests.privacy.scanner import Finding

Look = Callable[[str, bytes, Mapping[str, str]], list[Finding]]
_AT_ONCE = 12
_LINK = re.compile(r"""(?:href|src)=["']?([^"'\s>]+)|"((?:https?:/)?/[^"\s]*)\"""")
_NAMED = re.compile(r'"(ocid|sha256|index|size|case_id|policy_id)":\s?"?([\w.:-]+)')
_NEXT = re.compile(r'<([^>]+)>; rel="next"')
_CASE, _LISTS = "/v1/cases/{key}", ("workers", "bids")
_LOG, _PLACES = "/v1/papers/log", ("index", "size")
_GOES_ON = re.compile(r"[?&](?:after|version|start|offset)=")
# Drawn or worked out the same way many times over.
_ALIKE = (
    ".pdf",
    "/qr.png",
    "/qr.svg",
    "/sign.svg",
    "/log/leaves/{index}",
    "/log/leaves/{index}/proof",
    "/heads/{size}",
)
# What an end point says of what isn't there, or of what must be named in its query, is public as well.
_ANSWERS = (200, 303, 307, 404, 422)


@dataclass
class Visits:
    """What was seen of one end point."""

    known: int = 0
    made: int = 0
    good: int = 0
    bytes: int = 0


@dataclass
class Crawl:
    """The visits of each end point, and what was found."""

    visits: dict[str, Visits] = field(default_factory=lambda: defaultdict(Visits))
    findings: list[Finding] = field(default_factory=list)

    @property
    def unvisited(self) -> list[str]:
        """End points of which no answer was ever seen: nobody knows what they let out."""
        return [path for path, seen in self.visits.items() if not seen.good]


class Crawler:
    """A visitor of a service. He looks at `bounded` answers of an end point that draws them alike, and at `most`
    of any other; at all of them when that is none. What `leave_out` matches is none of his business.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        own_url: str,
        look: Look,
        *,
        bounded: int = 200,
        most: int | None = None,
        leave_out: re.Pattern[str] | None = None,
    ) -> None:
        self._http = http
        self._own_url = own_url
        self._look = look
        self._bounded = bounded
        self._most = most
        self._leave_out = leave_out
        self._routes = public_routes()
        self._waiting: list[str] = []
        self._later: dict[Route, list[str]] = defaultdict(list)
        self._seen: set[str] = set()
        self._known: set[tuple[str, str]] = set()
        self.crawl = Crawl()

    async def run(self, named: Mapping[str, list[str]]) -> Crawl:
        """Look at all that can be reached from what is named: {"code": villages, ...}."""
        for route in self._routes:
            self.crawl.visits[route.path] = Visits()
            if not route.parameters:
                self._add(route.path)
        for name, values in named.items():
            for value in values:
                self._learn(name, value)
        while self._waiting or self._some_of_the_bounded():
            batch, self._waiting = self._waiting[: _AT_ONCE * 4], self._waiting[_AT_ONCE * 4 :]
            for at in range(0, len(batch), _AT_ONCE):
                await asyncio.gather(*(self._visit(url) for url in batch[at : at + _AT_ONCE]))
        return self.crawl

    async def _visit(self, url: str) -> None:
        answer = await self._http.get(url, headers={"accept": "text/html, */*"})
        found = route_of(url, self._routes)
        assert found, url
        assert answer.status_code in _ANSWERS, (url, answer.status_code, answer.text[:500])
        visits = self.crawl.visits[found[0].path]
        visits.made += 1
        visits.bytes += len(answer.content)
        visits.good += answer.status_code in (200, 303, 307)
        self.crawl.findings += await asyncio.to_thread(self._look, url, answer.content, dict(answer.headers))
        if answer.headers.get("content-type", "").startswith(("text/html", "application/")) and _is_text(
            answer.content
        ):
            for link in self._links(answer.text):
                self._add(link)
            for name, value in _NAMED.findall(answer.text):
                if name not in _PLACES or found[0].path.startswith(_LOG):
                    self._learn(name, value)
            if found[0].path == _CASE and answer.status_code == 200:
                self._add_lists(answer.json())
        if following := _NEXT.search(answer.headers.get("link", "")):
            self._add(following[1])

    def _links(self, text: str) -> Iterator[str]:
        for pair in _LINK.findall(text):
            yield (pair[0] or pair[1]).replace("&amp;", "&").split("#")[0]

    def _add_lists(self, case: Any) -> None:
        """The lists of a case, also those that are short enough to be shown whole."""
        for entry in case["history"]:
            for name in (told["name"] for told in entry["fields"] if told["kind"] in _LISTS):
                for at in ("/v1/cases", "/cases"):
                    self._add(f"{at}/{case['case_id']}/{entry['sequence']}/{name}")

    def _add(self, url: str) -> None:
        url = url.removeprefix(self._own_url)
        if self._leave_out and self._leave_out.search(url):
            return
        if url in self._seen or not url.startswith("/") or not (found := route_of(url, self._routes)):
            return
        self._seen.add(url)
        route, values = found
        self.crawl.visits[route.path].known += 1
        bounded = route.path.endswith(_ALIKE) or ("?" in url and not _GOES_ON.search(url))
        if bounded:
            self._later[route].append(url)
        elif self._most is None or self.crawl.visits[route.path].known <= self._most:
            self._waiting.append(url)
        for name, value in values.items():
            self._learn(name, value)

    def _learn(self, name: str, value: str) -> None:
        if (name, value) in self._known:
            return
        self._known.add((name, value))
        if name == "size":
            self._add(f"/v1/papers/log/consistency?old={value}")
        for route in self._routes:
            if route.parameters == (name,):
                self._add(route.at(value))

    def _some_of_the_bounded(self) -> bool:
        """Let some of what is bounded in, those of each end point spread over all: by a hash of their path."""
        for route, urls in self._later.items():
            left = self._bounded - self.crawl.visits[route.path].made if route.path.endswith(_ALIKE) else self._bounded
            self._waiting += sorted(urls, key=lambda url: hashlib.sha256(url.encode()).digest())[: max(0, left)]
        self._later.clear()
        return bool(self._waiting)


def _is_text(body: bytes) -> bool:
    return not body.startswith((b"PK", b"\x1f\x8b", b"%PDF", b"\x89PNG", b"\xff\xd8"))
