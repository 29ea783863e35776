"""What the pages are to those who can't see them well: axe finds nothing against WCAG 2.2 AA and good practice."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page

from services.approval import app as approval
from services.disclosure import app as disclosure
from shared.db import Database
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.samples import VILLAGE, award, case_id, notice, opened
from tests.disclosure.served import served
from tests.integration.test_disclosure import deliver
from tests.integration.test_paper_log import PRINT, filed, keeper
from tests.integration.test_policies import World, drafted
from tests.integration.test_work import VILLAGE as CLERKS_VILLAGE
from tests.integration.test_work import at_the_head

pytestmark = [pytest.mark.browser, pytest.mark.without_broker]
LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COUNTY = "330421000000"
Visit = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Opens browsers: a villager's phone, or an official's screen with what signs in."""
    async with AsyncExitStack() as opened:

        async def open_(url: str, width: int, headers: Mapping[str, str] | None = None) -> BrowserContext:
            size = {"width": width, "height": 844}
            made = await browser.new_context(base_url=url, viewport=size, extra_http_headers=dict(headers or {}))  # type: ignore[arg-type]
            opened.push_async_callback(made.close)
            return made

        yield open_


async def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds against the levels."""
    told = await Axe().run(page, options={"resultTypes": ["violations"], "runOnly": list(LEVELS)})
    found: list[dict[str, Any]] = told.response["violations"]
    return found


async def faults(context: BrowserContext, *paths: str) -> list[str]:
    """What is wrong on some pages, each fault with its page, its rule and the element."""
    page = await context.new_page()
    found: list[str] = []
    for path in paths:
        answer = await page.goto(path)
        assert answer, path
        assert answer.ok, path
        found += [
            f"{path}: {fault['id']}: {node['html'][:160]} {node['failureSummary'][:160]}"
            for fault in await violations(page)
            for node in fault["nodes"]
        ]
    return found


async def test_axe_finds_what_is_wrong(visit: Visit) -> None:
    page = await (await visit("http://nowhere.test", 390)).new_page()
    await page.set_content("<img src='x.png'><p style='color: #ccc; background: #fff'>村里公开的事</p>")
    assert {fault["id"] for fault in await violations(page)} >= {"image-alt", "color-contrast", "html-has-lang"}


async def test_a_village_its_cases_papers_policies_and_the_work_on_them(
    settings: Settings, database: Callable[[str], Awaitable[Database]], visit: Visit, token: Token
) -> None:
    db, case = await database("disclosure"), case_id()
    ends = datetime.now(UTC) + timedelta(days=3)
    await deliver(db, opened(case), filed(case), award(case), notice(case, ends_at=ends))
    await keeper(settings, db).grow()
    async with served(disclosure.build(settings)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        village, policy = f"/villages/{VILLAGE}", await published(World(settings, url, http))
        about = (f"/cases/{case}", f"/cases/{case}/notice", f"/papers/{case}/{PRINT}", f"{village}/appeal?case={case}")
        lists = ("/?q=xt", village, f"{village}/cases", "/papers", f"{village}/policies", "/appeals/track")
        found = await faults(await visit(url, 390), *about, *lists, policy)
        leader = {"authorization": f"Bearer {token(f'county_leader@{COUNTY}')}"}
        found += await faults(await visit(url, 1280, leader), "/cockpit")
    async with served(approval.build(settings)) as url:
        clerk = {"authorization": f"Bearer {token(f'handler@{CLERKS_VILLAGE}')}"}
        async with httpx.AsyncClient(base_url=url, headers=clerk, trust_env=False) as filing:
            (waiting,) = await at_the_head(filing, "购置办公用纸")
        found += await faults(
            await visit(url, 1280, clerk), "/", "/flows", "/flows/EN5", f"/cases/{waiting['case_id']}"
        )
    assert not found, "\n".join(found)


async def published(world: World) -> str:
    """Where anybody reads a policy that is in force."""
    post = f"county_authority@{COUNTY}"
    async with world.official("one", post) as one, world.official("two", post) as two:
        at = await drafted(one)
        assert (await two.post(f"{at}/publish")).status_code == 303
    return at.removeprefix("/desk")
