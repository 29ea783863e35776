"""The evaluation over a real database: cards, records, who sees what, figures, seal and revision, bad input."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.disclosure import app as disclosure
from services.disclosure.evaluation.indicators import Level, plan
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.read_models import SUPERVISION
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC, AlertStateChanged
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.samples import exactly, opened
from tests.notifier.samples import alert, raised

pytestmark = pytest.mark.without_broker
TOWN, OTHER_TOWN, COUNTY = "330421107000", "330421105000", "330421000000"
VILLAGE, OTHER = "330421107201", "330421105201"
FIRST = {"quarter": "2026Q1"}
AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
KEEPER = f"county_secretary@{COUNTY}"


def story() -> list[Any]:
    """Eight flows of the village, one red alert found right, one of another village open."""
    events: list[Any] = [opened(f"case-{n}") for n in range(8)]
    place = {"village_code": VILLAGE, "town_code": TOWN, "rule_id": "A001", "grade": "red", "matter": "EN"}
    events.append(raised(alert(alert_id="right", **place)))
    for days, state in enumerate(("pushed", "acknowledged", "closed_rectified")):
        told = {"state_from": "", "state_to": state, "occurred_at": AT + timedelta(days=days)}
        ended = {"outcome": "rectified", "people": 1} if state == "closed_rectified" else {}
        events.append(exactly(AlertStateChanged, alert_id="right", **place, **told, **ended))
    return events


@dataclass
class World:
    """The service, and how to ask it."""

    app: FastAPI
    client: httpx.AsyncClient
    token: Token

    async def ask(
        self, method: str, path: str, grant: str, who: str = "reader", body: Any = None, **query: str
    ) -> httpx.Response:
        """As somebody with this grant, of the first quarter of 2026 unless another is named."""
        headers = {"authorization": f"Bearer {self.token(grant, subject=who)}"}
        return await self.client.request(method, path, headers=headers, params=FIRST | query, json=body)

    async def get(self, path: str, grant: str, **query: str) -> Any:
        """What is answered."""
        answer = await self.ask("GET", path, grant, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def sealed(self, reason: str = "") -> httpx.Response:
        """One proposes, another approves."""
        before = await self.get("/v1/evaluation/seals/preview", KEEPER)
        proposed = await self.ask("POST", "/v1/evaluation/seals", KEEPER, "one", {"reason": reason})
        assert proposed.status_code == 201, proposed.text
        path = f"/v1/evaluation/seals/{proposed.json()['id']}"
        held = await self.get(path, KEEPER)
        same = ("becomes", "bands", "undecided", "too_little", "vetoed", "changed", "cards")
        assert [held[name] for name in same] == [before[name] for name in same]
        assert (before["seal_id"], held["seal_id"]) == (None, proposed.json()["id"])
        page = await self.ask("GET", f"/evaluation/work/seals/{proposed.json()['id']}", KEEPER, "two")
        assert "同意封存" in page.text
        own = await self.ask("POST", path, KEEPER, "one", {"approve": True})
        assert (own.status_code, own.json()["type"]) == (409, "/problems/another-person-needed")
        return await self.ask("POST", path, KEEPER, "two", {"approve": True})

    async def figures(self, *given: tuple[str, str, float]) -> None:
        """Figures that two people have told."""
        told = [{"village": village, "name": name, "value": value} for village, name, value in given]
        drafted = await self.ask("POST", "/v1/evaluation/figures", KEEPER, "one", {"figures": told})
        assert drafted.status_code == 201, drafted.text
        path = f"/v1/evaluation/figures/{drafted.json()['id']}"
        assert (await self.ask("POST", path, KEEPER, "one", {"approve": True})).status_code == 409
        assert (await self.ask("POST", path, KEEPER, "two", {"approve": True})).json()["state"] == "approved"


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
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://disclosure.test") as client,
    ):
        yield World(app, client, token)


def line_of(card: Any, line: str) -> Any:
    return next(one for one in card["lines"] if one["indicator"] == line)


async def test_a_card_leads_to_its_records_as_far_as_the_reader_may_know(world: World) -> None:
    card = await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE)
    red = line_of(card, "G21")
    assert (card["provisional"], red["met"], red["due"], red["value"]) == (True, 1, 8, 12.5)
    path = "/v1/evaluation/card/records/G21"
    records = (await world.get(path, KEEPER, region=VILLAGE))["records"]
    assert [one["id"] for one in records if one["kind"] == "alert"] == ["right"]
    assert len(records) == 9
    own = f"village_head@{VILLAGE}"
    assert line_of(await world.get("/v1/evaluation/card", own), "G21")["met"] == 1
    withheld = await world.get(path, own)
    assert (withheld["withheld"], withheld["records"]) == (True, [])


async def test_nobody_sees_another_region(world: World) -> None:
    for region in (OTHER, OTHER_TOWN, COUNTY, "330482000000"):
        for path in ("/v1/evaluation/card", "/v1/evaluation/cards", "/v1/evaluation/comparison", "/evaluation/card"):
            answer = await world.ask("GET", path, f"town_secretary@{TOWN}", region=region)
            assert answer.status_code == 403, (path, region)
    listed = await world.get("/v1/evaluation/cards", f"town_secretary@{TOWN}")
    assert {one["region"]["code"][:9] for one in listed["cards"]} == {TOWN[:9]}
    assert (await world.ask("GET", "/v1/evaluation/cards", f"town_secretary@{COUNTY}")).status_code == 403
    county = await world.get("/v1/evaluation/cards", KEEPER, level="town")
    assert {one["level"] for one in county["cards"]} == {"town"}
    assert len(county["cards"]) > 1


async def test_a_sealed_quarter_stays_and_a_revision_says_why(world: World) -> None:
    await world.figures((VILLAGE, "residents", 800), (VILLAGE, "outside_items", 2))
    assert (await world.sealed()).json()["state"] == "sealed"
    first = await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE)
    assert (first["revision"], line_of(first, "G11")["due"]) == (1, 10)

    await world.figures((VILLAGE, "outside_items", 8))
    still = await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE)
    assert (still["revision"], line_of(still, "G11")["due"]) == (1, 10)
    await the_preview_tells_what_a_revision_changes(world)
    unsaid = await world.ask("POST", "/v1/evaluation/seals", KEEPER, "one", {"reason": " "})
    assert (unsaid.status_code, unsaid.json()["errors"][0]["field"]) == (422, "body.reason")
    assert (await world.sealed("补报未上线事项")).status_code == 200
    second = await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE)
    assert (second["revision"], second["reason"], line_of(second, "G11")["due"]) == (2, "补报未上线事项", 16)
    assert await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE, revision="1") == first
    # Who sees a card sees it sealed, and its records.
    own = await world.get("/v1/evaluation/card", f"village_head@{VILLAGE}")
    assert (own["revision"], own["card"]["score"]) == (2, second["card"]["score"])
    records = await world.get("/v1/evaluation/card/records/G21", f"town_secretary@{TOWN}", region=VILLAGE)
    assert len(records["records"]) == 9
    assert (await world.ask("GET", "/v1/evaluation/card", KEEPER, region=VILLAGE, revision="3")).status_code == 404
    await what_if_changes_nothing(world)


async def the_preview_tells_what_a_revision_changes(world: World) -> None:
    told = await world.get("/v1/evaluation/seals/preview", KEEPER)
    assert (told["becomes"], told["settled"], told["waiting_figures"]) == (2, True, 0)
    changed = {one["region"]["code"] for one in told["cards"] if one["changed"]}
    assert VILLAGE in changed
    assert told["changed"] == len(changed) < len(told["cards"])
    by_band = sum(told["bands"].values()) + told["undecided"] + told["too_little"]
    assert by_band == len(told["cards"])


async def what_if_changes_nothing(world: World) -> None:
    same = (await world.ask("POST", "/v1/evaluation/what-if", KEEPER, body={"weights": {}})).json()["cards"]
    assert all((one["old"], one["old_rank"]) == (one["new"], one["new_rank"]) for one in same)
    other = await world.ask("POST", "/v1/evaluation/what-if", KEEPER, body={"weights": {"G11": 0, "G21": 12}})
    told = {one["region"]["code"]: one for one in other.json()["cards"]}
    assert told[VILLAGE]["old"] != told[VILLAGE]["new"]
    assert told[VILLAGE]["old"] == (await world.get("/v1/evaluation/card", KEEPER, region=VILLAGE))["card"]["score"]


async def test_what_is_wrong_is_named_and_changes_nothing(world: World) -> None:
    for weights, at in (({"G12": -1}, "G12"), ({"G12": 9}, ""), ({"nothing": 1}, "nothing"), ({"G12": 101}, "G12")):
        answer = await world.ask("POST", "/v1/evaluation/what-if", KEEPER, body={"weights": weights})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == f"body.weights.{at}".rstrip("."), answer.text
    headers = {"authorization": f"Bearer {world.token(KEEPER)}", "content-type": "application/json"}
    nan = await world.client.post("/v1/evaluation/what-if", content='{"weights": {"G12": NaN}}', headers=headers)
    assert nan.status_code in (400, 422)
    for quarter in ("2026Q5", "x", str(Quarter.of(datetime.now(UTC)).plus(1))):
        answer = await world.ask("GET", "/v1/evaluation/cards", KEEPER, quarter=quarter)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.quarter")
    assert (await world.ask("GET", "/v1/evaluation/cards", KEEPER, region="33")).status_code == 422
    running = str(Quarter.of(datetime.now(UTC)))
    early = await world.ask("POST", "/v1/evaluation/seals", KEEPER, body={}, quarter=running)
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-settled")
    wrong = {"figures": [{"village": "330482107201", "name": "residents", "value": 1}]}
    answer = await world.ask("POST", "/v1/evaluation/figures", KEEPER, body=wrong)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "figures.0")
    not_his = await world.ask("POST", "/v1/evaluation/figures", KEEPER, body=wrong, region=TOWN)
    assert not_his.status_code == 403


async def test_pages_files_and_print(world: World) -> None:
    page = await world.ask("GET", "/evaluation", KEEPER)
    assert page.status_code == 200
    assert "政治生态评价" in page.text
    for path in ("/evaluation/what-if", "/evaluation/work", "/evaluation/work/preview"):
        assert (await world.ask("GET", path, KEEPER)).status_code == 200, path
    wrong = await world.ask("GET", "/evaluation/what-if", KEEPER, **{"w.G12": "x"})
    assert "应为 0 或 0.01 至 100 的数" in wrong.text
    card = await world.ask("GET", "/evaluation/card", KEEPER, region=VILLAGE)
    assert "/evaluation/card/records/G21" in card.text
    records = await world.ask("GET", "/evaluation/card/records/G21", KEEPER, region=VILLAGE)
    assert "/alerts/right" in records.text
    village = await world.ask("GET", "/evaluation/card", f"village_head@{VILLAGE}")
    assert "/evaluation/card/records/G21" not in village.text
    csv = await world.ask("GET", "/evaluation/cards.csv", KEEPER)
    assert VILLAGE in csv.text
    assert (await world.ask("GET", "/evaluation/cards.xlsx", KEEPER)).content[:2] == b"PK"
    pdf = await world.ask("GET", "/evaluation/card.pdf", KEEPER, region=VILLAGE)
    assert pdf.status_code == 200, pdf.text
    assert pdf.content.startswith(b"%PDF")


async def test_the_tables_name_the_readers_of_the_plan(world: World) -> None:
    db: Database = world.app.state.db
    places: dict[Level, str] = {"city": "330400000000", "county": COUNTY, "town": TOWN, "village": VILLAGE}
    every = {role for roles in plan().readers.values() for role in roles} | {"handler"}
    for level, place in places.items():
        for role in every:
            async with db.begin(Scope(place, f"{role}@{place}", "x"), readonly=True) as conn:
                let = bool(await conn.fetchval("SELECT evaluation_places()"))
            assert let == (role in plan().readers[level]), (level, role)
