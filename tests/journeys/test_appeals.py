"""A villager on a phone complains with a picture and follows it by number; the town answers; the villager rates."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.async_api import BrowserContext, FilePayload, Page, expect

from services.disclosure.appeals import challenge
from tests.disclosure.samples import VILLAGE
from tests.integration.test_appeals import SECRETARY, World, world

__all__ = ["world"]
pytestmark = pytest.mark.browser


async def page_of(world: World, context: BrowserContext, *grants: str) -> Page:
    """A page of somebody with these grants, signed in."""
    async with world.official(*grants, name="徐正平") as signed_in:
        cookie = signed_in.cookies["yunjing_disclosure"]
    await context.add_cookies([{"name": "yunjing_disclosure", "value": cookie, "url": world.url}])
    return await context.new_page()


def lamp() -> FilePayload:
    """What a phone's camera would send."""
    drawn, out = Image.new("RGB", (900, 600), "#22304a"), io.BytesIO()
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((430, 150, 445, 560), fill="#8a8f99")
    pen.ellipse((400, 100, 475, 170), fill="#3b3f46")
    drawn.save(out, "JPEG")
    return FilePayload(name="路灯.jpg", mimeType="image/jpeg", buffer=out.getvalue())


async def fits(page: Page, width: int) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth") <= width)


async def test_scan_complain_track_answer_rate(
    world: World, phone: BrowserContext, desktop: BrowserContext, pictures: Path
) -> None:
    villager = await phone.new_page()
    await villager.goto(f"{world.url}/villages/{VILLAGE}")
    await villager.get_by_role("link", name="我要反映").click()
    await villager.locator("label", has_text="投诉").click()
    await villager.locator("label", has_text="本村的人或事").click()
    await villager.get_by_label("内容").fill("村口的路灯三个月没有亮了,老人晚上摔过跤。请问什么时候能修好?")
    await villager.locator("#pictures").set_input_files([lamp()])
    await villager.locator("label", has_text="匿名").first.click()
    await expect(villager.locator("#sum")).to_be_hidden()
    await villager.screenshot(path=pictures / "appeal-form-phone.png", full_page=True)
    assert await fits(villager, 390)
    await villager.get_by_role("button", name="提交").click()
    number = await villager.locator("#number").inner_text()
    await villager.screenshot(path=pictures / "appeal-receipt-phone.png", full_page=True)
    assert await fits(villager, 390)

    town = await page_of(world, desktop, SECRETARY)
    await town.goto(f"{world.url}/appeals")
    await town.screenshot(path=pictures / "appeals-desktop.png", full_page=True)
    await town.get_by_role("link", name="村口的路灯").click()
    await town.get_by_role("button", name="受理").click()
    await town.get_by_label("答复内容").fill("已现场查看,线路老化,灯具今天换好。今后每月巡查一次。")
    await town.get_by_label("在村公开页公开").check()
    await town.get_by_label("公开时写明").fill("村口路灯不亮")
    await town.screenshot(path=pictures / "appeal-desktop.png", full_page=True)
    await town.get_by_role("button", name="答复 Answer").click()
    await expect(town.locator(".timeline")).to_contain_text("灯具今天换好")

    await villager.goto(f"{world.url}/appeals/track")
    await villager.get_by_label("查询码").fill("1234 5678 9012 3456 7890")
    await villager.get_by_role("button", name="查询").click()
    await expect(villager.locator(".wrong")).to_be_visible()
    await villager.get_by_label("查询码").fill(number)
    await villager.get_by_role("button", name="查询").click()
    await expect(villager.locator(".timeline")).to_contain_text("灯具今天换好")
    await villager.screenshot(path=pictures / "appeal-track-phone.png", full_page=True)
    assert await fits(villager, 390)
    assert "?" not in villager.url
    await villager.get_by_role("button", name="满意", exact=False).first.click()
    await expect(villager.locator(".timeline")).to_contain_text("满意 Satisfied")
    await villager.goto(f"{world.url}/villages/{VILLAGE}")
    await expect(villager.locator("body")).to_contain_text("村口路灯不亮")
    await villager.screenshot(path=pictures / "village-opinions-phone.png", full_page=True)
    await villager.get_by_role("link", name="全部公开的答复").click()
    await expect(villager.locator(".item")).to_contain_text("灯具今天换好")


async def test_without_javascript_the_sum_is_worked_out(world: World, phone: BrowserContext, pictures: Path) -> None:
    assert phone.browser
    plain = await phone.browser.new_context(
        viewport={"width": 1280, "height": 900}, java_script_enabled=False, locale="zh-CN"
    )
    page = await plain.new_page()
    await page.goto(f"{world.url}/villages/{VILLAGE}/appeal")
    await page.locator("label", has_text="咨询").click()
    await page.locator("label", has_text="本村的人或事").click()
    await page.get_by_label("内容").fill("低保怎么申请?")
    await page.locator("label", has_text="留名").first.click()
    await page.locator("#name").fill("李小草")
    await page.locator("#contact").fill("13800138000")
    await page.locator("#answer").fill("1")
    await page.get_by_role("button", name="提交").click()
    await expect(page.locator("#wrong-answer")).to_be_visible()
    await expect(page.get_by_label("内容")).to_have_value("低保怎么申请?")
    await page.screenshot(path=pictures / "appeal-mend-desktop.png", full_page=True)
    token = await page.locator("input[name=token]").get_attribute("value")
    await page.locator("#answer").fill(str(sum(challenge._sum(token or "", world.settings.identity_secret))))
    await page.get_by_role("button", name="提交").click()
    await expect(page.locator("#number")).to_be_visible()
    await plain.close()
