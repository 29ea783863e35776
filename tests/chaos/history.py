"""A few months of one county as sheets and registers, made of fixed words: the same in every run."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

TOWN = "330421103000"
VILLAGES = tuple(f"330421103{n}" for n in range(201, 207))
OWN = "91330421MA2CHAOS01"
OTHER = "91330421MA2CHAOS02"
HEADER = (
    "编号",
    "流程",
    "节点",
    "办理时间",
    "标题",
    "办理人",
    "供应商统一社会信用代码",
    "供应商名称",
    "成交金额",
    "支付金额",
)
REGISTERS: tuple[tuple[str, dict[str, object]], ...] = (
    (
        "companies",
        {"id": OWN, "name": "嘉善云河建设有限公司", "legal_person_key": "a" * 32, "legal_person_name": "周云河"},
    ),
    (
        "companies",
        {"id": OTHER, "name": "嘉善南塘建设有限公司", "legal_person_key": "b" * 32, "legal_person_name": "吴南塘"},
    ),
    (
        "staff",
        {
            "id": "staff-1",
            "person_key": "a" * 32,
            "name": "周云河",
            "position": "镇财政所编外人员",
            "level": "village",
            "on_payroll": False,
            "region_code": TOWN,
            "oversees": list(VILLAGES),
        },
    ),
    ("kinship", {"id": "kin-1", "person_key": "a" * 32, "relative_key": "b" * 32, "relation": "妻弟"}),
)


@dataclass(frozen=True)
class Sheet:
    """One village's case as it is uploaded."""

    name: str
    village: str
    content: bytes


def sheets(cases: int) -> Iterator[Sheet]:
    """Small works, each in a sheet of its own: three of four won by the two companies of one family."""
    for n in range(cases):
        village = VILLAGES[n % len(VILLAGES)]
        company, name = ((OWN, "嘉善云河建设有限公司"), (OTHER, "嘉善南塘建设有限公司"))[n % 4 == 1]
        if n % 4 == 3:
            company, name = f"91330421MA2CLEAN{n:02d}", f"嘉善清水{n}建设有限公司"
        yield Sheet(f"{n}.csv", village, _csv(n, village, company, name))


def _csv(n: int, village: str, company: str, name: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    number, title = f"EN1-2026-{n:03d}", f"机耕路修补第{n % 5 + 1}段"
    month, day = n % 3 + 1, n % 20 + 1
    for node, hour, award, paid in (
        ("EN1-01", "08:30", "", ""),
        ("EN1-02", "09:10", "", ""),
        ("EN1-04", "10:20", "38000", ""),
        ("EN1-06", "11:40", "", ""),
        ("EN1-08", "15:05", "", "41000" if n % 5 == 0 else "38000"),
    ):
        winner = (company, name) if node != "EN1-01" else ("", "")
        writer.writerow(
            (number, "EN1", node, f"2026-{month:02d}-{day:02d} {hour}", title, "李明", *winner, award, paid)
        )
    return out.getvalue().encode("utf-8-sig")
