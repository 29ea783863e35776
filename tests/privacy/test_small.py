"""What is public of a village is looked over: nothing is found, and what a broken copy lets out is."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.disclosure import app as disclosure
from services.disclosure import masking, numbers
from services.disclosure.masking import masks
from services.disclosure.opendata.making import make
from shared.buckets import Buckets
from shared.contracts.power import CaseEvent
from shared.db import Database
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure import simulated
from tests.disclosure.samples import VILLAGE, case_id, completed, form, opened
from tests.disclosure.served import served
from tests.integration.test_disclosure import Open, deliver
from tests.privacy import written
from tests.privacy.broken import breaks, broken_text
from tests.privacy.crawl import Crawl, Crawler
from tests.privacy.planted import Planting, Sown, marked
from tests.privacy.routes import public_routes
from tests.privacy.scanner import Finding, scan
from tests.privacy.secrets import Secrets

pytestmark = pytest.mark.without_broker
_TOWN = f"{VILLAGE[:9]}000"
_ELSEWHERE = re.compile(rf"/(?:villages|towns)/(?!{VILLAGE}|{_TOWN})")
_MASKS = "services/disclosure/masking.yaml"
_OF_MASKS, _OF_NUMBERS = ("field_mislabelled", "rule_removed"), "numbers_let_through"
_CONTACT = "13912345678"


@cache
def history() -> tuple[list[CaseEvent], Planting]:
    """What happened in a village, with all that clerks wrote into it, and a household that is granted relief now."""
    rng, planting = Random("small"), Planting()
    events = marked([event for event in simulated.events() if event.village_code == VILLAGE], rng)
    events += marked(list(_relief()), rng)
    cases: dict[str, tuple[CaseEvent, ...]] = {}
    for event in events:
        cases[event.case_id] = (*cases.get(event.case_id, ()), event)
    return [event for case in cases.values() for event in planting.into(case)], planting


def _relief() -> Iterable[CaseEvent]:
    now = datetime.now(UTC)
    about: dict[str, Any] = {"matter": "RE", "flow": "RE2", "title": "孙慕雪家", "occurred_at": now}
    case = case_id()
    yield opened(case, form(beneficiary_name="孙慕雪", relief_kind="临时救助"), **about)
    yield completed(case, 2, "RE2-05", "RE2-06", notice_ends_at=now + timedelta(days=3), **about)


async def looked_over(settings: Settings, db: Database, *, around: "type[_SaysWhomToAsk] | None" = None) -> Crawl:
    """A village's history, policies and answers to appeals, and what a visitor of every end point finds in them."""
    events, planting = history()
    for at in range(0, len(events), 500):
        await deliver(db, *events[at : at + 500])
    sown = Sown(Random("written"))
    await written.policy(db, sown)
    await written.answered_appeals(db, settings, sown, [VILLAGE])
    await make(settings)
    secrets = planting.secrets(sown)
    service = disclosure.build(settings)
    service.state.buckets = Buckets(10**6, 60)
    if around:
        service.add_middleware(around)
    async with served(service) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        await _signed(http)
        crawler = Crawler(
            http, settings.disclosure_url, partial(_look, secrets), bounded=2, most=12, leave_out=_ELSEWHERE
        )
        named = {"code": [VILLAGE], "town": [_TOWN], "wanted": ["on"]}
        return await crawler.run(named)


def _look(secrets: Secrets, url: str, body: bytes, headers: Mapping[str, str]) -> list[Finding]:
    return scan(url, body, headers, secrets)


async def _signed(http: httpx.AsyncClient) -> None:
    """Until the log of papers has a head over some of them."""

    async def signed() -> bool:
        return bool((await http.get("/v1/papers/log")).json()["head"])

    await eventually(signed)


async def test_nothing_is_found_and_no_end_point_is_left_out(settings: Settings, database: Open) -> None:
    crawl = await looked_over(settings, await database("disclosure"))
    assert crawl.findings == []
    assert crawl.unvisited == []
    assert set(crawl.visits) == {route.path for route in public_routes()}
    assert sum(seen.good for seen in crawl.visits.values()) > 100


async def test_what_a_broken_copy_lets_out_is_found(
    settings: Settings, database: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "masking.yaml"
    broken.write_text(broken_text(_MASKS, *_OF_MASKS), encoding="utf-8")
    history()
    monkeypatch.setattr(masking, "FILE", broken)
    monkeypatch.setattr(numbers, "found", lambda folded: [])
    masks.cache_clear()
    try:
        crawl = await looked_over(settings, await database("disclosure"), around=_SaysWhomToAsk)
    finally:
        masks.cache_clear()
    found = {kind: " ".join(each.place for each in crawl.findings if each.kind == kind) for kind in _kinds(crawl)}
    assert {kind for name in (*_OF_MASKS, _OF_NUMBERS) for kind in breaks()[name].finds} <= found.keys()
    for place in (
        "/v1/cases ",
        "/v1/cases/",
        " /cases/",
        "/v1/ocds/records",
        "payments.csv",
        "ocds-",
    ):
        assert place in found["name"], place
    assert "/healthz headers" in found["telephone"]


def test_every_break_is_still_one() -> None:
    for name, told in breaks().items():
        for file in {line.file for line in told.lines}:
            assert broken_text(file, name)


def _kinds(crawl: Crawl) -> set[str]:
    return {finding.kind for finding in crawl.findings}


class _SaysWhomToAsk:
    """A header with a number in it, on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-ask", _CONTACT.encode())]
            await send(message)

        await self._app(scope, receive, sent)
