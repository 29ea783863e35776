"""Before a step is taken its handler reads what it would raise: mended, it goes through; nothing was kept before."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route, expect

from shared.workdays import SHANGHAI
from tests.journeys.conftest import Town
from tests.journeys.forms import fill, open_case, submit_node

pytestmark = pytest.mark.browser


async def test_a_meeting_filed_late_is_told_before_it_is_filed(
    town: Town, desktop: BrowserContext, office: BrowserContext, pictures: Path
) -> None:
    clerk = await town.sign_in(desktop, "clerk", "approval")
    await open_case(clerk, "EN1", "河埠头修缮", item="河埠头修缮", location="村南", estimate_fen="30000")
    await papers_go_up_over_a_poor_line(clerk, pictures)

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


async def papers_go_up_over_a_poor_line(clerk: Page, pictures: Path) -> None:
    """The line breaks once: the paper goes on by itself, is filed, and doesn't travel a second time with the form."""
    sent: list[str] = []
    posted: list[bytes] = []

    async def breaking(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(route.request.url)
            if len(sent) == 2:
                await route.abort("connectionreset")
                return
        await route.continue_()

    await clerk.route("**/v1/uploads/*", breaking)
    clerk.on("request", lambda request: posted.append(request.post_data_buffer or b"") if _filed(request) else None)
    form = clerk.locator("form[action$='/complete']")
    await fill(form, {"budget_fen": "30000"})
    await expect(form.locator(".piece", has_text="已上传")).to_have_count(2)
    await clerk.screenshot(path=pictures / "papers.png", full_page=True)
    async with clerk.expect_navigation():
        await form.locator("button.primary").click()
    await expect(clerk.locator("main")).to_contain_text("documents.proposal.pdf")
    await expect(clerk.locator("main")).to_contain_text("documents.budget.pdf")
    assert len(sent) == 3
    assert len(posted) == 1
    assert b"%PDF" not in posted[0]


def _filed(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/complete")
