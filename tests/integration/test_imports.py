"""Import jobs over HTTP and across a kill: a messy workbook, its mapping, its faults, its rows exactly once."""

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from services.approval.app import build
from services.approval.imports import jobs
from services.approval.imports.mapping import Mapping
from services.approval.imports.uploads import Kept, note
from services.approval.imports.worker import Worker, file_of, forget_old
from shared.background import stopped
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.approval.test_messy_sheets import messy_workbook
from tests.approval.test_ocds_imports import release
from tests.conftest import eventually

TOWN, VILLAGE, OTHER = "330421103000", "330421103201", "330421104201"
JOBS = "/v1/imports/jobs"
BY = Principal("bringer", "张三", "key", frozenset({Grant("reporting_clerk", VILLAGE)}))
pytestmark = pytest.mark.without_broker
Client = Callable[..., httpx.AsyncClient]
Open = Callable[[str], Awaitable[Database]]


@pytest.fixture
async def client(settings: Settings, token: Callable[..., str]) -> AsyncIterator[Client]:
    """Clients of a running approval."""
    app = build(settings)
    made: list[httpx.AsyncClient] = []

    def sign_in(*grants: str, **who: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(*grants, **who)}"}
        made.append(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://approval.test", headers=headers)
        )
        return made[-1]

    async with app.router.lifespan_context(app):
        yield sign_in
        for each in made:
            await each.aclose()


async def upload(http: httpx.AsyncClient, name: str, body: bytes, **form: str) -> httpx.Response:
    data = {"region_code": VILLAGE, **form}
    return await http.post(JOBS, data=data, files={"file": (name, body, "application/octet-stream")})


async def rested(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """The job once no worker is wanted any more."""

    async def look() -> dict[str, Any]:
        job: dict[str, Any] = (await http.get(f"{JOBS}/{job_id}")).json()
        return job if job["state"] in ("checked", "done", "refused", "cancelled") else {}

    return await eventually(look)


async def test_a_messy_workbook_from_upload_to_cases(
    client: Client, settings: Settings, database: Open, tmp_path: Path
) -> None:
    clerk = client(f"reporting_clerk@{VILLAGE}", subject="clerk")
    body = messy_workbook(tmp_path / "台账.xlsx").read_bytes()
    made = await upload(clerk, "台账.xlsx", body)
    assert made.status_code == 201, made.text
    job_id = made.json()["job_id"]
    job = await rested(clerk, job_id)
    assert (job["state"], job["rows"], job["faults"], job["notices"], job["unmapped"]) == ("checked", 3, 2, 5, 0)
    assert [column["target"] for column in job["sheets"][0]["columns"]][5:7] == ["fields.item", "fields.budget_fen"]
    assert (await clerk.get("/v1/cases")).json()["cases"] == []

    faults = (await clerk.get(f"{JOBS}/{job_id}/faults")).json()["faults"]
    grave = [(each["line"], each["column"], each["value"]) for each in faults if each["grave"]]
    assert grave == [(7, "H 办理人身份证号", "11****************"), (7, "G 采购预算", "一千二")]
    rows = list(csv.reader(io.StringIO((await clerk.get(f"{JOBS}/{job_id}/faults.csv")).content.decode("utf-8-sig"))))
    assert len(rows) == 1 + 7
    assert "110105194912310021" not in str(rows)

    refused = await clerk.post(f"{JOBS}/{job_id}/take", json={})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/import-not-ready")
    assert (await clerk.post(f"{JOBS}/{job_id}/take", json={"good_rows_only": True})).json()["state"] == "taking"
    job = await rested(clerk, job_id)
    assert (job["state"], job["cases_opened"], job["nodes_recorded"], job["rows_repeated"]) == ("done", 2, 2, 1)
    cases = {case["case_no"]: case for case in (await clerk.get("/v1/cases")).json()["cases"]}
    assert cases["XT-1"]["opened_at"] == "2025-03-01T01:30:00Z"
    assert not file_of(settings.data_dir, job_id).exists()

    # The same file again makes nothing new.
    again = await rested(clerk, (await upload(clerk, "台账.xlsx", body, wish="good")).json()["job_id"])
    assert (again["state"], again["nodes_recorded"], again["rows_repeated"]) == ("done", 0, 3)
    assert (await clerk.post(f"{JOBS}/{job_id}/cancel")).status_code == 409

    async with (await database("approval")).begin(Scope.system(), readonly=True) as conn:
        noted = await conn.fetch("SELECT action FROM audit_log WHERE object = $1 ORDER BY id", f"import:{job_id}")
    assert [row["action"] for row in noted] == ["import.uploaded", "import.faults_exported", "case.imported"]

    # Nobody of elsewhere, and nobody without the role, sees or does anything.
    for other, status in ((f"reporting_clerk@{OTHER}", 404), (f"handler@{VILLAGE}", 403)):
        stranger = client(other, subject="stranger")
        assert (await stranger.get(f"{JOBS}/{job_id}")).status_code == status
        assert (await upload(stranger, "台账.xlsx", body)).status_code == 403


async def test_unknown_columns_wait_for_a_mapping_that_is_kept_by_name(client: Client) -> None:
    clerk = client(f"town_agri_office@{TOWN}", subject="town")
    text = "村,项目编号,日期,工程名,签约方\n地甸村,G-1,2025年3月5日,修路,甲公司\n不存在村,G-2,2025-03-06,修桥,乙公司\n"
    form = {"region_code": TOWN, "flow": "EN1", "node": "EN1-01"}
    job_id = (await upload(clerk, "工程.csv", text.encode("gb18030"), **form)).json()["job_id"]
    job = await rested(clerk, job_id)
    assert (job["state"], job["unmapped"]) == ("checked", 2 + 1)
    unknown = [column for column in job["sheets"][0]["columns"] if not column["target"]]
    assert [column["title"] for column in unknown] == ["工程名", "签约方"]
    assert (await clerk.post(f"{JOBS}/{job_id}/take", json={"good_rows_only": True})).status_code == 409

    mapping = {"flow": "EN1", "node": "EN1-01", "columns": {"工程名": "fields.item", "签约方": "ignored"}}
    wrong = await clerk.post(f"{JOBS}/{job_id}/map", json=mapping | {"columns": {"工程名": "fields.nothing"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "columns.工程名")
    assert (await clerk.post(f"{JOBS}/{job_id}/map", json=mapping)).json()["state"] == "reading"
    job = await rested(clerk, job_id)
    assert (job["rows"], job["faults"], job["unmapped"]) == (1, 1, 0)
    assert (await clerk.post(f"{JOBS}/{job_id}/cancel")).json()["state"] == "cancelled"

    kept = {"name": "工程 台账", "region_code": TOWN, "mapping": mapping}
    assert (await clerk.post("/v1/imports/mappings", json=kept)).json()["version"] == 1
    assert (await clerk.post("/v1/imports/mappings", json=kept)).json()["version"] == 1
    kept["mapping"] = mapping | {"units": {"工程款": "wan"}}
    assert (await clerk.post("/v1/imports/mappings", json=kept)).json()["version"] == 2
    assert len((await clerk.get("/v1/imports/mappings")).json()["mappings"]) == 1
    assert "units" in (await clerk.get("/v1/imports/mappings/工程 台账")).json()["mapping"]
    other = client(f"reporting_clerk@{OTHER}", subject="other")
    assert (await other.post("/v1/imports/mappings", json=kept)).status_code == 403
    elsewhere = kept | {"region_code": OTHER}
    assert (await other.post("/v1/imports/mappings", json=elsewhere)).status_code == 409
    named = {"region_code": OTHER, "mapping": "工程 台账"}
    used = await upload(other, "工程.csv", text.replace("地甸村", "").encode(), **named)
    assert used.json()["mapping_name"] == "工程 台账 v2"


async def test_a_template_comes_back_in(client: Client) -> None:
    clerk = client(f"reporting_clerk@{VILLAGE}", subject="clerk")
    answer = await clerk.get("/v1/imports/templates/PR3")
    book = load_workbook(io.BytesIO(answer.content))
    sheet = book["PR3"]
    titles = [str(cell.value).rstrip("*") for cell in sheet[1]]
    filled = {"案件编号": "M-1", "节点": "PR3-01", "办理时间": "2024-05-06", "标题": "购灯"}
    sheet.append([filled.get(title, "") for title in titles])
    out = io.BytesIO()
    book.save(out)
    job = await rested(clerk, (await upload(clerk, "PR3.xlsx", out.getvalue(), wish="all")).json()["job_id"])
    assert (job["state"], job["cases_opened"], job["faults"]) == ("done", 1, 0)
    assert (await clerk.get("/v1/imports/templates/XX9")).status_code == 404


async def test_what_is_no_sheet_is_refused_with_its_reason(client: Client) -> None:
    clerk = client(f"reporting_clerk@{VILLAGE}", subject="clerk")
    for body in (b"%PDF-1.7 no sheet", b"PK\x03\x04 torn", "什么,都不是\n1,2\n".encode()):
        job = await rested(clerk, (await upload(clerk, "坏.xlsx", body)).json()["job_id"])
        assert job["state"] == "refused"
        assert job["refused_zh"]
        assert job["refused_en"]
    assert (await upload(clerk, "空.csv", b"")).status_code == 422


async def test_releases_of_contracting_come_in_with_their_own_dates(client: Client) -> None:
    office = client("county_authority@330421000000", subject="county")
    body = "\n".join(json.dumps(each, ensure_ascii=False) for each in (release(), release(ocid="ocds-1a2b3c-10")))
    made = await upload(office, "ocds.json", body.encode(), region_code="330421000000", wish="all")
    job = await rested(office, made.json()["job_id"])
    assert (job["state"], job["cases_opened"], job["nodes_recorded"]) == ("done", 2, 2)
    cases = (await office.get("/v1/cases")).json()["cases"]
    assert {case["opened_at"] for case in cases} == {"2024-05-06T02:00:00Z"}


async def test_a_file_we_stumble_over_holds_up_nobody(settings: Settings, database: Open) -> None:
    db = await database("approval")
    async with db.begin(Scope.of(BY)) as conn:
        file = Kept(uuid4(), settings.data_dir / "none", "a.csv", "0" * 64, 1)
        job = await note(conn, file, BY, region=VILLAGE, mapping=Mapping(), mapping_name=None, wish="all")
        await conn.execute("UPDATE import_jobs SET mapping = $1", {"columns": "no mapping"})
    left = await Worker(db, settings).work()
    assert left
    assert (left.job_id, left.state) == (job.job_id, "refused")
    assert await Worker(db, settings).work() is None


async def test_what_nobody_goes_on_with_is_forgotten_with_its_file(settings: Settings, database: Open) -> None:
    db = await database("approval")
    path = file_of(settings.data_dir, job_id := uuid4())
    path.parent.mkdir(parents=True)
    path.write_text("案件编号,流程,节点,办理时间,标题\nXT-1,PR1,1,2025-03-01,购纸\n", "utf-8")
    async with db.begin(Scope.of(BY)) as conn:
        file = Kept(job_id, path, "a.csv", "0" * 64, 1)
        await note(conn, file, BY, region=VILLAGE, mapping=Mapping(), mapping_name=None, wish="look")
    checked = await Worker(db, settings).work()
    assert checked
    assert (checked.state, checked.rows) == ("checked", 1)
    await forget_old(db, settings)
    assert path.exists()
    async with db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE import_jobs SET updated_at = now() - interval '15 days'")
    await forget_old(db, settings)
    assert not path.exists()
    async with db.begin(Scope.system()) as conn:
        assert (await jobs.find(conn, job_id)).state == "cancelled"
        assert await conn.fetchval("SELECT count(*) FROM import_rows") == 0
        await conn.execute("UPDATE import_jobs SET ended_at = now() - interval '91 days'")
    await forget_old(db, settings)
    async with db.begin(Scope.system(), readonly=True) as conn:
        assert await jobs.newest(conn, 9) == []


async def ledger(db: Database, settings: Settings, series: str, rows: int) -> UUID:
    """An uploaded file of so many seals, to be taken over, its job still untouched."""
    path = file_of(settings.data_dir, job_id := uuid4())
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{series}-{row // 3},SE1,SE1-0{row % 3 + 1},2025-0{row % 3 + 1}-0{row % 9 + 1},用章" for row in range(rows)
    ]
    path.write_text("\n".join(["案件编号,流程,节点,办理时间,标题", *lines]), "utf-8")
    async with db.begin(Scope.of(BY)) as conn:
        file = Kept(job_id, path, "a.csv", "0" * 64, path.stat().st_size)
        await note(conn, file, BY, region=VILLAGE, mapping=Mapping(), mapping_name=None, wish="all")
    return job_id


async def test_a_page_of_rows_does_not_wait_for_a_county_s_history(settings: Settings, database: Open) -> None:
    db = await database("approval")
    history = await ledger(db, settings, "H", 900)
    working = asyncio.create_task(Worker(db, settings).run())

    async def is_being_read() -> bool:
        async with db.begin(Scope.system(), readonly=True) as conn:
            return (await jobs.find(conn, history)).read > 0

    async def ended() -> list[UUID]:
        async with db.begin(Scope.system(), readonly=True) as conn:
            rows = await conn.fetch("SELECT job_id FROM import_jobs WHERE state = 'done' ORDER BY ended_at")
        return [row["job_id"] for row in rows] if len(rows) == 3 else []

    try:
        await eventually(is_being_read)
        as_large, page = await ledger(db, settings, "A", 900), await ledger(db, settings, "P", 3)
        assert await eventually(ended) == [page, history, as_large]
    finally:
        await stopped({working})


ROWS = 4500
DYING = """
import asyncio, sys
from uuid import UUID
from services.approval.imports.uploads import Kept, note
from services.approval.imports.worker import Worker
from shared.db import Database
from shared.settings import Settings
async def work():
    settings = Settings.model_validate_json(sys.stdin.read())
    db = Database(settings, "approval")
    await db.open()
    await Worker(db, settings).work(UUID(sys.argv[1]))
asyncio.run(work())
"""


async def test_a_killed_worker_loses_and_doubles_nothing(settings: Settings, database: Open) -> None:
    db = await database("approval")
    job_id = await ledger(db, settings, "K", ROWS)

    async def standing() -> jobs.Job:
        async with db.begin(Scope.system(), readonly=True) as conn:
            return await jobs.find(conn, job_id)

    reached = (
        lambda job: job.read >= 2000,
        lambda job: job.state == "taking" and job.worked >= 1000,
    )
    for is_there in reached:
        dying = subprocess.Popen(  # noqa: ASYNC220 (it is killed in the middle)
            [sys.executable, "-c", DYING, str(job_id)], stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
        )
        assert dying.stdin
        dying.stdin.write(settings.model_dump_json(round_trip=True).encode())
        dying.stdin.close()

        async def there(is_there: Callable[[jobs.Job], bool] = is_there) -> bool:
            return is_there(await standing())

        await eventually(there)
        dying.send_signal(signal.SIGKILL)
        dying.wait()
        left = await standing()
        assert not left.ended
        # Its lease holds others off until it runs out.
        assert await Worker(db, settings).work(job_id) is None
        async with db.begin(Scope.system()) as conn:
            await conn.execute("UPDATE import_jobs SET leased_until = now()")

    together = await asyncio.gather(*(Worker(db, settings, lease=timedelta(seconds=60)).work() for _ in range(2)))
    assert sum(job is not None for job in together) == 1
    done = await standing()
    assert (done.state, done.cases_opened, done.nodes_recorded, done.worked) == ("done", ROWS // 3, ROWS, ROWS)
    async with db.begin(Scope.system(), readonly=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM case_events") == ROWS + ROWS // 3
        assert await conn.fetchval("SELECT count(*) FROM outbox") == ROWS + ROWS // 3
        assert await conn.fetchval("SELECT count(*) FROM import_rows") == 0


async def test_the_pages_lead_from_a_file_to_its_cases(client: Client) -> None:
    clerk = client(f"reporting_clerk@{VILLAGE}", subject="clerk")
    assert "导入台账" in (await clerk.get("/imports")).text
    assert 'href="/imports"' in (await clerk.get("/")).text
    missing = await clerk.post("/imports", data={"region_code": VILLAGE}, files={"file": ("", b"")})
    assert missing.status_code == 422
    text = "项目编号,日期,工程名,合同金额\nG-1,2025-03-05,修路,12\nG-2,昨天,=1+1,3\n".encode()
    form = {"region_code": VILLAGE, "flow": "EN1"}
    made = await clerk.post("/imports", data=form, files={"file": ("工程.csv", text)})
    page = made.headers["location"]
    job = await rested(clerk, page.rpartition("/")[2])
    shown = (await clerk.get(page)).text
    assert "请先在下面指定列的对应" in shown
    assert shown.count("unknown") >= 1
    at = next(number for number, column in enumerate(job["sheets"][0]["columns"]) if column["title"] == "工程名")
    chosen = {f"target.0.{at}": "fields.item", "unit.0.3": "wan", "node": "EN1-06", "name": "工程 合同"}
    assert (await clerk.post(f"{page}/map", data=chosen | {"node": "EN9"})).status_code == 422
    assert (await clerk.post(f"{page}/map", data=chosen)).status_code == 303
    job = await rested(clerk, page.rpartition("/")[2])
    assert (job["rows"], job["faults"], job["mapping_name"]) == (1, 2, "工程 合同 v1")
    shown = (await clerk.get(page)).text
    assert "昨天" in shown
    assert "'=1+1" in (await clerk.get(f"/v1{page.replace('imports', 'imports/jobs')}/faults.csv")).text
    assert (await clerk.post(f"{page}/take", data={})).status_code == 409
    assert (await clerk.post(f"{page}/take", data={"good_rows_only": "yes"})).status_code == 303
    assert (await rested(clerk, page.rpartition("/")[2]))["cases_opened"] == 1
    assert "已导入" in (await clerk.get(page)).text
    (case,) = (await clerk.get("/v1/cases")).json()["cases"]
    assert "120,000" in (await clerk.get(f"/cases/{case['case_id']}")).text
    assert (await client(f"handler@{VILLAGE}", subject="h").get("/imports")).status_code == 403


async def test_sheets_of_a_workbook_are_mended_each_for_itself(client: Client) -> None:
    clerk = client(f"reporting_clerk@{VILLAGE}", subject="clerk")
    book = Workbook()
    book.remove(book.worksheets[0])
    book.create_sheet("采购").append(["编号", "日期", "标题"])
    book["采购"].append(["S-1", "2025-03-05", "购灯"])
    book.create_sheet("汇总").append(["编号", "标题", "合计数"])
    book["汇总"].append(["S-1", "购灯", 1])
    out = io.BytesIO()
    book.save(out)
    page = (
        await clerk.post("/imports", data={"region_code": VILLAGE}, files={"file": ("a.xlsx", out.getvalue())})
    ).headers["location"]
    assert (await rested(clerk, page.rpartition("/")[2]))["unmapped"] >= 3
    assert "不读取这个工作表" in (await clerk.get(page)).text
    rules = {"rule.0": "1", "flow.0": "PR1", "node.0": "PR1-01", "rule.1": "1", "skip.1": "1"}
    assert (await clerk.post(f"{page}/map", data=rules)).status_code == 303
    job = await rested(clerk, page.rpartition("/")[2])
    assert (job["rows"], job["faults"]) == (1, 0)
