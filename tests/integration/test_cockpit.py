"""The cockpit over a real database: who reaches what, that numbers and lists agree, files, the report, the trail."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import yaml
from fastapi import FastAPI
from playwright.async_api import Browser
from pypdf import PdfReader

from services.disclosure import app as disclosure
from services.disclosure.cockpit import shown
from services.disclosure.read_models import SUPERVISION
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC, AlertStateChanged
from shared.contracts.proposals import ProposalChanged
from shared.db import Database, Scope
from shared.principals import Grant
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.samples import FIRM, award, bids_in, exactly, opened
from tests.disclosure.served import served
from tests.integration.test_access import end_points
from tests.notifier.samples import about, alert, raised, withdrawn

pytestmark = pytest.mark.without_broker
MARCH = {"period": "2026-03"}
TOWN, OTHER_TOWN, COUNTY = "330421107000", "330421105000", "330421000000"
VILLAGE, OTHER_VILLAGE = "330421107201", "330421105201"
AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
_ABOUT = {"county": ("town", TOWN), "city": ("county", COUNTY)}


@cache
def policy() -> dict[str, Any]:
    """The page of who may reach what."""
    told: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parent.parent / "disclosure" / "access.yaml").read_text("utf-8")
    )
    return told


def story() -> list[Any]:
    """The sample alerts, one of them judged, one withdrawn, and two cases."""
    events: list[Any] = []
    for name, one in policy()["alerts"].items():
        concerned = (about(*_ABOUT[one["above"]]),) if "above" in one else ()
        place = {"village_code": one["village"], "town_code": one["village"][:9] + "000", "case_ids": ("one",)}
        events.append(raised(alert(alert_id=name, rule_id="A001", matter="EN", about=concerned, **place)))
    gone = alert(alert_id="gone", rule_id="A001", village_code=VILLAGE, town_code=TOWN)
    events += [raised(gone), withdrawn(gone)]
    moves: dict[str, dict[str, Any]] = {"pushed": {"due_by": AT + timedelta(days=1)}, "acknowledged": {}}
    moves["closed_rectified"] = {"outcome": "rectified", "recovered_fen": 123_400, "people": 1}
    for day, (state, values) in enumerate(moves.items()):
        place = {"village_code": VILLAGE, "town_code": TOWN, "grade": "red", "matter": "EN", "rule_id": "A001"}
        told = {"state_from": "", "state_to": state, "occurred_at": AT + timedelta(days=day)}
        events.append(exactly(AlertStateChanged, alert_id="plain", **place, **told, **values))
    other: dict[str, Any] = {"village_code": OTHER_VILLAGE, "town_code": OTHER_TOWN}
    served: dict[str, Any] = {"proposal_id": "adopted", "origin": "pattern", "addressee": "town_office", "alerts": 4}
    served |= {"region_code": TOWN, "issued_by": COUNTY, "rule_id": "A001", "matter": "EN"}
    steps = ("draft", "served", "replied", "adopted")
    for day, (state, to) in enumerate(pairwise(steps)):
        at = AT + timedelta(days=day)
        events.append(exactly(ProposalChanged, **served, state_from=state, state_to=to, occurred_at=at))
    return [opened("one"), bids_in("one"), award("one"), opened("two", **other), *events]


@dataclass
class World:
    """The service, and how to ask it."""

    app: FastAPI
    db: Database
    client: httpx.AsyncClient
    token: Token

    async def ask(self, path: str, *grants: str, **query: str) -> httpx.Response:
        """As somebody with these grants."""
        headers = {"authorization": f"Bearer {self.token(*grants, subject='reader')}"} if grants else {}
        return await self.client.get(path, headers=headers, params=MARCH | query if "from" not in query else query)


@asynccontextmanager
async def started(app: FastAPI) -> AsyncIterator[None]:
    """The service's own works beside the test."""
    async with app.router.lifespan_context(app):
        yield


@pytest.fixture
async def world(
    settings: Settings, token: Token, database: Callable[[str], Awaitable[Database]]
) -> AsyncIterator[World]:
    db = await database("disclosure")
    events = [Envelope.of(e, source="/t", topic=RAISED_TOPIC, key="k", time=e.occurred_at) for e in story()]
    async with db.begin(Scope.system()) as conn:
        await SUPERVISION.handle(settings)(conn, events)
    app = disclosure.build(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://disclosure.test") as client:
        yield World(app, db, client, token)


def seen_by(role: str, region: str) -> set[str]:
    """The sample alerts that the page lets somebody see."""
    levels = {"village": 1, "town": 2, "county": 3, "city": 4}
    own = next(
        level
        for level, code in [("city", "00000000"), ("county", "000000"), ("town", "000"), ("village", "")]
        if region.endswith(code)
    )
    if role not in policy()["readers"]:
        return set()
    found = set()
    for name, one in policy()["alerts"].items():
        high_enough = levels[own] >= levels[one.get("above", "village")]
        audits = role == "auditor" and own == "county" and one.get("county_auditor")
        if Grant(role, region).covers(one["village"]) and (high_enough or audits):
            found.add(name)
    return found


async def test_each_end_point_answers_everybody_as_the_page_says(world: World) -> None:
    lines = policy()["lines"]
    assert sorted(lines) == sorted(point for point in end_points(world.app) if "/cockpit" in point)
    gate, wrong = asyncio.Semaphore(8), []

    async def judge(point: str, role: str, region: str) -> None:
        line = lines[point]
        path = point.removeprefix("GET ").replace("{shape}", line.get("shape", ""))
        async with gate:
            answer = await world.ask(path, f"{role}@{region}", period="2026-03")
        right = 200 if role in policy()["readers"] else 403
        if answer.status_code != right:
            wrong.append(f"{point} {role}@{region}: {answer.status_code}, not {right}")
        elif line.get("lists") and right == 200:
            shown = {item["alert_id"] for item in answer.json()["items"]}
            if shown != seen_by(role, region):
                wrong.append(f"{role}@{region} sees {sorted(shown)}, not {sorted(seen_by(role, region))}")

    asked = []
    for point, line in lines.items():
        assert (await world.ask(point.removeprefix("GET ").replace("{shape}", "csv"))).status_code == 401, point
        for role in policy()["roles"]:
            reader = role in policy()["readers"]
            every = policy()["regions"].values() if line.get("lists") and reader else [TOWN]
            asked += [judge(point, role, region) for region in every if not (line.get("once") and role == "auditor")]
    await asyncio.gather(*asked)
    assert not wrong, "\n".join(sorted(wrong))


async def test_nobody_reaches_another_region_by_its_code(world: World) -> None:
    for path in ("/v1/cockpit", "/v1/cockpit/alerts", "/cockpit/alerts.csv", "/cockpit/report"):
        for region in (OTHER_TOWN, COUNTY, "330482000000"):
            assert (await world.ask(path, f"town_secretary@{TOWN}", region=region)).status_code == 403
        assert (await world.ask(path, f"county_leader@{COUNTY}", region=TOWN)).status_code == 200
    for query in ({"region": "33042"}, {"period": "2026-14"}, {"from": "2026-03-02", "to": "2026-03-01"}):
        answer = await world.ask("/v1/cockpit", f"county_leader@{COUNTY}", **query)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith("query.")
    answer = await world.ask("/v1/cockpit/alerts", f"county_leader@{COUNTY}", after="nonsense")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-cursor")


async def test_every_number_leads_to_just_what_it_counts(world: World) -> None:
    """Each figure that counts rows equals the length of the list behind it."""
    reader = "city_secretary@330400000000"
    overview = (await world.ask("/v1/cockpit", reader, region=COUNTY)).json()
    values = {one["key"]: one for one in overview["figures"]}
    assert (values["red"]["value"], values["withdrawn"]["value"], values["recovered"]["value"]) == (4, 1, 123_400)
    assert values["at_stake"]["value"] == 3_800_000
    counts = ("red", "yellow", "process", "overdue", "withdrawn", "reopened", "cases_opened", "cases_closed", "steps")
    for key in counts:
        name, filters = shown.BEHIND[key]
        items = (await world.ask(f"/v1/cockpit/{name}", reader, region=COUNTY, **filters)).json()["items"]
        assert len(items) == values[key]["value"], key
    for key, of in (("acknowledged", "red"), ("closed", "red")):
        items = (await world.ask("/v1/cockpit/alerts", reader, region=COUNTY, **shown.BEHIND[key][1])).json()["items"]
        assert len(items) / values[of]["value"] == values[key]["value"]
    judged = (await world.ask("/v1/cockpit/alerts", reader, region=COUNTY, state="recovered")).json()["items"]
    assert [one["recovered_fen"] for one in judged] == [123_400]
    assert judged[0]["link"].endswith("/alerts/plain")
    for key in ("proposals", "proposals_adopted"):
        path, filters = shown.BEHIND[key]
        behind = (await world.ask(f"/v1/cockpit/{path}", reader, region=COUNTY, **filters)).json()["items"]
        assert [(one["adopted"], one["region"]["code"]) for one in behind] == [("adopted", TOWN)], key
    assert behind[0]["link"].endswith("/proposals/adopted")
    later = {"period": "2026-04", "institution": "works"}
    counts_of_works = {"served": 0, "so_far": 1}
    for which, number in counts_of_works.items():
        found = await world.ask("/v1/cockpit/proposals", reader, region=COUNTY, which=which, **later)
        assert len(found.json()["items"]) == number, which
    contractor = overview["contractors"][0]
    assert (contractor["name"], contractor["alerts"]) == (FIRM, 4)
    behind = await world.ask("/v1/cockpit/alerts", reader, region=COUNTY, contractor=contractor["key"], grade="graded")
    assert len(behind.json()["items"]) == 4


async def test_lists_turn_pages_by_a_stable_cursor(world: World) -> None:
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await world.ask("/v1/cockpit/alerts", "city_secretary@330400000000", limit="1", **after)).json()
        found += [item["alert_id"] for item in page["items"]]
        if not page["next"]:
            break
        after = {"after": page["next"]}
    assert sorted(found) == sorted(policy()["alerts"])
    for name in ("cases", "steps"):
        first = (await world.ask(f"/v1/cockpit/{name}", f"county_leader@{COUNTY}", limit="1")).json()
        rest = (await world.ask(f"/v1/cockpit/{name}", f"county_leader@{COUNTY}", after=first["next"])).json()
        assert (len(first["items"]), len(rest["items"]), rest["next"]) == (1, 1, None)


async def test_pages_files_and_report_say_the_same_and_are_on_record(world: World, tmp_path: Path) -> None:
    leader = f"county_leader@{COUNTY}"
    page = (await world.ask("/cockpit", leader)).text
    assert "<svg" in page
    assert "先实施" in page or "化整为零" in page
    assert "http://127.0.0.1:8103/alerts/plain" in (await world.ask("/cockpit/alerts", leader)).text
    assert FIRM in (await world.ask("/cockpit/cases", leader)).text
    for name in ("alerts", "cases", "steps", "proposals"):
        rows = list(
            csv.reader(io.StringIO((await world.ask(f"/cockpit/{name}.csv", leader)).content.decode("utf-8-sig")))
        )
        book = openpyxl.load_workbook(io.BytesIO((await world.ask(f"/cockpit/{name}.xlsx", leader)).content))
        items = (await world.ask(f"/v1/cockpit/{name}", leader)).json()["items"]
        assert len(rows) - 1 == len(list(book.worksheets[0].iter_rows())) - 1 == len(items) > 0
    report = (await world.ask("/cockpit/report", leader)).text
    printed = await world.ask("/cockpit/report.pdf", leader)
    assert printed.headers["content-type"] == "application/pdf"
    file = tmp_path / "report.pdf"
    file.write_bytes(printed.content)
    text = "".join(each.extract_text() for each in PdfReader(file).pages).replace("\n", "")
    for words in ("嘉善县小微权力监督情况报告", "3.80 万元", "1,234.00 元", FIRM):
        assert words in report, words
        assert words in text, words
    async with world.db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch("SELECT DISTINCT action FROM audit_log WHERE object LIKE 'cockpit:%'")
    assert {row["action"] for row in rows} == {
        f"cockpit.{deed}" for deed in ("viewed", "listed", "exported", "printed")
    }


@pytest.mark.browser
async def test_a_leader_goes_from_a_number_to_the_alert(world: World, browser: Browser, token: Token) -> None:
    headers = {"authorization": f"Bearer {token(f'county_leader@{COUNTY}', name='朱慧')}"}
    asked: list[str] = []
    async with served(world.app) as url:
        for width in (1280, 390):
            context = await browser.new_context(extra_http_headers=headers, viewport={"width": width, "height": 844})
            page = await context.new_page()
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(f"{url}/cockpit?period=2026-03")
            assert await page.locator("figure.chart svg").count() >= 3
            await page.locator("dl.nums a").first.click()
            await page.wait_for_url("**/cockpit/alerts?**grade=red")
            assert await page.locator("a[href$='/alerts/plain']").count() == 1
            async with page.expect_download() as download:
                await page.get_by_role("link", name="CSV").click()
            assert (await download.value).suggested_filename == f"cockpit-alerts-{COUNTY}-2026-03-01-2026-03-31.csv"
            for path in ("cockpit", "cockpit/alerts", "cockpit/cases", "cockpit/steps", "cockpit/report"):
                await page.goto(f"{url}/{path}?period=2026-03")
                wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wider <= 0, (path, width)
            await context.close()
    assert all(each.startswith((url, "data:")) for each in asked), "nothing from outside"
