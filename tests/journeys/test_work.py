"""The day's work on a phone: a queue approved in one go, and a form that survives a closed browser.

Approval alone, with a detector that says what the case's title asks for; the whole system is walked in `test_story`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, expect

from services.approval.app import build
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.served import served
from tests.integration.test_work import VILLAGE, Detector, at_the_head

pytestmark = [pytest.mark.browser, pytest.mark.without_broker]
PHONE = {"width": 390, "height": 844}
Visitor = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    """Approval on a free port."""
    app = build(settings)
    async with served(app) as url:
        app.state.prompter = Detector()
        yield url


@pytest.fixture
async def visitor(browser: Browser, token: Token, address: str) -> AsyncIterator[Visitor]:
    """Opens browsers of people who are signed in: their token comes with every request."""
    opened: list[BrowserContext] = []

    async def open_(subject: str, *grants: str, phone: bool = False) -> BrowserContext:
        bearer = {"authorization": f"Bearer {token(*grants, subject=subject, name=subject)}"}
        size = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2} if phone else {}
        opened.append(
            await browser.new_context(base_url=address, extra_http_headers=bearer, locale="zh-CN", **size)  # type: ignore[arg-type]
        )
        return opened[-1]

    yield open_
    for each in opened:
        await each.close()


async def test_a_queue_is_cleared_on_a_phone_and_a_draft_comes_back(
    visitor: Visitor, address: str, token: Token, pictures: Path
) -> None:
    headers = {"authorization": f"Bearer {token(f'handler@{VILLAGE}', subject='li', name='李晓明')}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as clerk:
        await at_the_head(clerk, "购置办公用纸", "更换会议室灯管", "黄的采购", "红的采购")

    head = await (await visitor("王建国", f"village_head@{VILLAGE}", phone=True)).new_page()
    await head.goto("/")
    await expect(head.locator("#tasks article")).to_have_count(4)
    await head.screenshot(path=pictures / "inbox-phone.png")
    await head.keyboard.press("j")
    await head.keyboard.press("j")
    second = "document.activeElement.closest('article') === document.querySelectorAll('article')[1]"
    assert await head.evaluate(second)
    await head.locator("a[href^='/work/batch']").click()
    await head.locator("#all").check()
    await head.locator("[name='fields.approved']").select_option("是")
    await head.screenshot(path=pictures / "batch-phone.png", full_page=True)
    async with head.expect_navigation():
        await head.get_by_role("button", name="提交").click()
    await expect(head.locator("#outcome")).to_contain_text("已办 2 件,未办 2 件")
    await head.screenshot(path=pictures / "batch-prompts-phone.png", full_page=True)
    red, yellow = head.locator("article", has_text="红的采购"), head.locator("article", has_text="黄的采购")
    await expect(red.locator("input[name=case]")).to_be_disabled()
    await expect(yellow).to_contain_text("拆分采购")
    async with head.expect_navigation():
        await head.get_by_role("button", name="提交").click()
    await expect(head.locator("#outcome")).to_contain_text("已办 1 件")
    await expect(yellow).to_have_count(0)

    clerk_at = await visitor("li", f"handler@{VILLAGE}")
    form = await clerk_at.new_page()
    await form.goto("/cases/new/PR1")
    await form.locator("#title").fill("还没写完的采购")
    await form.locator("[name='fields.item']").fill("三把椅子")
    await expect(form.locator("#draft-state")).to_contain_text("已暂存")
    await clerk_at.close()
    elsewhere = await (await visitor("li", f"handler@{VILLAGE}")).new_page()
    await elsewhere.goto("/")
    await elsewhere.screenshot(path=pictures / "inbox-desk.png")
    await elsewhere.locator("a[href='/cases/new/PR1']").click()
    await expect(elsewhere.locator("#draft-notice")).to_be_visible()
    await expect(elsewhere.locator("#title")).to_have_value("还没写完的采购")
    await expect(elsewhere.locator("[name='fields.item']")).to_have_value("三把椅子")
    await elsewhere.screenshot(path=pictures / "draft-desk.png")
    await elsewhere.get_by_role("button", name="丢弃 Discard").click()
    await expect(elsewhere.locator("#title")).to_have_value("")
