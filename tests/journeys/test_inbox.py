"""The secretary's open page in a real browser: a new alert appears by itself."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from shared.contracts.alerts import Alert, AlertUpdated
from tests.conftest import eventually
from tests.integration.test_notifier import SECRETARY, World, world
from tests.notifier.samples import OTHER_TOWN, TOWN, VILLAGE, alert, raised, withdrawn

__all__ = ["world"]
pytestmark = pytest.mark.browser


@pytest.fixture
async def page(world: World, phone: BrowserContext) -> Page:
    """A phone of the secretary, signed in."""
    return await page_of(world, phone, SECRETARY)


async def page_of(world: World, context: BrowserContext, *grants: str) -> Page:
    """A page of somebody with these grants, signed in."""
    async with world.browser(*grants, person_key="someone-else") as signed_in:
        cookie = signed_in.cookies["yunjing_notifier"]
    await context.add_cookies([{"name": "yunjing_notifier", "value": cookie, "url": world.url}])
    return await context.new_page()


def turned(of: Alert, grade: str, revision: int) -> AlertUpdated:
    """The same alert, in another grade."""
    return AlertUpdated(**of.model_dump() | {"grade": grade, "revision": revision})


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


async def test_what_turns_graver_climbs_on_the_open_page_and_says_so(
    world: World, desktop: BrowserContext, pictures: Path
) -> None:
    page = await page_of(world, desktop, SECRETARY, f"town_inspector@{TOWN}")
    await page.goto(world.url)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    red, overdue, other = alert(), alert(grade="prompt"), alert(grade="yellow")
    await world.tell(raised(red))
    await world.arrived(red)  # in one batch with the next it would have come at the same time, and no order were theirs
    await world.tell(raised(overdue), raised(other))
    cards = page.locator(".alert-card")
    await expect(cards).to_have_count(2)
    await world.arrived(overdue)
    async with world.caller(f"handler@{VILLAGE}", subject="clerk", name="李晓明") as clerk:
        assert (await clerk.post(f"/v1/alerts/{overdue.alert_id}/acknowledge")).status_code == 200
    await world.tell(turned(overdue, "yellow", 2))
    await expect(cards).to_have_count(3)
    await expect(cards.nth(0)).to_have_id(f"alert-{red.alert_id}")
    await expect(cards.nth(1)).to_have_id(f"alert-{overdue.alert_id}")
    await expect(page.locator("#announce")).to_contain_text("等级上升,黄色预警")
    await world.tell(turned(overdue, "red", 3))
    await expect(cards.nth(0)).to_have_id(f"alert-{overdue.alert_id}")
    await expect(cards.nth(0)).to_have_attribute("data-grade", "red")
    await expect(cards).to_have_count(3)
    await expect(page.locator("#announce")).to_contain_text("等级上升,红色预警")
    in_page = [await card.get_attribute("id") for card in await cards.all()]
    await page.reload()
    assert [await card.get_attribute("id") for card in await cards.all()] == in_page
    await cards.nth(0).locator("h2 a").click()
    await expect(page.locator("#delivery")).to_contain_text("首阅")
    await expect(page.locator(".timeline")).to_contain_text("由黄色预警升为红色预警")
    await page.screenshot(path=pictures / "alert-desktop.png", full_page=True)


async def test_an_answer_that_comes_late_undoes_nothing(world: World, desktop: BrowserContext) -> None:
    page, first = await page_of(world, desktop, SECRETARY, f"town_inspector@{TOWN}"), list[Route]()
    overtaken, withheld, last = alert(grade="yellow"), alert(), alert()
    released = asyncio.Event()

    async def late(route: Route) -> None:
        first.append(route)
        answer = await route.fetch()
        await released.wait()
        await route.fulfill(response=answer)

    for one in (overtaken, withheld):
        await page.route(f"**/alerts/{one.alert_id}/card*", late, times=1)
    await page.goto(world.url)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    await world.tell(raised(overtaken), raised(withheld))
    await eventually(lambda: asyncio.sleep(0, len(first) == 2))
    await world.tell(turned(overtaken, "red", 2), withdrawn(withheld))
    card, gone = page.locator(f"#alert-{overtaken.alert_id}"), page.locator(f"#alert-{withheld.alert_id}")
    await expect(card).to_have_attribute("data-grade", "red")
    released.set()
    await world.tell(raised(last))
    await expect(page.locator(f"#alert-{last.alert_id}")).to_be_visible()
    await expect(card).to_have_attribute("data-grade", "red")
    await expect(gone).to_have_count(0)
