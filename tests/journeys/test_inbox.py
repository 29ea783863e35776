"""The secretary's open page in a real browser: a new alert appears by itself."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.integration.test_notifier import SECRETARY, World, world
from tests.notifier.samples import OTHER_TOWN, alert, raised, withdrawn

__all__ = ["world"]
pytestmark = pytest.mark.browser


@pytest.fixture
async def page(world: World, phone: BrowserContext) -> Page:
    """A phone of the secretary, signed in."""
    async with world.browser(SECRETARY) as signed_in:
        cookie = signed_in.cookies["yunjing_notifier"]
    await phone.add_cookies([{"name": "yunjing_notifier", "value": cookie, "url": world.url}])
    return await phone.new_page()


async def test_a_new_alert_appears_on_the_open_page_and_is_handled(world: World, page: Page, pictures: Path) -> None:
    await page.goto(world.url)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    earlier, red = alert(), alert()
    await world.tell(raised(earlier), raised(alert(town_code=OTHER_TOWN, village_code="330421105201")))
    await expect(page.locator(".alert-card")).to_have_id(f"alert-{earlier.alert_id}")
    await world.tell(raised(red))
    await expect(page.locator(".alert-card")).to_have_count(2)
    await expect(page.locator(".alert-card").first).to_have_id(f"alert-{red.alert_id}")
    await expect(page.locator("#announce")).to_contain_text("疑似化整为零")
    await expect(page.locator("[data-count=red]")).to_have_text("2")
    await page.screenshot(path=pictures / "inbox-phone.png", full_page=True)
    await world.tell(withdrawn(earlier))
    await expect(page.locator(f"#alert-{earlier.alert_id}")).to_contain_text("已撤回")
    await page.locator(f"#alert-{red.alert_id} h2 a").click()
    await page.get_by_role("button", name="签收 Acknowledge").click()
    await page.get_by_role("button", name="开始核查 Begin inquiry").click()
    await page.get_by_label("情况说明").fill("已调取三张发票")
    await page.screenshot(path=pictures / "alert-phone.png", full_page=True)
    await page.get_by_role("button", name="反馈核查情况").click()
    await expect(page.locator(".timeline")).to_contain_text("已调取三张发票")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
