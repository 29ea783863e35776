"""A villager scans the village's code with a phone: reads a case on notice, checks its paper, objects, follows it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.async_api import BrowserContext, Page, expect

from deploy.local.processes import free_port
from services.disclosure import app as disclosure
from shared.db import Database
from shared.settings import Settings
from tests.disclosure.samples import VILLAGE, award, case_id, notice, opened
from tests.disclosure.served import served
from tests.integration.test_disclosure import deliver
from tests.integration.test_paper_log import CONTENT, filed, keeper

pytestmark = [pytest.mark.browser, pytest.mark.without_broker]
TITLE = "机耕路修补"


@pytest.fixture
async def own_url(settings: Settings, database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[str]:
    """The service where its own codes lead to; a case in the village is on notice, its quotations are in the log."""
    db, case, port = await database("disclosure"), case_id(), free_port()
    now = datetime.now(UTC)
    told = [event(case, occurred_at=now) for event in (opened, filed, award)]
    await deliver(db, *told, notice(case, ends_at=now + timedelta(days=3), occurred_at=now))
    await keeper(settings, db).grow()
    here = settings.model_copy(update={"disclosure_url": f"http://127.0.0.1:{port}"})
    async with served(disclosure.build(here), port) as url:
        yield url


async def scanned(url: str) -> str:
    """What a phone's camera reads from the code on the wall."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        drawn = (await http.get(f"/v1/villages/{VILLAGE}/qr.png")).content
    pixels = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return cv2.QRCodeDetector().detectAndDecode(pixels)[0]


async def seen(page: Page, picture: Path) -> None:
    """Nothing stands out at the side of the phone."""
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
    await page.screenshot(path=picture, scale="css")


async def test_scan_read_verify_object_track(
    own_url: str, phone: BrowserContext, pictures: Path, tmp_path: Path
) -> None:
    page = await phone.new_page()
    await page.goto(await scanned(own_url))
    assert page.url == f"{own_url}/villages/{VILLAGE}"
    await expect(page.locator(".item.notice")).to_contain_text("公示还有")
    await expect(page.locator("h2:has-text('本季度的钱') + .card")).to_contain_text("定下 agreed 38,000.00 元")
    await seen(page, pictures / "villager-scans.png")

    await page.locator(".item.notice").get_by_role("link", name=TITLE).click()
    await expect(page.locator(".history")).to_contain_text("38,000.00 元")
    await seen(page, pictures / "villager-reads.png")

    (tmp_path / "quotes.pdf").write_bytes(CONTENT)
    await page.locator("summary", has_text="原件").click()
    await page.locator(".prints").get_by_role("link", name="核验").click()
    await page.get_by_label("选择村里发给您的电子文件").set_input_files(tmp_path / "quotes.pdf")
    await page.get_by_role("button", name="比对").click()
    await expect(page.get_by_role("status")).to_contain_text("✓ 一致")
    await seen(page, pictures / "villager-verifies.png")

    await page.locator(".trail").get_by_role("link", name=TITLE).click()
    await page.get_by_role("link", name="有异议,现在就提").click()
    await expect(page.locator("#appeal")).to_contain_text(f"关于案件 About the case {TITLE}")
    await page.locator("label", has_text="投诉").click()
    await page.locator("label", has_text="本村的人或事").click()
    await page.get_by_label("内容").fill("中标的公司去年修的路今年就裂了,请先查清楚再定。")
    await page.locator("label", has_text="匿名").first.click()
    await seen(page, pictures / "villager-objects.png")
    await page.get_by_role("button", name="提交").click()
    number = await page.locator("#number").inner_text()
    await seen(page, pictures / "villager-number.png")

    await page.goto(f"{own_url}/villages/{VILLAGE}")
    await page.get_by_role("link", name="凭码查询").click()
    await page.get_by_label("查询码").fill(number)
    await page.get_by_role("button", name="查询").click()
    await expect(page.locator(".timeline")).to_contain_text("去年修的路今年就裂了")
    assert number.replace(" ", "") not in page.url
    await seen(page, pictures / "villager-follows.png")


async def test_who_sends_before_the_browsers_work_is_done_waits_for_it(own_url: str, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await page.clock.install()
    await page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    work = page.locator("input[name=work]")
    await page.goto(f"{own_url}/villages/{VILLAGE}/appeal")
    while await work.input_value():  # one form in some sixteen has its number within the first turn
        await page.reload()

    await page.locator("label", has_text="咨询").click()
    await page.locator("label", has_text="本村的人或事").click()
    await page.get_by_label("内容").fill("路灯哪天修?")
    await page.locator("label", has_text="匿名").first.click()
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_role("status")).to_contain_text("正在核验")
    await page.clock.resume()
    await expect(page.locator("#number")).to_be_visible()
