"""What people do to an alert up to its review, over a real database: who may, once each, and what is kept of it."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.alerts import LIFECYCLE_TOPIC, Alert, AlertUpdated, Bilingual, Evidence
from shared.db import Scope
from shared.settings import Settings
from tests.integration.test_notifier import OTHER_SECRETARY, SECRETARY, Open, World, deliver, world
from tests.notifier.samples import COUNTY, TOWN, VILLAGE, about, alert, raised

__all__ = ["Open", "world"]
COUNTY_SECRETARY = f"county_secretary@{COUNTY}"
INSPECTOR = f"town_inspector@{TOWN}"
PDF = b"%PDF-1.7\nan invoice"
TO_REPORT = [{"to": "acknowledged"}, {"to": "verifying"}, {"to": "fed_back", "note": "查明"}]
TO_RECTIFY = [*TO_REPORT, {"to": "rectifying", "note": "责令退款"}]
CLOSE = {"to": "closed_rectified", "note": "已退款", "outcome": "rectified", "recovered_fen": 1_280_000, "people": 1}


async def walked(caller: httpx.AsyncClient, found: Alert, moves: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The alert after these moves."""
    for body in moves:
        answer = await caller.post(f"/v1/alerts/{found.alert_id}/moves", json=body)
        assert answer.status_code == 200, answer.text
    seen: dict[str, Any] = answer.json()
    return seen


async def kinds(caller: httpx.AsyncClient, found: Alert) -> list[str]:
    """What happened to it."""
    items = (await caller.get(f"/v1/alerts/{found.alert_id}/history")).json()["items"]
    return [item["kind"]["code"] for item in items]


async def told(settings: Settings, size: int) -> list[dict[str, Any]]:
    """The events of the lifecycle topic."""
    consumer = AIOKafkaConsumer(
        settings.kafka_topic_prefix + LIFECYCLE_TOPIC,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        return [json.loads((await asyncio.wait_for(consumer.getone(), 40)).value) for _ in range(size)]
    finally:
        await consumer.stop()


async def test_a_judgement_goes_to_the_county_which_reopens_it_or_confirms_it(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        world.caller(SECRETARY, name="王书记") as town,
        world.caller(COUNTY_SECRETARY, subject="chen", name="陈书记") as county,
        world.caller(SECRETARY, COUNTY_SECRETARY) as both,
    ):
        assert (await county.get(path)).status_code == 404
        seen = await walked(town, found, [*TO_RECTIFY, CLOSE])
        assert (seen["in_review"], seen["finished"], seen["moves"]) == (True, False, [])
        own = await both.post(path + "/moves", json={"to": "reviewed"})
        assert (own.status_code, own.json()["type"]) == (403, "/problems/own-judgement")
        shown = (await county.get(path)).json()
        assert (shown["judgement"]["recovered_fen"], shown["judgement"]["people"]) == (1_280_000, 1)
        assert shown["judgement"]["by_name"] == "王书记"
        assert [desk["why"]["code"] for desk in shown["delivery"]] == ["routed", "review"]
        bare = await county.post(path + "/moves", json={"to": "reopened"})
        assert (bare.status_code, bare.json()["errors"][0]["field"]) == (422, "note")
        again = await county.post(path + "/moves", json={"to": "reopened", "note": "退款凭证不全"})
        assert (again.json()["state"]["code"], again.json()["judgement"]) == ("reopened", None)
        await walked(town, found, [*TO_RECTIFY[1:], CLOSE])
        confirmed = await walked(county, found, [{"to": "reviewed"}])
        assert (confirmed["finished"], confirmed["due_by"]) == (True, None)
    events = await told(world.settings, 11)
    closed = [event for event in events if event["state_to"] == "closed_rectified"]
    assert [(e["outcome"], e["recovered_fen"], e["people"]) for e in closed] == [("rectified", 1_280_000, 1)] * 2
    assert all(event.get("due_by") for event in events[:-1])


async def test_new_evidence_reopens_what_was_cleared(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    async with world.caller(SECRETARY) as town:
        seen = await walked(town, found, TO_REPORT)
        clear = next(move for move in seen["moves"] if move["to"] == "no_action")
        code = clear["explanations"][0]["code"]
        form = {"to": "no_action", "note": "属实", "outcome": "explanation_accepted"}
        missing = await town.post(f"/v1/alerts/{found.alert_id}/moves", json=form)
        assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "explanation")
        await walked(town, found, [form | {"explanation": code}])
        record = (await town.get("/v1/rules/split-purchase/record")).json()
        assert (record["raised"], record["open"], record["cleared"]) == (1, 0, 1)
        assert [(one["code"], one["zh"], one["count"]) for one in record["cleared_by"]] == [(code, "应急抢修", 1)]
        more = Evidence(label=Bilingual(zh="转账", en="Transfer"), value="8000 元")
        await deliver(world.db, AlertUpdated(**found.model_dump() | {"revision": 2, "evidence": (more,)}))
        shown = (await town.get(f"/v1/alerts/{found.alert_id}")).json()
        assert (shown["state"]["code"], shown["finished"], shown["judgement"]) == ("reopened", False, None)
        past = (await town.get(f"/v1/alerts/{found.alert_id}/history")).json()["items"]
    assert [entry["kind"]["code"] for entry in past][-2:] == ["moved", "reopened"]
    assert past[-2]["details"]["accepted"]["zh"] == "应急抢修"
    assert "新的证据" in past[-1]["reason"]["zh"]


BAD_FORMS: list[tuple[dict[str, Any], str]] = [
    ({"recovered_fen": -1}, "recovered_fen"),
    ({"recovered_fen": 10**12 + 1}, "recovered_fen"),
    ({"recovered_fen": 1.5}, "recovered_fen"),
    ({"recovered_fen": "100"}, "recovered_fen"),
    ({"people": -1}, "people"),
    ({"outcome": "nothing"}, "outcome"),
    ({"names": ["张三"]}, "names"),
]


async def test_a_bad_form_names_its_field_and_changes_nothing(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    async with world.caller(SECRETARY) as town:
        await walked(town, found, TO_RECTIFY)
        for bad, field in BAD_FORMS:
            refused = await town.post(f"/v1/alerts/{found.alert_id}/moves", json=CLOSE | bad)
            assert refused.status_code == 422
            assert [e["field"].removeprefix("body.") for e in refused.json()["errors"]] == [field], refused.text
        assert (await town.get(f"/v1/alerts/{found.alert_id}")).json()["state"]["code"] == "rectifying"
        assert len(await kinds(town, found)) == 1 + len(TO_RECTIFY)


async def test_money_that_is_no_number_is_refused(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    path = f"/alerts/{found.alert_id}"
    async with world.caller(SECRETARY) as town, world.browser(SECRETARY) as browser:
        await walked(town, found, TO_RECTIFY)
        text = json.dumps(CLOSE).replace("1280000", "NaN")
        headers = {"content-type": "application/json"}
        refused = await town.post(f"/v1{path}/moves", content=text, headers=headers)
        assert refused.status_code == 422, refused.text
        for yuan, zh in (
            ("NaN", "金额应为数字"),
            ("1.234", "两位小数"),
            ("-5", "须在 0 与"),
            ("9999999999999", "须在 0 与"),
        ):
            form = {"to": "closed_rectified", "note": "已退款", "outcome": "rectified", "recovered": yuan}
            wrong = await browser.post(path + "/moves", data=form, headers={"origin": world.url})
            assert (wrong.status_code, zh in wrong.text) == (422, True), (yuan, wrong.text)
        form = {
            "to": "closed_rectified",
            "note": "已退款",
            "outcome": "rectified",
            "recovered": "1.28万",
            "people": "2",
        }
        assert (await browser.post(path + "/moves", data=form, headers={"origin": world.url})).status_code == 303
        made = (await town.get(f"/v1{path}")).json()["judgement"]
    assert (made["recovered_fen"], made["people"]) == (1_280_000, 2)


async def test_a_paper_is_filed_once_and_each_taking_is_kept(world: World) -> None:
    found = alert(about=(about("village", VILLAGE, "the-clerk"),))
    await deliver(world.db, raised(found))
    path = f"/v1/alerts/{found.alert_id}/papers"
    pdf = {"content-type": "application/pdf"}
    async with (
        world.caller(SECRETARY, person_key="the-secretary") as town,
        world.caller(SECRETARY, subject="clerk", person_key="the-clerk") as concerned,
        world.caller(f"auditor@{COUNTY}", subject="he", person_key="the-auditor") as auditor,
        world.caller(OTHER_SECRETARY, subject="li", person_key="li") as other,
    ):
        filed = await town.post(path, params={"name": "../发票.pdf"}, content=PDF, headers=pdf)
        assert filed.status_code == 201, filed.text
        paper = filed.json()
        assert (paper["name"], paper["sha256"]) == ("发票.pdf", hashlib.sha256(PDF).hexdigest())
        assert (await town.post(path, content=PDF, headers=pdf)).json()["paper_id"] == paper["paper_id"]
        for content, headers, status in (
            (b"MZ\x90", {}, 415),
            (b"#!/bin/sh", {}, 415),
            (b"", {}, 422),
            (PDF, {"content-type": "image/png"}, 415),
        ):
            refused = await town.post(path, content=content, headers=headers)
            assert refused.status_code == status, refused.text
        assert (await auditor.post(path, content=PDF + b"2", headers=pdf)).status_code == 403
        assert (await other.post(path, content=PDF + b"2", headers=pdf)).status_code == 404
        where = f"{path}/{paper['paper_id']}"
        taken = await auditor.get(where)
        assert (taken.content, taken.headers["content-type"]) == (PDF, "application/pdf")
        assert taken.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in taken.headers["content-security-policy"]
        assert {(await c.get(where)).status_code for c in (concerned, other)} <= {403, 404}
        assert (await concerned.post(path, content=PDF + b"3", headers=pdf)).status_code in (403, 404)
        assert (await town.get(f"{path}/{found.alert_id}")).json()["type"] == "/problems/no-such-paper"
        assert [one["readings"] for one in (await town.get(path)).json()["items"]] == [1]
        assert await kinds(town, found) == ["raised", "filed"]
    stored = [file for file in (world.settings.data_dir / "papers").rglob("*") if file.is_file()]
    assert [file.name for file in stored] == [paper["sha256"]]
    assert not any(file.stat().st_mode & 0o111 for file in stored)
    async with world.db.begin(Scope.system()) as conn:
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM papers")


async def test_another_grants_more_time_once(world: World) -> None:
    found = alert(grade="yellow")
    await deliver(world.db, raised(found))
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        world.caller(INSPECTOR, subject="sun", name="孙监督员") as inspector,
        world.caller(INSPECTOR, subject="qian", name="钱监督员") as colleague,
    ):
        early = await inspector.post(path + "/extension", json={"working_days": 5, "reason": "等待鉴定"})
        assert (early.status_code, early.json()["type"]) == (409, "/problems/deed-out-of-order")
        due = datetime.fromisoformat((await walked(inspector, found, TO_REPORT[:2]))["due_by"])
        for body, field in (
            ({"working_days": 16, "reason": "x"}, "working_days"),
            ({"working_days": 5, "reason": " "}, "reason"),
        ):
            wrong = await inspector.post(path + "/extension", json=body)
            assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, field)
        key = {"idempotency-key": "more"}
        for _ in range(2):
            asked = await inspector.post(
                path + "/extension", json={"working_days": 5, "reason": "等待鉴定"}, headers=key
            )
            assert (asked.status_code, asked.json()["extension"]["working_days"]) == (200, 5)
        own = await inspector.post(path + "/extension/answer", json={"grant": True})
        assert (own.status_code, own.json()["type"]) == (403, "/problems/own-request")
        no = await colleague.post(path + "/extension/answer", json={"grant": False})
        assert (no.status_code, no.json()["errors"][0]["field"]) == (422, "note")
        granted = await colleague.post(path + "/extension/answer", json={"grant": True}, headers=key)
        later = datetime.fromisoformat(granted.json()["due_by"])
        assert timedelta(days=5) <= later - due <= timedelta(days=14)
        assert (await colleague.post(path + "/extension/answer", json={"grant": True}, headers=key)).status_code == 200
        reused = await colleague.post(path + "/notes", json={"text": "x"}, headers=key)
        assert reused.json()["type"] == "/problems/idempotency-key-reused"
        twice = await inspector.post(path + "/extension", json={"working_days": 5, "reason": "再等"})
        assert twice.status_code == 409
        assert await kinds(inspector, found) == ["raised", "moved", "moved", "extension_asked", "extended"]
    last = (await told(world.settings, 4))[-1]
    assert (last["state_from"], last["state_to"]) == ("verifying", "verifying")
    assert datetime.fromisoformat(last["due_by"]) == later


async def test_an_alert_is_taken_and_handed_over_at_its_desk(world: World) -> None:
    found = alert(about=(about("village", VILLAGE, "the-clerk"),))
    await deliver(world.db, raised(found))
    path = f"/v1/alerts/{found.alert_id}"
    async with (
        world.caller(SECRETARY, name="王书记", person_key="k-wang") as wang,
        world.caller(SECRETARY, subject="zhao", name="赵副书记", person_key="k-zhao") as zhao,
        world.caller(SECRETARY, subject="nameless", name="无名") as nameless,
        world.caller(f"auditor@{COUNTY}", subject="he", person_key="k-he") as auditor,
    ):
        for one in (zhao, nameless, auditor):
            assert (await one.get(path)).status_code == 200
        assert (await auditor.post(path + "/take")).status_code == 403
        assert (await nameless.post(path + "/take")).json()["type"] == "/problems/person-unknown"
        taken = await wang.post(path + "/take")
        assert (taken.json()["assignee"], taken.json()["assigned"]) == ("王书记", True)
        listed = {
            who: [c["subject"] for c in (await one.get(path + "/colleagues")).json()["items"]]
            for who, one in (("wang", wang), ("zhao", zhao))
        }
        assert listed == {"wang": ["zhao"], "zhao": ["wang"]}
        for to in ("nobody", "he", "nameless", "wang"):
            wrong = await wang.post(path + "/hand-over", json={"to": to, "note": "请接手"})
            assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "to"), to
        handed = await wang.post(path + "/hand-over", json={"to": "zhao", "note": "请接手"})
        assert handed.json()["assignee"] == "赵副书记", handed.text
        mine = [len((await one.get("/v1/alerts", params={"assigned": "me"})).json()["items"]) for one in (wang, zhao)]
        assert mine == [0, 1]
        assert (await nameless.get(path)).json()["assignee"] is None
        assert (await zhao.post(path + "/release", json={})).json()["assignee"] is None
        assert len((await zhao.get("/v1/alerts", params={"assigned": "nobody"})).json()["items"]) == 1
        empty = await zhao.post(path + "/notes", json={"text": " "})
        assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "text")
        for _ in range(2):
            assert (await zhao.post(path + "/notes", json={"text": "已电话核实"})).status_code == 200
        assert await kinds(zhao, found) == ["raised", "taken", "handed_over", "released", "noted"]


async def test_a_rules_record_counts_what_the_caller_may_read(world: World) -> None:
    mine, other = alert(), alert(town_code="330421105000", village_code="330421105201")
    await deliver(world.db, raised(mine), raised(alert(rule_id="other-rule")), raised(other))
    async with world.caller(SECRETARY) as town, world.caller(OTHER_SECRETARY, subject="li") as there:
        await walked(town, mine, [*TO_RECTIFY, CLOSE])
        items = (await town.get("/v1/rules")).json()["items"]
        foreign = (await there.get("/v1/rules/split-purchase/record")).json()
        none = await there.get("/v1/rules/other-rule/record")
    assert [(i["rule_id"], i["raised"], i["open"], i["rectified"], i["recovered_fen"], i["people"]) for i in items] == [
        ("other-rule", 1, 1, 0, 0, 0),
        ("split-purchase", 1, 0, 1, 1_280_000, 1),
    ]
    assert items[1]["median_days"] == 0.0
    assert (foreign["raised"], foreign["rectified"]) == (1, 0)
    assert (none.status_code, none.json()["type"]) == (404, "/problems/no-such-rule")


async def test_the_database_shows_strangers_nothing(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    path = f"/v1/alerts/{found.alert_id}"
    async with world.caller(SECRETARY) as town:
        paper = (await town.post(path + "/papers", content=PDF)).json()
        for where in (path, f"{path}/papers/{paper['paper_id']}"):
            assert (await town.get(where)).status_code == 200
    for table in ("papers", "paper_readings", "colleagues"):
        for roles, size in ((SECRETARY, 1), (OTHER_SECRETARY, 0), ("", 0)):
            async with world.db.begin(Scope("%", roles, "wang")) as conn:
                assert await conn.fetchval(f"SELECT count(*) FROM {table}") == size, (table, roles)


async def test_the_alert_page_has_the_forms(world: World) -> None:
    found = alert()
    await deliver(world.db, raised(found))
    page = f"/alerts/{found.alert_id}"
    async with world.browser(SECRETARY) as browser:
        origin = {"origin": world.url}
        shown = (await browser.get(page)).text
        for text in ("由我承办", "添加记录", "提交材料", "这条规则的过往"):
            assert text in shown, text
        assert (await browser.post(page + "/take", headers=origin)).status_code == 303
        assert (await browser.post(page + "/notes", data={"text": "已电话核实"}, headers=origin)).status_code == 303
        files = [("files", ("票.pdf", PDF)), ("files", ("票2.pdf", PDF + b"2"))]
        assert (await browser.post(page + "/papers", files=files, headers=origin)).status_code == 303
        empty = await browser.post(page + "/papers", files=[("files", ("x.exe", b"MZ"))], headers=origin)
        assert (empty.status_code, "只接受" in empty.text) == (415, True)
        shown = (await browser.get(page)).text
        for text in ("票2.pdf", "已电话核实", "退回岗位"):
            assert text in shown, text
        for query in ("?show=review", "?show=overdue"):
            assert found.alert_id not in (await browser.get("/" + query)).text
