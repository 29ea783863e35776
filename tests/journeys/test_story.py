"""A clerk awards small works to an official's own company; his town's secretary sees red; a villager sees the works."""

import asyncio
from pathlib import Path

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from deploy.local.accounts import account
from tests.conftest import eventually
from tests.journeys.conftest import Town
from tests.journeys.forms import complete_node, open_case

VILLAGE = "330421107201"
COMPANY = "91330421MA2JOURN01"
OFFICIAL_ID = "11010519491231002X"
pytestmark = pytest.mark.browser


async def test_an_award_becomes_an_alert_and_a_public_page(
    town: Town, desktop: BrowserContext, office: BrowserContext, phone: BrowserContext, pictures: Path
) -> None:
    await registers_know_the_official_and_his_company(town)
    secretary = await town.sign_in(office, "secretary", "notifier")
    await expect(secretary.locator("#live")).to_contain_text("实时接收中")

    clerk = await town.sign_in(desktop, "clerk", "approval")
    await open_case(clerk, "EN1", "机耕路修补", item="机耕路修补", location="村东", estimate_fen="38000")
    await complete_node(clerk, budget_fen="39000")
    case = clerk.url
    await decided_by(town, office, "head", case)
    await decided_by(town, office, "committee", case)
    await clerk.goto(case)
    await clerk.screenshot(path=pictures / "clerk.png", full_page=True)
    await complete_node(
        clerk,
        selection_method="三家比价",
        bids=f"嘉善云河建设有限公司|{COMPANY}|38000\n嘉善南塘建设有限公司|91330421MA2JOURN02|38600\n"
        "嘉善清水建设有限公司|91330421MA2JOURN03|39100",
        supplier_id=COMPANY,
        supplier_name="嘉善云河建设有限公司",
        award_fen="38000",
    )

    red = secretary.locator(".alert-card", has_text="嘉善云河建设有限公司").first
    await expect(red).to_be_visible()
    await secretary.screenshot(path=pictures / "secretary.png", full_page=True)
    await red.locator("h2 a").click()
    await expect(secretary.locator("main")).to_contain_text("周云河")
    await secretary.screenshot(path=pictures / "alert.png", full_page=True)

    await nobody_else_sees(town, secretary.url.rsplit("/", 1)[1])
    await a_villager_sees_the_works_masked(town, phone, pictures)


async def registers_know_the_official_and_his_company(town: Town) -> None:
    headers = {"authorization": f"Bearer {await asyncio.to_thread(town.token, 'machine')}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        for path, record in (
            (
                f"companies/{COMPANY}",
                {"name": "嘉善云河建设有限公司", "legal_person_id_no": OFFICIAL_ID, "legal_person_name": "周云河"},
            ),
            (
                "staff/journey-1",
                {
                    "id_no": OFFICIAL_ID,
                    "name": "周云河",
                    "position": "村级财务辅助岗(编外)",
                    "level": "village",
                    "on_payroll": False,
                    "region_code": VILLAGE,
                    "oversees": [VILLAGE],
                },
            ),
        ):
            answer = await client.put(town.url("detector", f"/v1/reference/{path}"), json=record)
            assert answer.status_code == 202, answer.text


async def decided_by(town: Town, beside: BrowserContext, username: str, case: str) -> None:
    """One approver's step, in a browser of his own."""
    assert beside.browser
    context = await beside.browser.new_context(locale="zh-CN")
    page = await town.sign_in(context, username, "approval")
    await page.goto(case)
    await complete_node(page)
    await context.close()


async def nobody_else_sees(town: Town, alert_id: str) -> None:
    """Another town's secretary and an anonymous visitor, at the interface."""
    url = town.url("notifier", f"/v1/alerts/{alert_id}")
    for username, expected in (("secretary", 200), ("secretary-xitang", 404), ("clerk", 404)):
        headers = {"authorization": f"Bearer {await asyncio.to_thread(town.token, username)}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            assert (await client.get(url)).status_code == expected, username
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 401


async def a_villager_sees_the_works_masked(town: Town, phone: BrowserContext, pictures: Path) -> None:
    page = await phone.new_page()
    village = town.url("disclosure", f"/villages/{VILLAGE}")
    await eventually(lambda: shows(page, village, "机耕路修补"))
    await page.screenshot(path=pictures / "village.png", full_page=True)
    await page.get_by_text("机耕路修补").first.click()
    await eventually(lambda: shows(page, page.url, "嘉善云河建设有限公司"))
    await page.screenshot(path=pictures / "public-case.png", full_page=True)
    await no_sideways_scrolling(page)
    content = await page.content()
    assert OFFICIAL_ID not in content
    assert account("clerk").name not in content


async def shows(page: Page, url: str, text: str) -> bool:
    """Whether a page holds a text when it is opened now: it is written by another service than the alert is."""
    await page.goto(url)
    return text in await page.locator("main").inner_text()


async def no_sideways_scrolling(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
