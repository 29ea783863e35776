"""Papers read beside the service: queued with their upload, lost by no death, offered, told to the detector."""

import io
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from PIL import Image, ImageDraw, ImageFont

from deploy.local import processes
from services.approval.app import build
from services.approval.recognition.worker import Worker, worker
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.disclosure.served import served

pytestmark = pytest.mark.without_broker
VILLAGE, NEIGHBOUR = "330421103201", "330421103202"
Client = Callable[..., httpx.AsyncClient]
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
CONTRACT = (
    "采购申请表",
    "申请单位:地甸村股份经济合作社",
    "供货方:宏达五金商店",
    "申请采购办公桌椅一批,因原有桌椅破损不能使用,经村两委研究同意,按规定程序办理采购。",
    "合计金额:¥1,500.00",
    "签订日期:2026年3月1日",
)


def paper(*lines: str, kind: str = "PNG") -> bytes:
    """A picture of these lines."""
    sheet = Image.new("RGB", (1100, 90 + 70 * len(lines)), "white")
    font = ImageFont.truetype(str(FONT), 26)
    for number, line in enumerate(lines):
        ImageDraw.Draw(sheet).text((50, 50 + 70 * number), line, font=font, fill="black")
    out = io.BytesIO()
    sheet.save(out, kind)
    return out.getvalue()


@pytest.fixture
async def client(settings: Settings, token: Token) -> AsyncIterator[Client]:
    made = []
    async with served(build(settings)) as url:

        def make(grant: str, subject: str = "li") -> httpx.AsyncClient:
            headers = {"authorization": f"Bearer {token(grant, subject=subject)}"}
            made.append(httpx.AsyncClient(base_url=url, headers=headers, trust_env=False))
            return made[-1]

        yield make
        for each in made:
            await each.aclose()


@pytest.fixture
async def db(settings: Settings, database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("approval")


@pytest.fixture
async def reader(settings: Settings) -> AsyncIterator[Worker]:
    async with worker(settings) as working:
        yield working


async def filed(clerk: httpx.AsyncClient, content: bytes, village: str = VILLAGE) -> tuple[str, str]:
    """A case at whose first node the paper was filed, and the paper's digest."""
    opening = {"item": "办公桌椅", "reason": "破损", "estimate_fen": 150_000}
    told = {"flow": "PR1", "village_code": village, "title": "购置办公桌椅", "fields": opening}
    case = (await clerk.post("/v1/cases", json=told)).json()["case_id"]
    sha256 = (await clerk.post("/v1/documents", content=content)).json()["sha256"]
    papers = [{"kind": "purchase_request", "sha256": sha256}]
    done = {"node": "PR1-01", "fields": {"budget_fen": 120_000}, "documents": papers}
    answer = await clerk.post(f"/v1/cases/{case}/complete", json=done)
    assert answer.status_code == 200, answer.text
    return case, sha256


async def reading_of(someone: httpx.AsyncClient, case: str, sha256: str) -> dict[str, Any]:
    answer = await someone.get(f"/v1/papers/{sha256}/reading", params={"case_id": case})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def told(db: Database) -> list[dict[str, Any]]:
    """What waits to be published of papers, oldest first."""
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT data FROM outbox WHERE type = 'case.paper_read.v1' ORDER BY id")
    return [orjson.loads(row["data"]) for row in rows]


async def test_a_paper_is_read_beside_the_clerks_and_offered(client: Client, db: Database, reader: Worker) -> None:
    clerk, neighbour = client(f"handler@{VILLAGE}"), client(f"handler@{NEIGHBOUR}", "zhao")
    case, sha256 = await filed(clerk, paper(*CONTRACT))
    assert (await reading_of(clerk, case, sha256))["state"] == "waiting"
    page = f"/cases/{case}/papers/{sha256}"
    assert "排队识别中" in (await clerk.get(page)).text

    assert await reader.read_one()
    assert await reader.tell() == 1
    seen = await reading_of(clerk, case, sha256)
    assert (seen["state"], seen["source"], seen["pages_read"]) == ("read", "picture", 1)
    found = {(each["kind"], each["value"]): each for each in seen["findings"]}
    assert {("amount", "150000"), ("date", "2026-03-01"), ("party", "宏达五金商店")} <= found.keys()
    [compared] = seen["comparisons"]
    assert (compared["field"], compared["outcome"]) == ("budget_fen", "differs")
    assert compared["found"] == [found["amount", "150000"]["id"]]
    picture = await clerk.get(f"/v1/papers/{sha256}/pages/1", params={"case_id": case})
    assert picture.headers["content-type"] == "image/jpeg"

    said = {"finding": compared["found"][0], "word": "confirmed"}
    assert (await clerk.post(f"{page}/answers", data=said)).status_code == 303
    shown = (await clerk.get(page)).text
    assert "不一致" in shown
    assert "已确认" in shown
    assert "与表单不一致 1" in (await clerk.get(f"/cases/{case}")).text
    form = (await clerk.get(f"/v1/cases/{case}")).json()["history"][1]["data"]["fields"]
    assert form["budget_fen"] == 120_000

    for place in (page, f"/v1/papers/{sha256}/reading", f"/v1/papers/{sha256}/pages/1"):
        assert (await neighbour.get(place, params={"case_id": case})).status_code == 404
    answer = {"case_id": case, "finding": compared["found"][0], "answer": "rejected"}
    assert (await neighbour.post(f"/v1/papers/{sha256}/reading/answers", json=answer)).status_code == 404
    unknown = await clerk.post(f"/v1/papers/{sha256}/reading/answers", json=answer | {"finding": "f" + "0" * 12})
    assert unknown.json()["type"] == "/problems/no-such-finding"

    misread = await clerk.post(f"/v1/papers/{sha256}/reading/answers", json=answer)
    assert [each["outcome"] for each in misread.json()["comparisons"]] == ["not_found"]
    assert "与表单不一致" not in (await clerk.get(f"/cases/{case}")).text

    again, scanned = await filed(neighbour, paper(*CONTRACT, kind="JPEG"), NEIGHBOUR)
    assert await reader.read_one()
    assert await reader.tell() == 1
    first, second = await told(db)
    assert (first["totals_fen"], first["differs"], first.get("twins")) == ([150_000], ["budget_fen"], None)
    assert first["parties"] == ["宏达五金商店"]
    [twin] = second["twins"]
    assert (twin["case_id"], twin["how"], second["node"]) == (case, "text", "PR1-01")
    assert (await reading_of(neighbour, again, scanned))["twins"] == []
    inspector = client("town_inspector@330421103000", "sun")
    [seen_twin] = (await reading_of(inspector, again, scanned))["twins"]
    assert seen_twin["sha256"] == sha256
    assert "疑似同一份 1" in (await inspector.get(f"/cases/{again}")).text
    assert "疑似同一份" not in (await neighbour.get(f"/cases/{again}")).text
    beside = {"beside": sha256, "of_case": case}
    assert "并排对照" in (await inspector.get(f"/cases/{again}/papers/{scanned}", params=beside)).text
    assert (await neighbour.get(f"/cases/{again}/papers/{scanned}", params=beside)).status_code == 404


async def test_what_cannot_be_read_is_answered_once(client: Client, db: Database, reader: Worker) -> None:
    clerk = client(f"handler@{VILLAGE}")
    case, sha256 = await filed(clerk, b"%PDF-1.7\nnothing of the kind")
    assert await reader.read_one()
    assert await reader.read_one() is None
    assert await reader.tell() == 1
    seen = await reading_of(clerk, case, sha256)
    assert (seen["state"], seen["reason"]) == ("unreadable", "damaged")
    assert await told(db) == []
    assert "无法识别" in (await clerk.get(f"/cases/{case}/papers/{sha256}")).text


async def test_a_reader_that_is_killed_loses_nothing(
    client: Client, db: Database, settings: Settings, tmp_path: Path
) -> None:
    clerk = client(f"handler@{VILLAGE}")
    case, sha256 = await filed(clerk, paper("购销合同", "合计:¥88.00"))
    values = settings.model_dump(mode="json", exclude_none=True)
    env = os.environ | {name.upper(): str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "services.approval.recognition"]
    doomed = processes.start(command, log=tmp_path / "reader.log", env=env)

    async def begun() -> bool:
        async with db.begin(Scope.system(), readonly=True) as conn:
            return bool(await conn.fetchval("SELECT attempts = 1 FROM paper_readings WHERE state = 'waiting'"))

    await eventually(begun)
    processes.kill(doomed)
    assert (await reading_of(clerk, case, sha256))["state"] == "waiting"
    async with db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE paper_readings SET leased_until = now() - $1::interval", timedelta(seconds=1))
    revived = processes.start(command, log=tmp_path / "reader.log", env=env)
    try:
        events = await eventually(lambda: told(db))
    finally:
        processes.stop(revived)
    assert [event["totals_fen"] for event in events] == [[8_800]]
    assert (await reading_of(clerk, case, sha256))["state"] == "read"
