"""Nobody sees what isn't his: all end points and pages of the notifier, asked by all roles of all regions, answer as
`tests/notifier/access.yaml` says, and so does the database to plain queries with the service's own role."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from fastapi import FastAPI

from deploy.docs import apps
from services.notifier import app as notifier
from services.notifier.consumer import handle_batch
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC, Alert
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.conftest import Token
from tests.notifier.samples import NOW, TOWN, VILLAGE, about, alert, raised

Open = Callable[[str], Awaitable[Database]]
_FILE = Path(__file__).parent.parent / "notifier" / "access.yaml"
_AT_ONCE = 16
BARRED = "whom-it-is-about"


@cache
def policy() -> dict[str, Any]:
    """The page of who may reach what."""
    told: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return told


@dataclass(frozen=True)
class Someone:
    """A caller: one role in one region; None without a token."""

    grant: Grant | None
    person_key: str = "a-stranger"

    @property
    def scope(self) -> Scope:
        """What the database knows of him."""
        return Scope.of(Principal("someone", "某人", self.person_key, frozenset({self.grant} if self.grant else ())))

    def seated(self, name: str, *groups: str) -> bool:
        """Whether he has one of these seats at a sample alert."""
        if self.grant is None or (name == "barred" and self.person_key == BARRED):
            return False
        seats = [seat for group in groups for seat in policy()["alerts"][name][group].items()]
        return any(self.grant.role == role and self.grant.covers(policy()["regions"][place]) for role, place in seats)


def everybody() -> list[Someone]:
    """All roles in all regions, whom an alert is about, and who has no token."""
    regions = policy()["regions"].values()
    ordinary = [Someone(Grant(role, region)) for role in policy()["roles"] for region in regions]
    concerned = [Someone(Grant(role, TOWN), BARRED) for role in ("town_secretary", "auditor")]
    return [*ordinary, *concerned, Someone(None)]


def samples() -> dict[str, Alert]:
    """One alert of each kind of the page."""
    concerned = about("village", VILLAGE, BARRED)
    return {
        "red": alert(),
        "yellow": alert(grade="yellow", village_visible=True),
        "prompt": alert(grade="prompt"),
        "conflict": alert(about=(about("town", TOWN),)),
        "barred": alert(about=(concerned,), barred=()) if "barred" in Alert.model_fields else alert(about=(concerned,)),
    }


def end_points(app: FastAPI) -> Iterator[str]:
    """Every end point of the service, pages too."""
    for route in app.router.routes:
        included = getattr(route, "effective_route_contexts", None)
        for one in included() if included else (route,):
            for method in (getattr(one, "methods", None) or set()) - {"HEAD"}:
                yield f"{method} {getattr(one, 'path', '')}"


def test_every_end_point_has_its_line() -> None:
    assert sorted(set(end_points(apps.build("notifier")))) == sorted(policy()["lines"])


@dataclass
class Matrix:
    """The running service, and the alerts that lie in it."""

    app: FastAPI
    db: Database
    token: Token
    alerts: dict[str, Alert]
    caller: httpx.AsyncClient
    tokens: dict[Someone, str]

    async def ask(self, who: Someone, end_point: str, found: Alert) -> httpx.Response:
        """Ask one end point as somebody, about one alert."""
        line, (method, path) = policy()["lines"][end_point], end_point.split(" ")
        path = path.replace("{alert_id}", found.alert_id).replace("{desk}", f"town_secretary@{TOWN}")
        path = path.replace("{id}", "999999").replace("{version}", "999999").replace("{rule_id}", "A001")
        while "{" in path:
            path = f"{path[: path.index('{')]}{uuid4()}{path[path.index('}') + 1 :]}"
        headers = {"content-type": "application/pdf"} if "text" in line else {}
        if who.grant:
            headers["authorization"] = f"Bearer {self._token(who.grant, who)}"
        return await self.caller.request(
            method,
            path,
            headers=headers,
            params=line.get("query"),
            json=line.get("body"),
            data=line.get("form"),
            content=line.get("text"),
        )

    def _token(self, grant: Grant, who: Someone) -> str:
        if who not in self.tokens:
            told = f"{grant.role}@{grant.region}"
            self.tokens[who] = self.token(told, subject="someone", person_key=who.person_key)
        return self.tokens[who]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The service's own works beside the test."""
    async with app.router.lifespan_context(app):
        yield


@pytest.fixture
async def matrix(settings: Settings, token: Token, database: Open) -> AsyncIterator[Matrix]:
    db, alerts = await database("notifier"), samples()
    events = [
        Envelope.of(raised(one), source="/detector", topic=RAISED_TOPIC, key=one.alert_id, time=NOW)
        for one in alerts.values()
    ]
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, events)
    app = notifier.build(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://notifier.test") as caller:
        yield Matrix(app, db, token, alerts, caller, {})


async def test_each_end_point_answers_everybody_as_the_page_says(matrix: Matrix) -> None:
    gate, wrong = asyncio.Semaphore(_AT_ONCE), []

    async def judge(who: Someone, end_point: str, name: str) -> None:
        async with gate:
            answer = await matrix.ask(who, end_point, matrix.alerts[name])
        if fault := misfit(who, end_point, name, answer, matrix.alerts):
            wrong.append(f"{end_point} {name}: {fault} <- {who}")

    for reading in (True, False):
        asked = [end_point for end_point in policy()["lines"] if end_point.startswith("GET ") == reading]
        cells = [judge(who, one, name) for one in asked for name in about_which(one) for who in whom(one)]
        await asyncio.gather(*cells)
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *sorted(wrong)[:: max(1, len(wrong) // 40)]])


def about_which(end_point: str) -> tuple[str, ...]:
    """About which sample alerts an end point is asked: all of them where an alert is read whole."""
    if policy()["lines"][end_point]["who"] != "reader":
        return ("red",)
    return tuple(policy()["alerts"]) if end_point.endswith("alerts/{alert_id}") else ("red", "barred")


def whom(end_point: str) -> list[Someone]:
    """Who asks: everybody where the region counts; where only the role does, each role once."""
    line = policy()["lines"][end_point]
    if line["who"] == "anyone":
        return []
    if line["who"] in ("reader", "holder") or "alerts" in line:
        return everybody()
    return [Someone(Grant(role, TOWN)) for role in policy()["roles"]] + [Someone(None)]


def misfit(who: Someone, end_point: str, name: str, answer: httpx.Response, alerts: dict[str, Alert]) -> str:
    """What is wrong with an answer; empty when it is as the page says."""
    line, status = policy()["lines"][end_point], answer.status_code
    allowed = expected(who, line, name) if who.grant else {401} if end_point.startswith("GET ") else {401, 403}
    if status not in allowed:
        return f"{status}, not one of {sorted(allowed)[:6]}"
    if "alerts" in line and status == 200:
        shown = listed(answer, line["alerts"])
        seated = {one.alert_id for key, one in alerts.items() if who.seated(key, "holders", "readers")}
        if shown != seated:
            return f"lists {len(shown)} alerts, not {len(seated)}"
    return ""


def listed(answer: httpx.Response, shape: str) -> set[str]:
    """The alerts of a list."""
    if shape == "items":
        return {item["alert_id"] for item in answer.json()["items"]}
    return {json.loads(text)["alert_id"] for text in answer.text.splitlines() if text}


def expected(who: Someone, line: dict[str, Any], name: str) -> set[int]:
    """The answers that are right."""
    found = {200, 201, 202, 204, 303}
    refused = set(range(400, 500)) - {401, 404}
    match line["who"]:
        case "signed_in":
            return set(line.get("gives", found)) | set(line.get("or", ()))
        case "none":
            return set(line.get("gives", {403, 404, 409, 422}))
        case "reader":
            return found if who.seated(name, "holders", "readers") else {404}
        case "holder":
            if who.seated(name, "holders"):
                return found | refused
            return {403} if who.seated(name, "readers") else {404}
        case roles:
            return found | set(line.get("or", ())) if who.grant and who.grant.role in roles else {403}


_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS secured,
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'alert_id') AS of_alerts
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY 1
"""


async def test_the_database_itself_shows_everybody_the_same(matrix: Matrix) -> None:
    """Each table with an alert's id shows of these only what the page says; a table that hides nothing is declared."""
    names = {one.alert_id: name for name, one in matrix.alerts.items()}
    async with matrix.db.begin(Scope.system()) as conn:
        tables = await conn.fetch(_TABLES)
    assert [one["name"] for one in tables if not one["secured"]] == policy()["open_tables"]
    of_alerts = [one["name"] for one in tables if one["of_alerts"]]
    assert {"alerts", "inbox", "history", "stream_events"} <= set(of_alerts)
    for who in everybody():
        seated = {name for name in names.values() if who.seated(name, "holders", "readers")}
        async with matrix.db.begin(who.scope, readonly=True) as conn:
            for table in of_alerts:
                rows = await conn.fetch(f"SELECT DISTINCT alert_id::text AS id FROM {table}")
                shown = {names[row["id"]] for row in rows}
                assert shown <= seated, (who, table)
                if table in ("alerts", "inbox", "history", "stream_events"):
                    assert shown == seated, (who, table)
