"""The day's work on a phone: a queue approved in one go, and a form that survives a closed browser.

Approval alone, with a detector that says what the case's title asks for; the whole system is walked in `test_story`.
"""

from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.conftest import Token
from tests.integration.test_work import VILLAGE, at_the_head
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.without_broker]


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
