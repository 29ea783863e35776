"""A county's leader on a phone: from the cockpit's chart to the case, from a village's score to the records behind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect
from pypdf import PdfReader

from services.disclosure import app as disclosure
from services.disclosure.read_models import SUPERVISION
from shared.contracts.alerts import AlertStateChanged
from shared.db import Database, Scope
from shared.settings import Settings
from tests.disclosure.samples import FIRM, NOW, VILLAGE, award, bids_in, case_id, exactly, opened
from tests.disclosure.served import served, session
from tests.integration.test_disclosure import deliver, envelope
from tests.notifier.samples import TOWN, alert, raised

pytestmark = [pytest.mark.browser, pytest.mark.without_broker]
LEADER = "county_leader@330421000000"
# Nothing is hidden at the side of the phone: neither of the page, nor of a table, nor of the ways to other pages.
CUT = """() => [document.documentElement, ...document.querySelectorAll(".scroll, .top nav")]
    .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML.slice(0, 200))"""


def story(case: str) -> list[Any]:
    """Works with a red alert that was found right and put right, one that waits past its term, and seven more cases."""
    place = {"village_code": VILLAGE, "town_code": TOWN, "grade": "red", "matter": "EN", "rule_id": "A001"}
    told: list[Any] = [opened(case), bids_in(case), award(case), *(opened(case_id()) for _ in range(7))]
    moves: dict[str, dict[str, Any]] = {
        "right": {"outcome": "rectified", "recovered_fen": 123_400, "people": 1},
        "open": {"due_by": NOW + timedelta(days=9)},
    }
    for name, values in moves.items():
        told.append(raised(alert(alert_id=name, case_ids=(case,), **place)))
        to = "closed_rectified" if name == "right" else "acknowledged"
        for state, extra in (("pushed", {}), (to, values)):
            at = NOW + timedelta(days=2 if extra else 1)
            told.append(
                exactly(
                    AlertStateChanged, alert_id=name, state_from="", state_to=state, occurred_at=at, **place, **extra
                )
            )
    return told


@pytest.fixture
async def url(settings: Settings, database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[str]:
    """The service after the story."""
    db, case = await database("disclosure"), case_id()
    events = story(case)
    await deliver(db, *events[:3])
    async with db.begin(Scope.system()) as conn:
        await SUPERVISION.handle(settings)(conn, [envelope(event) for event in events])
    async with served(disclosure.build(settings)) as address:
        yield address


async def seen(page: Page, picture: Path) -> None:
    """Nothing is cut off."""
    assert await page.evaluate(CUT) == [], page.url
    await page.screenshot(path=picture, scale="css")


async def kept(page: Page, link: str, to: Path) -> None:
    """A link gives a PDF to keep."""
    async with page.expect_download() as download:
        await page.get_by_role("link", name=link, exact=True).click()
    await (await download.value).save_as(to)
    assert PdfReader(to).pages


async def test_from_chart_to_case_and_from_score_to_record(
    url: str, settings: Settings, phone: BrowserContext, pictures: Path, tmp_path: Path
) -> None:
    await phone.add_cookies([{"name": n, "value": v, "url": url} for n, v in session(settings, "x", LEADER).items()])
    page = await phone.new_page()
    await page.goto(f"{url}/desk")
    assert page.url == f"{url}/cockpit", "whoever leads begins with the cockpit"
    await page.goto(f"{url}/cockpit?period=2026-03")
    figure = page.locator(".nums > div")
    await expect(figure.filter(has_text="红色预警").locator(".value")).to_have_text("2")
    await expect(figure.filter(has_text="挽回金额").locator(".value")).to_have_text("1,234.00 元")
    await seen(page, pictures / "leader-cockpit.png")
    await kept(page, "PDF", tmp_path / "report.pdf")

    await page.locator("#by_matter .chart a").first.click()
    await expect(page.locator("h1")).to_contain_text("预警明细")
    row = page.locator("tr", has_text="整改到位")
    await expect(row).to_contain_text("挽回 1,234.00 元")
    await seen(page, pictures / "leader-alerts.png")
    await row.locator("[data-name=案件] a").click()
    await expect(page.locator("main")).to_contain_text(FIRM)

    await page.goto(f"{url}/cockpit?period=2026-03")
    await page.get_by_role("link", name="政治生态评价").click()
    await page.goto(f"{url}/evaluation?quarter=2026Q1&level=village")
    await seen(page, pictures / "leader-evaluation.png")
    await page.locator(f"a[href*='region={VILLAGE}']").click()
    await page.get_by_role("link", name="红色预警率").click()
    await expect(page.locator(".card").first).to_contain_text("实际 12.50(1 / 8)")
    lowers = page.locator("tr", has_text="扣分")
    await expect(lowers).to_have_count(1)
    assert await lowers.locator("a").get_attribute("href") == f"{settings.notifier_url.rstrip('/')}/alerts/right"
    await seen(page, pictures / "leader-records.png")
    await page.locator(".crumbs a").click()
    await seen(page, pictures / "leader-card.png")
    await kept(page, "PDF", tmp_path / "card.pdf")

    await page.goto(f"{url}/evaluation/what-if?quarter=2026Q1")
    await page.get_by_label("流程上线率").fill("0")
    await page.get_by_label("红色预警率").fill("12")
    await page.get_by_role("button", name="试算").click()
    changed = page.locator("section tr", has=page.locator(f"a[href*='region={VILLAGE}']"))
    was = await changed.locator("td.num").nth(0).inner_text()
    await expect(changed.locator("td.num").nth(1)).not_to_have_text(was)
    await seen(page, pictures / "leader-what-if.png")
