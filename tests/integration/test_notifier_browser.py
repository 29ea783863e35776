"""The secretary's open page in a real browser: a new alert appears by itself."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.integration.test_notifier import SECRETARY, World, world
from tests.notifier.samples import OTHER_TOWN, alert, raised, withdrawn

__all__ = ["world"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENSHOTS = os.environ.get("SCREENSHOTS")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here; name one by CHROMIUM"),
]


@pytest.fixture
async def page(world: World) -> AsyncIterator[Page]:
    """A phone of the secretary, signed in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"])
        context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        async with world.browser(SECRETARY) as signed_in:
            cookie = signed_in.cookies["yunjing_notifier"]
        await context.add_cookies([{"name": "yunjing_notifier", "value": cookie, "url": world.url}])
        yield await context.new_page()
        await browser.close()


async def test_a_new_alert_appears_on_the_open_page_and_is_handled(world: World, page: Page) -> None:
    await page.goto(world.url)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    yellow, red = alert(), alert()
    await world.tell(raised(yellow), raised(alert(town_code=OTHER_TOWN, village_code="330421105201")), raised(red))
    await expect(page.locator(".alert-card")).to_have_count(2)
    await expect(page.locator(".alert-card").first).to_have_id(f"alert-{red.alert_id}")
    await expect(page.locator("#announce")).to_contain_text("疑似化整为零")
    await expect(page.locator("[data-count=red]")).to_have_text("2")
    await picture(page, "inbox")
    await world.tell(withdrawn(yellow))
    await expect(page.locator(f"#alert-{yellow.alert_id}")).to_contain_text("已撤回")
    await page.locator(f"#alert-{red.alert_id} h2 a").click()
    await page.get_by_role("button", name="签收 Acknowledge").click()
    await page.get_by_role("button", name="开始核查 Begin inquiry").click()
    await page.get_by_label("情况说明").fill("已调取三张发票")
    await picture(page, "alert")
    await page.get_by_role("button", name="反馈核查情况").click()
    await expect(page.locator(".timeline")).to_contain_text("已调取三张发票")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


async def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where SCREENSHOTS says."""
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/{name}.png", full_page=True)
