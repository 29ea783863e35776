"""A few months of one county as sheets and registers, made of fixed words: the same in every run."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

TOWN = "330421103000"
# A chapter is a town, a few months, and two companies of one family: what a rule counts stays as small as in a county.
_TOWNS = (TOWN, *(f"330421{n}000" for n in ("001", "002", "003", "101", "104", "105", "106", "107")))
_CHAPTER = 48
_VILLAGES = 6
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


@dataclass(frozen=True)
class Sheet:
    """One village's case as it is uploaded."""

    case_no: str
    name: str
    village: str
    content: bytes


def registers(cases: int) -> Iterator[tuple[str, dict[str, object]]]:
    """What other offices know of the companies and of who owns them."""
    for chapter in range(-(-cases // _CHAPTER)):
        owner, kin = f"{chapter:032x}", f"{chapter:031x}f"
        own, other = _companies(chapter)
        town = _TOWNS[chapter % len(_TOWNS)]
        for (company, name), person, known in ((own, owner, "周云河"), (other, kin, "吴南塘")):
            yield "companies", {"id": company, "name": name, "legal_person_key": person, "legal_person_name": known}
        yield (
            "staff",
            {
                "id": f"staff-{chapter}",
                "person_key": owner,
                "name": "周云河",
                "position": "镇财政所编外人员",
                "level": "village",
                "on_payroll": False,
                "region_code": town,
                "oversees": list(_villages(town)),
            },
        )
        yield "kinship", {"id": f"kin-{chapter}", "person_key": owner, "relative_key": kin, "relation": "妻弟"}


def _companies(chapter: int) -> tuple[tuple[str, str], tuple[str, str]]:
    return (
        (f"91330421MA2CH{chapter:03d}01", f"嘉善云河{chapter}建设有限公司"),
        (f"91330421MA2CH{chapter:03d}02", f"嘉善南塘{chapter}建设有限公司"),
    )


def _villages(town: str) -> tuple[str, ...]:
    return tuple(f"{town[:9]}{n}" for n in range(201, 201 + _VILLAGES))


def sheets(cases: int) -> Iterator[Sheet]:
    """Small works, each in a sheet of its own: three of four won by the two companies of one family."""
    for n in range(cases):
        chapter = n // _CHAPTER
        village = _villages(_TOWNS[chapter % len(_TOWNS)])[n % _VILLAGES]
        own, other = _companies(chapter)
        company, name = (own, other)[n % 4 == 1]
        if n % 4 == 3:
            company, name = f"91330421MA2CL{n:05d}", f"嘉善清水{n}建设有限公司"
        case_no = f"EN1-2026-{n:05d}"
        yield Sheet(case_no, f"{n}.csv", village, _csv(n, case_no, company, name))


def _csv(n: int, case_no: str, company: str, name: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    title = f"机耕路修补第{n % 5 + 1}段"
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
            (case_no, "EN1", node, f"2026-{month:02d}-{day:02d} {hour}", title, "李明", *winner, award, paid)
        )
    return out.getvalue().encode("utf-8-sig")
