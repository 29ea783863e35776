"""Filling in the forms of approval as a clerk does: what is asked for, with papers."""

from datetime import datetime

from playwright.async_api import FilePayload, Locator, Page

from shared.workdays import SHANGHAI

_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"
_USUAL = {"budget_fen": "39000", "estimate_fen": "39000", "attendees_due": "7", "attendees_present": "7"}
_USUAL |= {"votes_for": "7", "votes_against": "0"}


async def open_case(page: Page, flow: str, title: str, **values: str) -> None:
    """Open a case from the form of its flow."""
    await page.get_by_role("link", name="发起案件").click()
    await page.locator(f"a[href='/cases/new/{flow}']").click()
    await page.locator("#title").fill(title)
    await fill(page.locator(f"form[action='/cases/new/{flow}']"), values)
    await page.get_by_role("button", name="发起 Open the case").click()


async def complete_node(page: Page, **values: str) -> None:
    """Complete the present node: all that is required, the given values, a paper of each required kind."""
    form = page.locator("form[action$='/complete']")
    before = await form.locator("input[name=node]").get_attribute("value")
    await submit_node(page, **values)
    if await page.locator("#prompts").count():
        async with page.expect_navigation():
            await form.get_by_role("button", name="已阅知,仍要办理 Complete all the same").click()
    await page.locator(f"form[action$='/complete'] input[name=node][value='{before}']").wait_for(state="detached")


async def submit_node(page: Page, **values: str) -> None:
    """Fill in the present node's form and send it once."""
    form = page.locator("form[action$='/complete']")
    await fill(form, values)
    async with page.expect_navigation():
        await form.locator("button[type=submit]").click()


async def fill(form: Locator, values: dict[str, str]) -> None:
    """Fill in what is given and what is required, with usual values where none is given."""
    given_too = ", ".join(["[required]", *(f"[name='fields.{name}']" for name in values)])
    for field in await form.locator(given_too).all():
        name = await field.get_attribute("name") or ""
        kind = await field.get_attribute("type") or await field.evaluate("element => element.tagName.toLowerCase()")
        given = values.get(name.removeprefix("fields."))
        if kind == "file":
            paper = FilePayload(name=f"{name}.pdf", mimeType="application/pdf", buffer=_PDF + name.encode())
            await field.set_input_files(paper)
        elif name in ("title", "village_code"):
            continue
        elif kind == "select":
            await field.select_option(given or "是")
        elif kind == "date":
            await field.fill(given or datetime.now(SHANGHAI).date().isoformat())
        else:
            await field.fill(given or _USUAL.get(name.removeprefix("fields."), "村道维护"))
