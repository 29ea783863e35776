"""Rows of a CSV of existing records accepted into approval."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta

from services.approval import flows
from shared.workdays import SHANGHAI
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_VILLAGE = "330421107201"
_FLOW = "SE1"
_HEADER = ("编号", "流程", "节点", "办理时间", "标题", "办理人", "用章用途")


async def measure(ground: Ground, rows: int) -> list[Figure]:
    """Post one file of so many rows."""
    await ground.run("approval")
    body = _sheet(rows)
    async with ground.client("approval", f"reporting_clerk@{_VILLAGE}") as http:
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
    return [Figure("import_rows_per_s", round(report["rows"] / seconds, 1), "rows/s", 2_000, how)]


def _sheet(rows: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEADER)
    nodes = flows.load().flow(_FLOW).nodes
    began = datetime.now(UTC).astimezone(SHANGHAI) - timedelta(days=300)
    for row in range(rows):
        case, step = divmod(row, len(nodes))
        at = began + timedelta(minutes=7 * case, hours=step)
        writer.writerow(
            (f"B-{case:06d}", _FLOW, nodes[step].code, f"{at:%Y-%m-%d %H:%M}", "居住证明用章", "李明", "居住证明")
        )
    return out.getvalue().encode()
