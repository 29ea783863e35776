"""The report of a period: words, figures, charts and tables that the print page and the PDF have in common. Pure."""

from collections.abc import Mapping
from typing import Any

from services.disclosure.cockpit import report_tables, shown
from services.disclosure.cockpit.plan import Plan
from services.disclosure.cockpit.schemas import Figure, Overview
from shared.formats import local_time


def paper(seen: Overview, plan: Plan, charts: Mapping[str, str]) -> dict[str, Any]:
    """All of it as page and PDF take it: texts and SVG only."""
    return {
        "title": f"{seen.region.zh}小微权力监督情况报告",
        "period": seen.period.zh,
        "compared": seen.compared.zh,
        "foot": f"云睛 · {seen.region.zh} · {seen.period.zh} · 统计截至 {local_time(seen.as_of)}",
        "text": text(seen),
        "figures": [_figure(one, plan) for one in seen.figures],
        "tables": [table | {"chart": charts.get(table["key"], "")} for table in report_tables.all_of(seen, plan)],
    }


def text(seen: Overview) -> list[str]:
    """What the figures say, in sentences."""
    say = {figure.key: shown.value(figure) for figure in seen.figures}
    before = {figure.key: _before(figure) for figure in seen.figures}
    lines = [
        f"本期{seen.region.zh}产生红色预警 {say['red']} 条、黄色预警 {say['yellow']} 条,"
        f"另有过程提示 {say['process']} 条;对比期({seen.compared.zh})分别为"
        f" {before['red']}、{before['yellow']}、{before['process']} 条。",
        f"红黄预警已签收 {say['acknowledged']},已办结 {say['closed']},此刻超期未办 {say['overdue']} 条;"
        f"签收用时中位数 {say['to_acknowledge']},办结用时中位数 {say['to_close']}(工作时间)。",
        f"预警所涉事项金额 {say['at_stake']};本期处置挽回 {say['recovered']},追责 {say['people']} 人次。",
    ]
    if slow := [node for node in seen.nodes if not node.few and node.median_days is not None][:3]:
        each = (f"{node.flow_name.zh}“{node.name.zh}”({shown.days(node.median_days)} 工作日)" for node in slow)
        lines.append(f"办理最慢的节点:{'、'.join(each)};超期节点占 {say['steps_late']}。")
    if gaps := [gap for gap in seen.gaps if gap.missing][:3]:
        each = (f"{gap.name.zh}({'、'.join(place.name.zh for place in gap.missing[:5])})" for gap in gaps)
        lines.append(f"预警多而尚无建议被采纳的制度:{';'.join(each)}。")
    if few := sum(figure.few for figure in seen.figures):
        lines.append(f"有 {few} 个数字样本过小(表中注明),不宜据以判断。")
    return lines


def _figure(one: Figure, plan: Plan) -> dict[str, str]:
    definition = plan.figures[one.key]
    return {
        "name": definition.zh,
        "value": shown.value(one),
        "before": _before(one),
        "change": shown.change(one, definition)[0],
        "note": shown.few(one).partition(" only")[0],
        "how": definition.how.zh,
    }


def _before(figure: Figure) -> str:
    return shown.value(figure.model_copy(update={"value": figure.before}))
