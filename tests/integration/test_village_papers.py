"""What a village hangs up and reads: the notice as a paper, posters, the sign, large type, villages by their pinyin."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cv2
import httpx
import numpy as np
import pytest
from playwright.async_api import Browser
from pypdf import PdfReader

from services.disclosure import app as disclosure
from services.disclosure.consumer import handle_batch
from shared import regions
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.contracts.power import CaseEvent
from shared.db import Database, Scope
from shared.settings import Settings
from tests.disclosure.samples import FIRM, VILLAGE, award, bids_in, case_id, completed, form, notice, opened, returned
from tests.disclosure.served import served

pytestmark = pytest.mark.without_broker
TOWN = regions.town_of(VILLAGE)


@dataclass
class World:
    """The service as anybody meets it, and its database."""

    http: httpx.AsyncClient
    db: Database

    async def told(self, *events: CaseEvent) -> None:
        """As the consumer takes it in."""
        sent = [
            Envelope.of(each, source="/tests", topic=power.TOPIC, key=each.village_code, time=each.occurred_at)
            for each in events
        ]
        async with self.db.begin(Scope.system()) as conn:
            await handle_batch(conn, sent)

    async def pdf(self, path: str) -> PdfReader:
        """A paper as it would be printed."""
        answer = await self.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
        return PdfReader(io.BytesIO(answer.content))


@pytest.fixture
async def world(settings: Settings, database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[World]:
    db = await database("disclosure")
    async with (
        served(disclosure.build(settings)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=40) as http,
    ):
        yield World(http, db)


async def test_a_notice_is_printed_from_what_is_public_and_only_while_it_stands(world: World) -> None:
    case, ends = case_id(), datetime.now(UTC) - timedelta(days=5)
    paid = completed(case, 5, "EN1-07", "EN1-08", form(settlement_fen=3_990_000, payment_fen=3_000_000))
    await world.told(opened(case), bids_in(case), award(case), notice(case, ends_at=ends), paid)
    page, paper = await world.http.get(f"/cases/{case}/notice"), await world.pdf(f"/v1/cases/{case}/notice.pdf")
    assert len(paper.pages) == 1
    text = paper.pages[0].extract_text()
    for words in ("机耕路修补", FIRM, "38,000.00 元", "比估算金额低 1,000.00 元", f"/villages/{VILLAGE}", "有异议"):
        assert words in page.text, words
        assert words in text, words
    for secret in ("钱多宝", "13800138000", "91330421MA2JOURN01", "39,900.00", "30,000.00"):
        assert secret not in page.text + text
    assert (await world.http.get(f"/v1/cases/{case}/notice.pdf?node=EN1-01")).status_code == 404
    await world.told(returned(case, 6))
    for path in (f"/cases/{case}/notice", f"/v1/cases/{case}/notice.pdf"):
        gone = await world.http.get(path)
        assert (gone.status_code, "没有公示" in gone.text) == (404, True)


async def test_a_running_notice_counts_down_and_leads_to_the_objection(world: World) -> None:
    case, ends = case_id(), datetime.now(UTC) + timedelta(days=2, hours=5, minutes=30)
    await world.told(opened(case), bids_in(case), award(case), notice(case, ends_at=ends))
    for path in (f"/villages/{VILLAGE}", f"/cases/{case}"):
        page = (await world.http.get(path)).text
        assert "公示还有 2 天 5 小时" in page, path
        assert f'href="/villages/{VILLAGE}/appeal?case={case}"' in page, path
    assert (await world.http.get(f"/villages/{VILLAGE}/appeal?case={case}")).status_code == 200


async def test_posters_come_larger_and_for_a_whole_town(world: World) -> None:
    a4, a3 = [(await world.pdf(f"/v1/villages/{VILLAGE}/poster.pdf?paper={size}")).pages for size in ("a4", "a3")]
    assert (len(a4), len(a3)) == (1, 1)
    assert round(float(a3[0].mediabox.height) / float(a4[0].mediabox.height), 2) == 1.41
    town = await world.pdf(f"/v1/towns/{TOWN}/posters.pdf")
    names = [village.zh for village in regions.villages(TOWN)]
    assert len(town.pages) == len(names)
    assert all(name in page.extract_text() for name, page in zip(names, town.pages, strict=True))
    drawn = (await world.http.get(f"/v1/villages/{VILLAGE}/qr.png")).content
    pixels = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    scanned, _, _ = cv2.QRCodeDetector().detectAndDecode(pixels)
    assert scanned.endswith(f"/villages/{VILLAGE}")
    sign = await world.http.get(f"/v1/villages/{VILLAGE}/sign.svg")
    assert regions.name(VILLAGE) in sign.text
    assert sign.headers["content-type"] == "image/svg+xml"


async def test_large_type_is_kept_by_a_cookie_and_the_way_back_stays_here(world: World) -> None:
    assert (await world.http.get("/large-type.css")).text == ""
    page = f"{world.http.base_url}/villages/{VILLAGE}?q=1"
    there = await world.http.get("/large-type/on", headers={"referer": page})
    assert (there.status_code, there.headers["location"]) == (303, f"/villages/{VILLAGE}?q=1")
    large = await world.http.get("/large-type.css")
    assert "font-size" in large.text
    assert (large.headers["cache-control"], large.headers["vary"]) == ("private, no-cache", "Cookie")
    for elsewhere in ("https://evil.example/x", f"{world.http.base_url}//evil.example", "", "javascript:alert(1)"):
        back = await world.http.get("/large-type/off", headers={"referer": elsewhere})
        assert back.headers["location"] == "/", elsewhere
    assert (await world.http.get("/large-type.css")).text == ""


async def test_a_village_is_found_by_the_initials_of_its_town(world: World) -> None:
    page = (await world.http.get("/", params={"q": "xt"})).text
    assert "西塘镇" in page
    assert "魏塘街道" not in page


@pytest.mark.browser
async def test_large_type_fits_a_phone_on_every_page_without_a_script(world: World, browser: Browser) -> None:
    case, ends = case_id(), datetime.now(UTC) + timedelta(days=2)
    await world.told(opened(case), bids_in(case), award(case), notice(case, ends_at=ends))
    context = await browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = await context.new_page()
    home = f"{world.http.base_url}/villages/{VILLAGE}"
    await page.goto(home)
    await page.get_by_role("link", name="大字版").click()
    await page.get_by_role("link", name="标准字号").wait_for()
    assert page.url == home
    about = (f"/cases/{case}", f"/cases/{case}/notice", f"/papers/{case}/{'a' * 64}")
    for path in ("/", home, f"{home}/cases", f"{home}/appeal?case={case}", "/papers", "/data", *about):
        answer = await page.goto(path if path.startswith("http") else f"{world.http.base_url}{path}")
        assert answer
        assert answer.ok, path
        assert await page.evaluate("getComputedStyle(document.documentElement).fontSize") == "23px", path
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
    await context.close()
