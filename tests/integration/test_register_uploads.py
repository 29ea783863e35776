"""Registers uploaded as sheets on the real path: from a CSV to an alert, from its correction to the withdrawal."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from services.detector.app import build
from shared.bus import outbox
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.detector.rulebook import RULEBOOK
from tests.integration.test_detector import COMPANY, COUNTY, TOWN, VILLAGE, Open, award, bearer, gone, ok

ID_NO = "11010519491231002X"
STAFF = ("记录编号", "身份证号", "姓名", "职务", "层级", "所在区划代码")
OFFICIAL = ("s1", ID_NO, "赵六", "村委会主任", "村", VILLAGE)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings, RULEBOOK)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://detector") as client,
    ):
        yield client


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("detector")


def sheet(*rows: Sequence[str], header: Sequence[str] = STAFF) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode("gb18030")


def workbook(*rows: Sequence[Any], header: Sequence[str] = STAFF) -> bytes:
    book = Workbook()
    page = book.active
    assert page is not None
    for row in (["村干部名册"], header, *rows):
        page.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def upload(
    client: httpx.AsyncClient, who: dict[str, str], content: bytes, dataset: str = "staff", **options: Any
) -> httpx.Response:
    return await client.post(f"/v1/reference/{dataset}", content=content, params=options, headers=who)


async def published(db: Database, dataset: str = "staff") -> int:
    """Of how many records the register was told."""
    async with db.begin(Scope.system(), readonly=True) as conn:
        said: int = await conn.fetchval("SELECT count(*) FROM reference_published WHERE dataset = $1", dataset)
        return said


async def of_the_company(db: Database, state: str) -> dict[str, Any]:
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch("SELECT alert_id::text, rule_id, body FROM findings WHERE state = $1", state)
    return {row["alert_id"]: row["rule_id"] for row in rows if COMPANY in row["body"]["dedupe_key"]}


async def test_a_sheet_raises_an_alert_and_its_correction_withdraws_it_with_a_reason(
    client: httpx.AsyncClient, token: Token, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    told: list[dict[str, Any]] = []
    publish = outbox.publish

    async def listen(conn: Any, envelopes: Any) -> None:
        told.extend(envelope.data for envelope in envelopes if envelope.topic == RAISED_TOPIC)
        await publish(conn, envelopes)

    monkeypatch.setattr(outbox, "publish", listen)
    firm = ("统一社会信用代码", "企业名称", "法定代表人姓名", "法定代表人身份证号")
    owner = (COMPANY, "嘉善示例建设有限公司", "赵六", ID_NO)
    async with db.begin(Scope.system()) as conn:
        await publish(conn, [award(1)])
    assert (await upload(client, machine, sheet(owner, header=firm), "companies")).status_code == 202
    answer = await upload(client, machine, sheet(OFFICIAL))
    assert answer.status_code == 202, answer.text
    assert (answer.json()["changed"], answer.json()["applied"], answer.json()["format"]) == (1, True, "csv")
    raised = await eventually(lambda: of_the_company(db, "open"))
    corrected = (*OFFICIAL[:5], "330421101201")
    ended = workbook((*corrected, "2025年12月31日"), header=(*STAFF, "失效日期"))
    assert (await upload(client, machine, ended)).json()["changed"] == 1
    withdrawn = await eventually(lambda: of_the_company(db, "withdrawn"))
    assert withdrawn
    assert withdrawn.keys() <= raised.keys()
    reasons = [event["reason"] for event in told if event.get("reason") and event["alert_id"] in withdrawn]
    assert reasons
    assert all(reason["zh"] and reason["en"] for reason in reasons)
    assert ID_NO not in json.dumps(told, ensure_ascii=False)


async def test_all_rows_are_taken_or_none_or_the_good_ones_when_asked(
    client: httpx.AsyncClient, token: Token, db: Database
) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    wrong = ("s2", "110105194912310021", "钱七", "会计", "乡", VILLAGE)
    content = sheet(OFFICIAL, wrong)
    refused = await upload(client, machine, content)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert [error["field"] for error in problem["errors"]] == [
        f"staff.csv 第 3 行 {at}" for at in ("B 身份证号", "E 层级")
    ]
    assert [(fault["line"], fault["value"]) for fault in problem["faults"]] == [(3, "***************021"), (3, "乡")]
    assert "110105194912310021" not in refused.text
    tried = await upload(client, machine, content, dry_run=True)
    assert (tried.status_code, tried.json()["applied"], tried.json()["changed"]) == (200, False, 1)
    assert await published(db) == 0
    taken = (await upload(client, machine, content, accept_good_rows=True)).json()
    assert (taken["applied"], taken["changed"], taken["refused"], len(taken["faults"])) == (True, 1, 1, 2)
    await eventually(lambda: ok(client, "/v1/reference/staff/s1", machine))
    page = (await client.get("/v1/reference-uploads", params={"dataset": "staff"}, headers=machine)).json()
    assert [(one["applied"], one["changed"], one["refused"]) for one in page["uploads"]] == [
        (True, 1, 1),
        (False, 0, 1),
    ]
    assert {one["sha256"] for one in page["uploads"]} == {hashlib.sha256(content).hexdigest()}
    assert {one["name"] for one in page["uploads"]} == {"李明"}


async def test_the_same_again_publishes_nothing_and_rows_may_delete(
    client: httpx.AsyncClient, token: Token, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    said: list[str] = []
    publish = outbox.publish

    async def listen(conn: Any, envelopes: Any) -> None:
        said.extend(envelope.key for envelope in envelopes if envelope.topic == "reference.staff")
        await publish(conn, envelopes)

    monkeypatch.setattr(outbox, "publish", listen)
    assert (await upload(client, machine, sheet(OFFICIAL))).json()["changed"] == 1
    assert (await upload(client, machine, sheet(OFFICIAL))).json()["unchanged"] == 1
    await eventually(lambda: ok(client, "/v1/reference/staff/s1", machine))
    assert (await upload(client, machine, workbook(OFFICIAL))).json()["unchanged"] == 1
    exported = await client.get("/v1/reference/staff/records.csv", headers=machine)
    assert ID_NO not in exported.text
    assert (await upload(client, machine, exported.content)).json()["unchanged"] == 1
    assert said == ["s1"]
    removal = sheet(("s1", "是"), header=("记录编号", "删除"))
    assert (await upload(client, machine, removal)).json()["deleted"] == 1
    assert (await upload(client, machine, removal)).json()["unchanged"] == 1
    await eventually(lambda: gone(client, "/v1/reference/staff/s1", machine))
    assert (await upload(client, machine, sheet(OFFICIAL))).json()["changed"] == 1
    assert said == ["s1"] * 3


async def test_uploads_and_their_trail_keep_to_ones_region(client: httpx.AsyncClient, token: Token) -> None:
    own, other = bearer(token, f"machine@{TOWN}"), bearer(token, "machine@330421101000")
    assert (await upload(client, other, sheet(OFFICIAL))).status_code == 403
    assert (await upload(client, bearer(token, f"handler@{VILLAGE}"), sheet(OFFICIAL))).status_code == 403
    assert (await upload(client, own, sheet(OFFICIAL))).status_code == 202
    seen = [len((await client.get("/v1/reference-uploads", headers=who)).json()["uploads"]) for who in (own, other)]
    assert seen == [1, 0]
    assert (await client.get("/v1/reference-uploads", headers=bearer(token, f"handler@{VILLAGE}"))).status_code == 403
    assert (await client.get("/v1/reference-uploads?after=x", headers=own)).status_code == 422


async def test_a_template_is_filled_in_and_sent_by_a_form(client: httpx.AsyncClient, token: Token) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    empty = await client.get("/v1/reference/deaths/template.csv", headers=machine)
    assert empty.content.decode("utf-8-sig").startswith("记录编号,身份证号,姓名,死亡日期")
    book = load_workbook(io.BytesIO((await client.get("/v1/reference/deaths/template.xlsx", headers=machine)).content))
    book.worksheets[0].append(["d1", ID_NO, "王五", "2026年2月11日"])
    out = io.BytesIO()
    book.save(out)
    files = {"file": ("死亡登记.xlsx", out.getvalue(), "application/octet-stream")}
    answer = await client.post("/v1/reference/deaths", files=files, headers=machine)
    assert (answer.status_code, answer.json()["format"], answer.json()["changed"]) == (202, "xlsx", 1)
    nothing = await client.post("/v1/reference/deaths", data={"x": "1"}, files={"y": b""}, headers=machine)
    assert nothing.json()["errors"][0]["field"] == "file"


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=False) as part:
            for _ in range(1100):
                part.write(b"\0" * 1024 * 1024)
    return out.getvalue()


async def test_what_is_no_sheet_or_too_large_is_refused(client: httpx.AsyncClient, token: Token) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    for content in (b"", b"PK\x03\x04torn", b"<html><table>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bomb()):
        answer = await upload(client, machine, content)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/sheet-refused")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024 * 1024

    assert (await client.post("/v1/reference/staff", content=endless(), headers=machine)).status_code == 413
