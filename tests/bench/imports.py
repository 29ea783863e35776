"""Rows of a CSV of existing records accepted into approval: in one request, and as a job."""

import asyncio
import csv
import io
import time
from datetime import UTC, datetime, timedelta

import httpx

from services.approval import flows
from shared.workdays import SHANGHAI
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_VILLAGE = "330421107201"
_FLOW = "SE1"
_LOOK_SECONDS = 0.2
_HEADER = ("编号", "流程", "节点", "办理时间", "标题", "办理人", "用章用途")


async def measure(ground: Ground, rows: int) -> list[Figure]:
    """Post one file of so many rows, and another for a job."""
    await ground.run("approval")
    async with ground.client("approval", f"reporting_clerk@{_VILLAGE}") as http:
        return [await _at_once(http, rows), await _as_job(http, rows)]


async def _at_once(http: httpx.AsyncClient, rows: int) -> Figure:
    body = _sheet(rows, "B")
    began = time.perf_counter()
    answer = await http.post(
        "/v1/imports",
        data={"village_code": _VILLAGE},
        files={"file": ("records.csv", body, "text/csv")},
        timeout=600,
    )
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    report = answer.json()
    if not report["applied"]:
        raise RuntimeError(f"the import was refused: {report['faults'][:3]}")
    how = f"one CSV of {report['rows']} rows, {report['cases_opened']} cases, posted to the running service"
    return Figure("import_rows_per_s", round(report["rows"] / seconds, 1), "rows/s", 2_000, how)


async def _as_job(http: httpx.AsyncClient, rows: int) -> Figure:
    form, body = {"region_code": _VILLAGE, "wish": "all"}, _sheet(rows, "J")
    began = time.perf_counter()
    made = await http.post(
        "/v1/imports/jobs", data=form, files={"file": ("records.csv", body, "text/csv")}, timeout=600
    )
    made.raise_for_status()
    job = made.json()
    while job["state"] in ("reading", "checking", "taking"):
        await asyncio.sleep(_LOOK_SECONDS)
        job = (await http.get(f"/v1/imports/jobs/{job['job_id']}")).json()
    seconds = time.perf_counter() - began
    if job["state"] != "done":
        raise RuntimeError(f"the import rests as {job['state']}: {job['faults']} faults {job['refused_en']}")
    how = f"a job of {job['rows']} rows, {job['cases_opened']} cases: read, checked and taken over by the service"
    return Figure("import_job_rows_per_s", round(job["rows"] / seconds, 1), "rows/s", 1_000, how)


def _sheet(rows: int, series: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEADER)
    nodes = flows.load().flow(_FLOW).nodes
    began = datetime.now(UTC).astimezone(SHANGHAI) - timedelta(days=300)
    for row in range(rows):
        case, step = divmod(row, len(nodes))
        at = began + timedelta(minutes=7 * case, hours=step)
        writer.writerow(
            (
                f"{series}-{case:06d}",
                _FLOW,
                nodes[step].code,
                f"{at:%Y-%m-%d %H:%M}",
                "居住证明用章",
                "李明",
                "居住证明",
            )
        )
    return out.getvalue().encode()
