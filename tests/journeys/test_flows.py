"""Three flows walked in a browser from the opening to their end, each node by the form of whoever acts there.

All 22 are walked through the API in `tests/integration/test_flows_walked.py`.
"""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import BrowserContext, Page, expect

from services.approval.flows import HANDLER, Flow, Node, load
from shared.db import Database
from tests.integration.test_flows_walked import end_notice
from tests.integration.test_work import VILLAGE
from tests.journeys.conftest import Visitor
from tests.journeys.forms import complete_node, open_case

TOWN, COUNTY = VILLAGE[:9] + "000", VILLAGE[:6] + "000000"
_ACCOUNT = "6222021234567890123"
_GIVEN = {
    "SE1": {"seal_purpose": "开具居住证明", "seal_kind": "村委会公章", "copies": "2"},
    "PR1": {
        "item": "办公用纸",
        "estimate_fen": "1200",
        "budget_fen": "1200",
        "award_fen": "1180",
        "invoice_no": "25332000",
    }
    | {
        "invoice_no": "25332000",
        "invoice_fen": "1180",
        "payment_fen": "1180",
        "payee_account_key": _ACCOUNT,
        "inspectors": "王五、赵六",
    },
    "RE2": {"beneficiary_name": "陈阿大", "relief_kind": "临时救助", "beneficiary_key": "11010519491231002X"}
    | {"household_size": "2", "household_income_fen": "600", "relief_fen": "2000", "payment_fen": "2000"}
    | {"inspectors": "王五、赵六"},
}
pytestmark = [pytest.mark.browser, pytest.mark.without_broker]


@pytest.mark.parametrize("code", _GIVEN)
async def test_a_flow_is_walked_by_its_forms(
    code: str, visitor: Visitor, database: Callable[[str], Awaitable[Database]]
) -> None:
    db = await database("approval")
    flow, people = load().flows[code], dict[str, BrowserContext]()
    clerk = await _page(people, visitor, HANDLER, "opener")
    await clerk.goto("/")
    opening = {use.name for use in flow.form}
    await open_case(clerk, code, f"走一遍{flow.name.zh}", **_some(code, opening))
    case = clerk.url
    for node in flow.nodes:
        await _do(await _page(people, visitor, *_filer(node)), case, flow, node, db)
    await clerk.goto(case)
    await expect(clerk.locator("main")).to_contain_text("已办结")
    for node in flow.nodes:
        await expect(clerk.locator("main")).to_contain_text(node.name.zh)
    for context in people.values():
        await context.close()


def _filer(node: Node) -> tuple[str, str]:
    """Who files a node: nobody files two that follow each other, so that no one decides on his own doing."""
    role = node.role if HANDLER not in node.filers else HANDLER
    return role, f"{role} {node.order % 2}"


def _some(code: str, names: set[str]) -> dict[str, str]:
    return {name: value for name, value in _GIVEN[code].items() if name in names}


async def _page(people: dict[str, BrowserContext], visitor: Visitor, role: str, name: str) -> Page:
    if name not in people:
        place = TOWN if role.startswith("town") else COUNTY if role.startswith("county") else VILLAGE
        people[name] = await visitor(name, f"{role}@{place}")
    context = people[name]
    return context.pages[0] if context.pages else await context.new_page()


async def _do(page: Page, case: str, flow: Flow, node: Node, db: Database) -> None:
    await page.goto(case)
    if node.order > 1 and flow.nodes[node.order - 2].notice_days:
        await expect(page.locator("main")).to_contain_text("公示期至")
        await end_notice(db, case.rsplit("/", 1)[1])
        await page.goto(case)
    await complete_node(page, **_some(flow.code, {use.name for use in node.form}))
