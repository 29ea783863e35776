"""Before a step is taken its handler reads what it would raise: mended, it goes through; nothing was kept before."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from shared.workdays import SHANGHAI
from tests.journeys.conftest import Town
from tests.journeys.forms import complete_node, open_case, submit_node

pytestmark = pytest.mark.browser


async def test_a_meeting_filed_late_is_told_before_it_is_filed(
    town: Town, desktop: BrowserContext, office: BrowserContext, pictures: Path
) -> None:
    clerk = await town.sign_in(desktop, "clerk", "approval")
    await open_case(clerk, "EN1", "河埠头修缮", item="河埠头修缮", location="村南", estimate_fen="30000")
    await complete_node(clerk, budget_fen="30000")

    head = await town.sign_in(office, "head", "approval")
    await head.goto(clerk.url)
    today = datetime.now(SHANGHAI).date()
    await submit_node(head, meeting_on=(today - timedelta(days=60)).isoformat())
    await expect(head.locator("#prompts")).to_contain_text("A013")
    await head.locator("#prompts").scroll_into_view_if_needed()
    await head.screenshot(path=pictures / "prompts.png")

    meeting = head.locator("[name='fields.meeting_on']")
    await expect(meeting).to_have_value((today - timedelta(days=60)).isoformat())
    await meeting.fill(today.isoformat())
    async with head.expect_navigation():
        await head.locator("form[action$='/complete'] button[type=submit]").click()
    await expect(head.locator("#prompts")).to_have_count(0)
    await expect(head.locator("main h2").first).to_contain_text("村监会核议")
