"""Inquiries, proposals and exports on a real PostgreSQL, through the API and the pages."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from openpyxl import load_workbook

from services.notifier import app as notifier
from services.notifier.folders import folder_clock
from shared.contracts.alerts import LIFECYCLE_TOPIC, Alert, AlertUpdated, Bilingual
from shared.contracts.proposals import ProposalChanged
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.served import served
from tests.integration.test_notifier import World, deliver
from tests.notifier.samples import COUNTY, OTHER_TOWN, TOWN, VILLAGE, about, alert, raised

Open = Callable[[str], Awaitable[Database]]
SECRETARY, INSPECTOR = f"town_secretary@{TOWN}", f"town_inspector@{TOWN}"
ME = {"subject": "wang", "person_key": "wang-key"}


@pytest.fixture
async def world(settings: Settings, database: Open, token: Token) -> AsyncIterator[World]:
    db = await database("notifier")
    async with served(notifier.build(settings)) as url:
        yield World(settings, db, url, token)


async def on_desk(world: World, count: int = 2, **changed: Any) -> list[Alert]:
    found = [alert(**changed) for _ in range(count)]
    await deliver(world.db, *(raised(one) for one in found))
    return found


async def opened(caller: httpx.AsyncClient, alerts: list[Alert], **more: Any) -> dict[str, Any]:
    body = {"title": "系列采购", "alerts": [one.alert_id for one in alerts]} | more
    answer = await caller.post("/v1/inquiries", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.without_broker
async def test_alerts_are_merged_and_brought_to_one_outcome(world: World) -> None:
    found = await on_desk(world, 3)
    async with world.caller(SECRETARY, **ME) as secretary:
        body = {"title": "系列采购", "alerts": [one.alert_id for one in found[:2]]}
        key = {"idempotency-key": "open-1"}
        made = (await secretary.post("/v1/inquiries", json=body, headers=key)).json()
        again = (await secretary.post("/v1/inquiries", json=body, headers=key)).json()
        assert (again["inquiry_id"], made["number"]) == (made["inquiry_id"], f"线{datetime.now(UTC).year}-0001")
        reused = await secretary.post("/v1/inquiries", json=body | {"title": "另一"}, headers=key)
        assert reused.json()["type"] == "/problems/idempotency-key-reused"
        twice = await secretary.post("/v1/inquiries", json=body)
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/alert-in-inquiry")
        path = f"/v1/inquiries/{made['inquiry_id']}"
        added = await secretary.post(f"{path}/alerts", json={"alert_id": found[2].alert_id})
        assert added.json()["alerts"] == 3
        bare = await secretary.post(f"{path}/alerts/{found[2].alert_id}/remove", json={"reason": ""})
        assert bare.json()["errors"][0]["field"] == "reason"
        taken = await secretary.post(f"{path}/alerts/{found[2].alert_id}/remove", json={"reason": "与本案无关"})
        assert taken.json()["alerts"] == 2
        for move in [
            {"to": "under_inquiry"},
            {"to": "reported", "note": "三笔采购同日开票"},
            {"to": "concluded", "note": "诫勉", "outcome": "admonition", "recovered_fen": 5_200_000},
        ]:
            answer = await secretary.post(f"{path}/moves", json=move)
            assert answer.status_code == 200, answer.text
        for one in found[:2]:
            past = (await secretary.get(f"/v1/alerts/{one.alert_id}/history")).json()["items"]
            assert past[-1]["state_to"]["code"] == "closed_accountable"
            assert made["number"] in past[-1]["reason"]["zh"]
        assert (await secretary.get(f"/v1/alerts/{found[2].alert_id}")).json()["state"]["code"] == "pushed"
        kinds = [entry["kind"]["code"] for entry in (await secretary.get(path)).json()["history"]]
    assert kinds == ["opened", "alert_added", "alert_removed", "moved", "moved", "moved"]
    async with world.db.begin(Scope.system()) as conn:
        bound = await conn.fetchval("SELECT count(*) FROM inquiry_alerts WHERE binding")
        deeds = [row[0] for row in await conn.fetch("SELECT action FROM audit_log WHERE action LIKE 'inquiry.%'")]
    assert bound == 0
    assert {"inquiry.opened", "inquiry.changed", "inquiry.moved", "inquiry.viewed"} <= set(deeds)


@pytest.mark.without_broker
async def test_what_one_alert_refuses_moves_none(world: World) -> None:
    found = await on_desk(world)
    async with world.caller(SECRETARY, **ME) as secretary:
        made = await opened(secretary, found)
        path = f"/v1/inquiries/{made['inquiry_id']}"
        await secretary.post(f"{path}/moves", json={"to": "under_inquiry"})
        await secretary.post(f"{path}/moves", json={"to": "reported", "note": "查明"})
        body = {"to": "rectifying", "note": "责令退款"}
        assert (await secretary.post(f"/v1/alerts/{found[0].alert_id}/moves", json=body)).status_code == 200
        refused = await secretary.post(f"{path}/moves", json={"to": "concluded", "note": "x", "outcome": "rectified"})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/alerts-not-ready")
        assert [error["field"] for error in refused.json()["errors"]] == [f"alerts.{found[1].alert_id}"]
        states = [(await secretary.get(f"/v1/alerts/{one.alert_id}")).json()["state"]["code"] for one in found]
    assert states == ["rectifying", "fed_back"]


@pytest.mark.without_broker
async def test_only_who_sees_each_alert_sees_the_inquiry_and_never_whom_it_is_about(world: World) -> None:
    concerned = about("village", VILLAGE, "zhang-key").model_copy(update={"kin": ("wife-key",)})
    mine, yours = (await on_desk(world, 1))[0], (await on_desk(world, 1, about=(concerned,)))[0]
    async with world.caller(SECRETARY, **ME) as secretary:
        made = await opened(secretary, [mine, yours])
    path = f"/v1/inquiries/{made['inquiry_id']}"
    for grants, person, status in [
        ((SECRETARY,), "wang-key", 200),
        ((f"auditor@{COUNTY}",), "audit-key", 200),
        ((SECRETARY,), "zhang-key", 404),
        ((SECRETARY,), "wife-key", 404),
        ((f"town_secretary@{OTHER_TOWN}",), "chen-key", 404),
        ((INSPECTOR,), "li-key", 404),
        ((f"handler@{VILLAGE}", f"supervisory_committee@{VILLAGE}"), "clerk-key", 404),
        ((), None, 401),
    ]:
        async with world.caller(*grants, subject=f"s-{person}", person_key=person) as caller:
            assert (await caller.get(path)).status_code == status, (grants, person)
            listed = (await caller.get("/v1/inquiries")).json().get("items", [])
            assert len(listed) == (status == 200), (grants, person)
            if status == 404:
                moved = await caller.post(f"{path}/moves", json={"to": "under_inquiry"})
                assert moved.status_code == status
    async with world.caller(f"auditor@{COUNTY}", subject="audit", person_key="audit-key") as auditor:
        refused = await auditor.post(f"{path}/notes", json={"text": "x"})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/move-not-yours")
    async with world.caller(SECRETARY, subject="nameless") as nameless:
        assert (await nameless.get(path)).json()["recusal"]["code"] == "person-unknown"
        assert (await nameless.post(f"{path}/moves", json={"to": "under_inquiry"})).status_code == 403
    async with world.caller(SECRETARY, **ME) as secretary:
        await secretary.post(f"{path}/alerts/{yours.alert_id}/remove", json={"reason": "另案"})
    async with world.caller(SECRETARY, subject="zhang", person_key="zhang-key") as himself:
        assert (await himself.get(path)).status_code == 404


@pytest.mark.without_broker
async def test_an_inquiry_that_no_desk_holds_whole_goes_up_to_the_county(world: World) -> None:
    found = await on_desk(world)
    async with world.caller(SECRETARY, **ME) as secretary:
        made = await opened(secretary, found)
        against = {"revision": 2, "about": (about("town", TOWN, "mayor-key"),)}
        await deliver(world.db, AlertUpdated(**found[1].model_dump() | against))
        path = f"/v1/inquiries/{made['inquiry_id']}"
        assert (await secretary.get(path)).status_code == 404
        await folder_clock.look(world.db, datetime.now(UTC))
        async with world.caller(f"county_secretary@{COUNTY}", subject="chen", person_key="chen-key") as county:
            seen = (await county.get(path)).json()
            assert seen["elsewhere"] == [found[0].alert_id]
            stuck = await county.post(f"{path}/moves", json={"to": "under_inquiry"})
            assert stuck.json()["type"] == "/problems/alerts-not-ready"
            left = await county.post(f"{path}/alerts/{found[0].alert_id}/remove", json={"reason": "由镇另办"})
            assert left.status_code == 200, left.text
            assert (await county.post(f"{path}/moves", json={"to": "under_inquiry"})).status_code == 200
        async with world.caller(f"county_secretary@{COUNTY}", subject="m", person_key="mayor-key") as mayor:
            assert (await mayor.get(path)).status_code == 404
        assert (await secretary.get(path)).status_code == 404


@pytest.mark.without_broker
async def test_numbers_of_a_year_have_no_gaps_when_many_open_at_once(world: World) -> None:
    found = await on_desk(world, 6)
    async with world.caller(SECRETARY, **ME) as secretary:
        made = await asyncio.gather(*(opened(secretary, [one]) for one in found))
        page = (await secretary.get("/v1/inquiries", params={"limit": 4})).json()
        rest = (await secretary.get("/v1/inquiries", params={"limit": 4, "after": page["next"]})).json()
    assert sorted(int(one["number"][-4:]) for one in made) == [1, 2, 3, 4, 5, 6]
    assert len({one["number"] for one in page["items"] + rest["items"]}) == 6
    assert rest["next"] is None


DRAFT = {
    "addressee": "village",
    "addressee_name": "蒋村村村民委员会",
    "problem": "三笔采购拆分报批",
    "asks": ["清理近期采购", "公开采购结果"],
}


async def test_a_proposal_over_a_pattern_is_served_answered_and_followed_up(world: World) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    await on_desk(world, 3, occurred_at=old, about=(about("village", VILLAGE, "zhang-key"),))
    pattern = {"rule_id": "split-purchase", "region_code": VILLAGE, "since": (old - timedelta(days=1)).isoformat()}
    async with world.caller(SECRETARY, **ME) as secretary:
        body = DRAFT | {"source": {"pattern": pattern}}
        wrong = await secretary.post("/v1/proposals", json=body | {"problem": "约谈13800138000"})
        assert wrong.json()["errors"][0]["field"] == "problem"
        answer = await secretary.post("/v1/proposals", json=body, headers={"idempotency-key": "w"})
        made = answer.json()
        assert (answer.status_code, made["alerts"], made["number"]) == (201, 3, None), answer.text
        path = f"/v1/proposals/{made['proposal_id']}"
        early = await secretary.post(f"{path}/moves", json={"to": "closed"})
        assert early.json()["type"] == "/problems/proposal-step-out-of-order"
        served_ = (await secretary.post(f"{path}/moves", json={"to": "served"})).json()
        assert served_["number"] == f"天凝镇监建〔{datetime.now(UTC).year}〕1号"
        await folder_clock.look(world.db, datetime.now(UTC) + timedelta(days=60))
        assert (await secretary.get("/v1/proposals", params={"overdue": "true"})).json()["items"] == []
        await on_desk(world, 1)
        for move in [
            {"to": "replied", "note": "已清理"},
            {"to": "partly_adopted", "note": "第二条未落实"},
            {"to": "followed_up", "note": "回访"},
            {"to": "closed"},
        ]:
            moved = await secretary.post(f"{path}/moves", json=move)
            assert moved.status_code == 200, moved.text
        seen = (await secretary.get(path)).json()
    assert [entry["kind"]["code"] for entry in seen["history"]].count("overdue") == 1
    assert seen["comparison"]["days"] == 0
    for grants, person in [
        ((f"town_secretary@{OTHER_TOWN}",), "x"),
        ((f"handler@{VILLAGE}",), "x"),
        ((SECRETARY,), "zhang-key"),
    ]:
        async with world.caller(*grants, subject="other", person_key=person) as other:
            assert (await other.get(path)).status_code == 404, grants
            assert (await other.get("/v1/proposals")).json()["items"] == []
    told = await proposal_events(world.settings, 7)
    assert [(one.state_to, one.overdue) for one in told] == [
        ("draft", False),
        ("served", False),
        ("served", True),
        ("replied", False),
        ("partly_adopted", False),
        ("followed_up", False),
        ("closed", False),
    ]
    assert {one.alerts for one in told} == {3}
    assert "zhang-key" not in json.dumps([one.model_dump(mode="json") for one in told])


async def proposal_events(settings: Settings, size: int) -> list[ProposalChanged]:
    """What the lifecycle topic tells of proposals."""
    consumer = AIOKafkaConsumer(
        settings.kafka_topic_prefix + LIFECYCLE_TOPIC,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found: list[ProposalChanged] = []
    try:
        while len(found) < size:
            record = await asyncio.wait_for(consumer.getone(), 40)
            if dict(record.headers)["ce_type"].decode() == ProposalChanged.TYPE:
                found.append(ProposalChanged.model_validate_json(record.value))
    finally:
        await consumer.stop()
    return found


@pytest.mark.without_broker
async def test_alerts_are_exported_whole_in_scope_and_inert(world: World) -> None:
    title = Bilingual(zh='=HYPERLINK("http://x")', en="x")
    found = [*(await on_desk(world, 3)), *(await on_desk(world, 1, title=title, grade="red"))]
    async with world.caller(SECRETARY, **ME) as secretary:
        text = (await secretary.get("/v1/alerts/export")).text
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert {row["alert_id"] for row in rows} == {one.alert_id for one in found}
        assert sorted(row["title"] for row in rows)[0].startswith("'=")
        lines = (await secretary.get("/v1/alerts/export", params={"form": "ndjson", "limit": 2})).text.splitlines()
        after = json.loads(lines[-1])["cursor"]
        rest = (await secretary.get("/v1/alerts/export", params={"form": "ndjson", "after": after})).text.splitlines()
        ids = [json.loads(line)["alert_id"] for line in lines + rest]
        assert sorted(ids) == sorted(one.alert_id for one in found)
        book = await secretary.get("/v1/alerts/export", params={"form": "xlsx", "text": "HYPERLINK"})
        sheet = load_workbook(io.BytesIO(book.content)).worksheets[0]
        cells = [[cell.data_type for cell in row] for row in sheet.iter_rows()]
        assert len(cells) == 2
        assert "f" not in cells[1]
        assert (await secretary.get("/v1/alerts/export", params={"after": "nonsense"})).status_code == 422
    async with world.caller(f"town_secretary@{OTHER_TOWN}", subject="li") as other:
        assert (await other.get("/v1/alerts/export", params={"form": "ndjson"})).text == ""
    async with world.db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT detail FROM audit_log WHERE action = 'alerts.exported' ORDER BY id")
    noted = [{name: row["detail"].get(name) for name in ("form", "text", "after", "since")} for row in rows]
    assert {"form": "xlsx", "text": True, "after": None, "since": None} in noted
    assert {"form": "ndjson", "text": None, "after": True, "since": None} in noted
    assert "HYPERLINK" not in json.dumps([row["detail"] for row in rows])


@pytest.mark.without_broker
async def test_lists_filter_and_an_unchanged_alert_is_not_sent_again(world: World) -> None:
    first, second = (await on_desk(world, 1, case_nos=("CG-77",)))[0], (await on_desk(world, 1, rule_id="other"))[0]
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with world.caller(SECRETARY, **ME) as secretary:
        for params, expected in [
            ({"text": "cg-77"}, {first.alert_id}),
            ({"rule": "other"}, {second.alert_id}),
            ({"town": TOWN, "village": VILLAGE}, {first.alert_id, second.alert_id}),
            ({"town": OTHER_TOWN}, set()),
            ({"from": soon}, set()),
            ({"to": soon, "overdue": "false"}, {first.alert_id, second.alert_id}),
            ({"overdue": "true"}, set()),
        ]:
            items = (await secretary.get("/v1/alerts", params=params)).json()["items"]
            assert {item["alert_id"] for item in items} == expected, params
        path = f"/v1/alerts/{first.alert_id}"
        await secretary.get(path)
        seen = await secretary.get(path)
        same = await secretary.get(path, headers={"if-none-match": seen.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        await secretary.post(f"{path}/acknowledge")
        assert (await secretary.get(path, headers={"if-none-match": seen.headers["etag"]})).status_code == 200


@pytest.mark.without_broker
async def test_the_pages_lead_from_an_alert_to_the_printed_paper(world: World) -> None:
    found = await on_desk(world)
    async with world.browser(SECRETARY) as browser:
        page = (await browser.get(f"/alerts/{found[0].alert_id}")).text
        assert f"/inquiries/new?alert={found[0].alert_id}" in page
        assert found[0].alert_id in (await browser.get("/inquiries/new", params={"alert": found[0].alert_id})).text
        form = {"title": "系列采购", "alerts": [one.alert_id for one in found], "term": "20"}
        origin = {"origin": world.url}
        made = await browser.post("/inquiries", data=form, headers=origin)
        assert made.status_code == 303, made.text
        shown = (await browser.get(made.headers["location"])).text
        assert found[1].title.zh in shown
        assert made.headers["location"] in (await browser.get(f"/alerts/{found[0].alert_id}")).text
        inquiry_id = UUID(made.headers["location"].rpartition("/")[2])
        new = (await browser.get("/proposals/new", params={"inquiry": str(inquiry_id)})).text
        assert "蒋村村村民委员会" in new
        written = DRAFT | {"asks": "清理\n公开", "basis": "监察法", "reply_days": "15", "follow_up_days": "90"}
        source = json.dumps({"inquiry_id": str(inquiry_id)})
        paper = await browser.post("/proposals", data=written | {"source": source}, headers=origin)
        assert paper.status_code == 303, paper.text
        where = paper.headers["location"]
        await browser.post(f"{where}/moves", data={"to": "served"}, headers=origin)
        printed = (await browser.get(f"{where}/print")).text
        assert "天凝镇监建〔" in printed
        assert "一、清理。" in printed
        for path in ("/inquiries", "/proposals", where, "/inquiries?state=overdue"):
            assert (await browser.get(path)).status_code == 200, path
