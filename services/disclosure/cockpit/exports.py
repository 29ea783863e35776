"""A list as a file for a spreadsheet: all its rows, no cell that a spreadsheet takes for a formula. Pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from openpyxl import Workbook

from services.disclosure.opendata.tables import Cell, sheet_cell, text, yuan

Shape = Literal["csv", "xlsx"]
MEDIA: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_ROWS = 20_000
Column = tuple[str, Callable[[Any], Cell]]
_BYTE_ORDER_MARK = "\ufeff"

COLUMNS: Mapping[str, Sequence[Column]] = {
    "alerts": (
        ("预警编号 alert_id", lambda one: one.alert_id),
        ("规则 rule", lambda one: one.rule_id),
        ("名称 title", lambda one: one.title.zh),
        ("等级 grade", lambda one: one.grade),
        ("事项 matter", lambda one: one.matter),
        ("村代码 village", lambda one: one.village.code),
        ("村 village_name", lambda one: one.village.zh),
        ("镇 town_name", lambda one: one.town.zh),
        ("发生时间 happened_at", lambda one: one.happened_at),
        ("送达时间 delivered_at", lambda one: one.delivered_at),
        ("签收时间 acknowledged_at", lambda one: one.acknowledged_at),
        ("办结时间 closed_at", lambda one: one.closed_at),
        ("时限 due_at", lambda one: one.due_at),
        ("超期 overdue", lambda one: "是" if one.overdue else ""),
        ("已撤回 withdrawn", lambda one: "是" if one.withdrawn else ""),
        ("重新办理次数 reopened", lambda one: one.reopened),
        ("处置结果 outcome", lambda one: one.outcome),
        ("挽回金额(元) recovered", lambda one: yuan(one.recovered_fen)),
        ("案件 cases", lambda one: " ".join(one.case_ids)),
    ),
    "cases": (
        ("案件 case_id", lambda one: one.case_id),
        ("编号 case_no", lambda one: one.case_no),
        ("流程 flow", lambda one: one.flow_name.zh),
        ("事项 matter", lambda one: one.matter),
        ("村代码 village", lambda one: one.village.code),
        ("村 village_name", lambda one: one.village.zh),
        ("镇 town_name", lambda one: one.town.zh),
        ("状态 state", lambda one: one.state),
        ("发起时间 opened_at", lambda one: one.opened_at),
        ("办结时间 closed_at", lambda one: one.closed_at),
        ("金额(元) amount", lambda one: yuan(one.amount_fen)),
        ("金额口径 amount_kind", lambda one: one.amount_kind),
        ("承包单位 contractor", lambda one: one.contractor),
        ("预警数 alerts", lambda one: one.alerts),
    ),
    "steps": (
        ("案件 case_id", lambda one: one.case_id),
        ("节点 node", lambda one: one.node),
        ("节点名称 name", lambda one: one.name.zh),
        ("村代码 village", lambda one: one.village.code),
        ("村 village_name", lambda one: one.village.zh),
        ("镇 town_name", lambda one: one.town.zh),
        ("到达时间 started_at", lambda one: one.started_at),
        ("时限 due_at", lambda one: one.due_at),
        ("办理时间 done_at", lambda one: one.done_at),
        ("工作日 days", lambda one: None if one.days is None else round(one.days, 2)),
        ("超期 late", lambda one: "" if one.late is None else "是" if one.late else "否"),
        ("退回 returned", lambda one: "是" if one.returned else ""),
        ("补录 backfilled", lambda one: "是" if one.backfilled else ""),
    ),
    "proposals": (
        ("建议书 proposal_id", lambda one: one.proposal_id),
        ("制度 institution", lambda one: one.institution.zh),
        ("规则 rule", lambda one: one.rule_id),
        ("地区代码 region", lambda one: one.region.code),
        ("地区 region_name", lambda one: one.region.zh),
        ("所据预警 alerts", lambda one: one.alerts),
        ("送达时间 served_at", lambda one: one.served_at),
        ("回复时间 answered_at", lambda one: one.answered_at),
        ("结果 adopted", lambda one: one.adopted),
        ("曾逾期 overdue", lambda one: "是" if one.overdue else ""),
        ("送达前预警 alerts_before", lambda one: one.alerts_before),
        ("送达后预警 alerts_after", lambda one: one.alerts_after),
        ("比较天数 compared_days", lambda one: one.compared_days),
    ),
}


def written(name: str, rows: Sequence[Any], shape: Shape) -> bytes:
    """The file of one of the lists."""
    columns = COLUMNS[name]
    lines = [[value(row) for _, value in columns] for row in rows]
    return _csv(columns, lines) if shape == "csv" else _xlsx(columns, lines)


def _csv(columns: Sequence[Column], lines: Sequence[Sequence[Cell]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([title for title, _ in columns])
    writer.writerows([text(cell) for cell in line] for line in lines)
    return (_BYTE_ORDER_MARK + out.getvalue()).encode()


def _xlsx(columns: Sequence[Column], lines: Sequence[Sequence[Cell]]) -> bytes:
    book, out = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet("cockpit")
    sheet.append([title for title, _ in columns])
    for line in lines:
        sheet.append([sheet_cell(cell) for cell in line])
    book.save(out)
    return out.getvalue()
