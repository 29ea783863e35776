"""An alert from the town's desk to the county's review in a browser: papers, money, who has it, the rule's record."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from shared.contracts.alerts import AlertRaised
from tests.integration.test_notifier import SECRETARY, World, world
from tests.journeys.test_inbox import page_of
from tests.notifier.samples import COUNTY, alert, raised

__all__ = ["world"]
pytestmark = pytest.mark.browser


async def test_a_judgement_is_made_with_its_papers_and_reviewed_by_the_county(
    world: World, desktop: BrowserContext, phone: BrowserContext, pictures: Path, tmp_path: Path
) -> None:
    found: AlertRaised = raised(alert())
    await world.tell(found)
    await world.arrived(found)
    path = f"{world.url}/alerts/{found.alert_id}"
    town = await page_of(world, desktop, SECRETARY)
    await town.goto(path)
    await town.get_by_role("button", name="由我承办").click()
    await expect(town.locator("#handling")).to_contain_text("王书记")
    invoice = tmp_path / "发票.pdf"
    invoice.write_bytes(b"%PDF-1.7\nan invoice")
    await town.get_by_label("提交材料").set_input_files(invoice)
    await town.get_by_role("button", name="提交 File").click()
    await expect(town.locator("#papers")).to_contain_text("发票.pdf")
    await town.get_by_role("button", name="签收 Acknowledge").click()
    await town.get_by_role("button", name="开始核查").click()
    await town.get_by_text("申请延期").click()
    await town.get_by_label("延长(工作日)").fill("5")
    await town.get_by_label("理由").fill("等待笔迹鉴定")
    await town.get_by_role("button", name="申请 Ask").click()
    await expect(town.locator("#handling")).to_contain_text("须由另一名有处置权限的人员同意")
    await town.screenshot(path=pictures / "alert-handling-desktop.png", full_page=True)
    for summary, note, button in [
        ("反馈核查情况", "三次采购为同一批", "反馈核查情况 Report"),
        ("责令整改", "责令退款", "责令整改 Order"),
    ]:
        form = town.locator("details.move", has_text=summary)
        if await form.get_attribute("open") is None:
            await form.locator("summary").click()
        await form.locator("textarea").fill(note)
        await form.get_by_role("button", name=button).click()
    form = town.locator("details.move", has_text="整改办结")
    await form.locator("summary").click()
    await form.get_by_label("处置结果").select_option("rectified")
    await form.get_by_label("挽回金额").fill("1.28万")
    await form.get_by_label("追责人数").fill("1")
    await form.get_by_label("情况说明").fill("已全额退款")
    await form.get_by_role("button", name="整改办结").click()
    await expect(town.locator("#judgement")).to_contain_text("12,800.00 元")
    async with world.browser(f"county_secretary@{COUNTY}", subject="chen") as signed_in:
        cookie = signed_in.cookies["yunjing_notifier"]
    await phone.add_cookies([{"name": "yunjing_notifier", "value": cookie, "url": world.url}])
    county = await phone.new_page()
    await county.goto(f"{world.url}/?show=review")
    await expect(county.locator("[data-count=review]")).to_have_text("1")
    await county.locator(".alert-card h2 a").click()
    await expect(county.locator("#rule-record")).to_contain_text("12,800.00 元")
    await county.screenshot(path=pictures / "alert-review-phone.png", full_page=True)
    await county.locator("details.move", has_text="复核确认").locator("summary").click()
    await county.get_by_role("button", name="复核确认").click()
    await expect(county.locator("main header").first).to_contain_text("已复核")
    assert await county.evaluate("document.documentElement.scrollWidth") <= 390
