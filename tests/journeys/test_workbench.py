"""A secretary's day in a real browser: a red alert arrives and is heard, is worked by keys, is brought to an outcome,
handed over, left lying until it climbs, and stands in the county's view. And the same without JavaScript."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.contracts.alerts import Alert, Bilingual, Evidence, Parameter, Party
from shared.db import Scope
from tests.conftest import eventually
from tests.integration.test_notifier import SECRETARY, World, world
from tests.journeys.test_inbox import page_of
from tests.notifier.samples import COUNTY, NOW, VILLAGE, about, alert, raised

__all__ = ["world"]
pytestmark = pytest.mark.browser
FIRM = Party(kind="company", key="91330421MA2B0C0D1E", name="宏达建筑工程有限公司")
OTHER_FIRM = Party(kind="company", key="91330421MA2B0C0D2C", name="宏源建材经营部")


def shown(zh: str, en: str, rule: str, **changed: object) -> Alert:
    """An alert as a county has them."""
    return alert(
        **{
            "title": Bilingual(zh=zh, en=en),
            "rule_id": rule,
            "parameters": (
                Parameter(name="days", label=Bilingual(zh="时间窗", en="window"), value="180", unit="天/day"),
            ),
            "basis": ("村级小额采购管理办法第八条",),
        }
        | changed
    )


def split() -> Alert:
    return shown(
        "疑似化整为零",
        "Split purchase",
        "A014",
        case_ids=("c1", "c2"),
        case_nos=("CG-2026-001", "CG-2026-007"),
        parties=(FIRM,),
        about=(about("village", VILLAGE),),
        evidence=(
            Evidence(label=Bilingual(zh="三次合计", en="Total of three"), value="52,000.00 元", occurred_at=NOW),
            Evidence(label=Bilingual(zh="供应商", en="Supplier"), value=FIRM.name, source="采购登记"),
        ),
    )


def neighbours() -> list[Alert]:
    """Others of the same town, some tied to it."""
    return [
        shown("供应商与经办人为亲属", "The supplier is kin", "A090", case_ids=("c1",), parties=(FIRM,)),
        shown("先付款后验收", "Paid before acceptance", "A002", case_ids=("c2",), case_nos=("CG-2026-007",)),
        shown("投标人之间关联", "Bidders are tied", "A109", matter="EN", parties=(FIRM, OTHER_FIRM)),
        shown("低价竞标后变更", "Cheap bid, dear change", "A039", matter="EN", parties=(OTHER_FIRM,)),
    ]


async def card_of(page: Page, found: Alert) -> None:
    await expect(page.locator(f"#alert-{found.alert_id}")).to_be_visible()


async def test_a_secretarys_day(world: World, desktop: BrowserContext, phone: BrowserContext, pictures: Path) -> None:
    red, others = split(), neighbours()
    page = await page_of(world, desktop, SECRETARY)
    await page.goto(world.url)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    await page.get_by_role("button", name="声音:关").click()
    await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    await world.tell(raised(red))
    await card_of(page, red)
    await expect(page).to_have_title("(1) 预警收件箱 Alerts · 云睛")
    assert "data:image/svg+xml" in str(await page.locator("link[rel=icon]").get_attribute("href"))
    await expect(page.locator("#sound")).to_have_attribute(
        "data-rang", "2"
    )  # once when switched on, once for the alert
    await expect(page.locator("#announce")).to_contain_text("新红色预警:疑似化整为零")
    # What comes again of the same case within minutes waits for the digest: it is there, and it is quiet.
    await world.tell(*(raised(one) for one in others))
    for one in others:
        await card_of(page, one)
    await expect(page.locator(f"#alert-{others[0].alert_id} .noise")).to_contain_text("汇总提醒")
    heard = 5 - await page.locator(".noise", has_text="汇总提醒").count()
    await expect(page).to_have_title(f"({heard}) 预警收件箱 Alerts · 云睛")
    assert heard < 5
    await page.screenshot(animations="disabled", path=pictures / "workbench-inbox.png")
    await page.reload()
    await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    await expect(page).to_have_title("预警收件箱 Alerts · 云睛")

    # By keys alone.
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("签收")
    await page.screenshot(animations="disabled", path=pictures / "workbench-keys.png")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    first = page.locator(".alert-card").first
    await expect(first).to_be_focused()
    await page.keyboard.press("a")
    await expect(first).to_have_attribute("data-state", "acknowledged")
    await expect(first).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.get_by_label("搜索")).to_be_focused()
    await page.keyboard.type("化整为零")
    await page.keyboard.press("Enter")
    await expect(page.locator(".alert-card")).to_have_count(1)
    assert "text=" in page.url
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")

    # The alert: all that is needed, and an outcome.
    await expect(page.get_by_role("heading", level=1)).to_contain_text("疑似化整为零")
    await expect(page.locator("#related svg.ties")).to_contain_text("宏达建筑")
    await page.wait_for_load_state()
    assert await page.locator("#related svg a").count() >= 6
    await page.screenshot(animations="disabled", path=pictures / "workbench-alert.png", full_page=True)
    acknowledge = page.get_by_role("button", name="签收 Acknowledge")
    if await acknowledge.count():
        await acknowledge.click()
    await page.get_by_role("button", name="开始核查 Begin inquiry").click()
    await page.get_by_label("情况说明").fill("已调取三张发票")
    await page.get_by_role("button", name="反馈核查情况").click()
    form = page.locator("details.move", has_text="不予处置")
    await form.locator("summary").click()
    await form.get_by_label("处置结果").select_option("explanation_accepted")
    await form.get_by_label("采信的正当原因").select_option(label="应急抢修 Emergency repair")
    await form.get_by_label("情况说明").fill("台风后应急抢修,已补手续")
    await form.get_by_role("button", name="不予处置").click()
    await expect(page.locator("#judgement")).to_contain_text("应急抢修")
    await expect(page.locator("#timeline")).to_contain_text("王书记 查阅")
    await expect(page.locator("#timeline")).to_contain_text("已调取三张发票")

    # Handed over to a colleague who has read at this desk.
    given = others[3]
    async with world.caller(SECRETARY, subject="zhao", name="赵副书记") as deputy:
        assert (await deputy.get(f"/v1/alerts/{given.alert_id}")).status_code == 200
    await page.goto(f"{world.url}/alerts/{given.alert_id}")
    await page.get_by_role("button", name="由我承办").click()
    await page.get_by_text("移交同事").click()
    await page.get_by_label("移交给").select_option(label="赵副书记")
    await page.get_by_label("移交说明").fill("我本周外出")
    await page.get_by_role("button", name="移交 Hand over").click()
    await expect(page.locator("#handling")).to_contain_text("赵副书记")
    await page.goto(f"{world.url}/?assigned=nobody")
    await expect(page.locator(f"#alert-{given.alert_id}")).to_have_count(0)

    # Left lying: it climbs to the county, whose view shows it.
    async with world.db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE alerts SET due_by = $1, escalate_at = $1 WHERE state = 'pushed'", _yesterday())
    await eventually(lambda: _all_climbed(world))
    leader = await page_of(world, phone, f"county_secretary@{COUNTY}")
    await leader.goto(f"{world.url}/county")
    await expect(leader.locator("#overdue")).to_contain_text("3")
    assert await leader.evaluate("document.documentElement.scrollWidth") <= 390
    await leader.screenshot(animations="disabled", path=pictures / "workbench-county-phone.png", full_page=True)
    await leader.set_viewport_size({"width": 1280, "height": 860})
    await leader.screenshot(animations="disabled", path=pictures / "workbench-county.png", full_page=True)
    await leader.locator("#overdue tbody a").last.click()
    await expect(leader.locator(".alert-card").first).to_contain_text("逾期")


async def test_on_a_phone_the_deed_is_at_hand(world: World, phone: BrowserContext, pictures: Path) -> None:
    red = split()
    page = await page_of(world, phone, SECRETARY)
    await world.tell(raised(red), *(raised(one) for one in neighbours()))
    await world.arrived(red)
    await page.goto(world.url)
    await expect(page.locator(".alert-card")).to_have_count(5)
    await expect(page.locator("#filters")).to_be_hidden()
    await page.screenshot(animations="disabled", path=pictures / "workbench-inbox-phone.png")
    await page.get_by_role("link", name="筛选 Filter").click()
    await page.get_by_label("事项").select_option("EN")
    await page.screenshot(animations="disabled", path=pictures / "workbench-filters-phone.png")
    await page.get_by_role("button", name="筛选 Apply").click()
    await expect(page.locator(".alert-card")).to_have_count(2)
    await page.locator(".chips a").click()
    await page.locator(f"#alert-{red.alert_id} h2 a").click()
    await expect(page.locator(".act-bar")).to_be_in_viewport()
    await page.screenshot(animations="disabled", path=pictures / "workbench-alert-phone.png")
    await page.get_by_role("button", name="签收 Acknowledge").click()
    await expect(page.locator(".act-bar")).to_contain_text("开始核查")
    await page.screenshot(animations="disabled", path=pictures / "workbench-alert-phone-whole.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_what_comes_lands_on_the_page_where_it_belongs(world: World, desktop: BrowserContext) -> None:
    page = await page_of(world, desktop, SECRETARY)
    await world.tell(*(raised(alert()) for _ in range(31)))
    await eventually(lambda: _there(world, 31))
    await page.goto(world.url)
    await expect(page.locator(".alert-card")).to_have_count(30)
    await page.get_by_role("link", name="下一页").click()
    await expect(page.locator(".alert-card")).to_have_count(1)
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    await world.tell(raised(late := alert()))
    await expect(page.locator("#newer")).to_be_visible()
    await expect(page.locator(".alert-card")).to_have_count(1)
    await page.locator("#newer a").click()
    await expect(page.locator(".alert-card").first).to_have_id(f"alert-{late.alert_id}")
    await expect(page.locator("#live")).to_contain_text("实时接收中")
    await world.tell(
        raised(milder := alert(grade="yellow", about=(about("village", VILLAGE),))), raised(red := alert())
    )
    await card_of(page, red)
    await expect(page.locator(f"#alert-{milder.alert_id}")).to_have_count(0)


async def test_it_works_without_javascript(world: World, browser: Browser) -> None:
    red = split()
    await world.tell(raised(red), *(raised(one) for one in neighbours()))
    await world.arrived(red)
    context = await browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = await page_of(world, context, SECRETARY)
    await page.goto(world.url)
    await expect(page.locator("#sound")).to_be_hidden()
    await page.get_by_label("事项").select_option("EN")
    await page.get_by_label("排序").select_option("newest")
    await page.get_by_role("button", name="筛选 Apply").click()
    await expect(page.locator(".alert-card")).to_have_count(2)
    await page.goto(f"{world.url}/alerts/{red.alert_id}")
    await page.get_by_role("button", name="签收 Acknowledge").click()
    await expect(page.locator("main header").first).to_contain_text("已签收")
    await page.locator("#related svg a").last.click()
    assert "group=" in page.url
    await context.close()


def _yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


async def _all_climbed(world: World) -> bool:
    async with world.db.begin(Scope.system()) as conn:
        return bool(await conn.fetchval("SELECT count(*) = 3 FROM alerts WHERE state = 'pushed' AND escalated"))


async def _there(world: World, count: int) -> bool:
    async with world.db.begin(Scope.system()) as conn:
        return bool(await conn.fetchval("SELECT count(*) >= $1 FROM alerts", count))
