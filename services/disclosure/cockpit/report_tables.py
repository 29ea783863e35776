"""The tables of a report, each cell as text. Pure."""

from collections.abc import Sequence
from typing import Any

from services.disclosure.cockpit import shown
from services.disclosure.cockpit.plan import Plan
from services.disclosure.cockpit.schemas import Concentration, Contractor, Gap, Group, Node, Outcome, Overview, Slot
from shared.formats import number

_FEW = "样本少"
_GROUP = ("红", "黄", "提示", "办结", "超期", "涉及金额")
_SLOTS = 31
Rows = Sequence[Sequence[str]]


def all_of(seen: Overview, plan: Plan) -> list[dict[str, Any]]:
    """Each table: its title, how it is counted, its columns, and its first rows; `more` says how many are left out."""
    made: dict[str, tuple[Sequence[str], Rows]] = {
        "by_time": (("日期", "红", "黄", "提示"), [_slot(slot) for slot in seen.by_time if _any(slot)]),
        "by_matter": (("事项", *_GROUP), [_group(group) for group in seen.by_matter]),
        "by_place": (("地区", *_GROUP, "每百件"), [(*_group(group), _rate(group)) for group in seen.by_place]),
        "by_rule": (("规则", *_GROUP), [_group(group, f"{group.code} ") for group in seen.by_rule]),
        "outcomes": (("结果", "预警", "挽回", "追责人次"), [_outcome(one) for one in seen.outcomes]),
        "nodes": (("节点", "次数", "中位(工作日)", "九成(工作日)", "超期"), [_node(n, plan) for n in seen.nodes]),
        "contractors": (
            ("承包单位", "工程数", "金额", "占比", "村数", "预警"),
            [_contractor(one) for one in seen.contractors],
        ),
        "places_contracting": (
            ("地区", "承包单位", "工程数", "金额", "最大一家", "占比", "集中度"),
            [_concentration(one) for one in seen.places_contracting],
        ),
        "gaps": (("制度", "预警", "建议书", "已回复", "已采纳", "缺口所在"), [_gap(gap) for gap in seen.gaps]),
    }
    return [_table(key, columns, rows, plan) for key, (columns, rows) in made.items()]


def _table(key: str, columns: Sequence[str], rows: Rows, plan: Plan) -> dict[str, Any]:
    most = _SLOTS if key == "by_time" else plan.rows
    return {
        "key": key,
        "title": plan.tables[key].zh,
        "how": plan.tables[key].how.zh,
        "columns": list(columns),
        "rows": [list(row) for row in rows[:most]],
        "more": max(0, len(rows) - most),
    }


def _any(slot: Slot) -> bool:
    return bool(slot.red or slot.yellow or slot.process)


def _slot(slot: Slot) -> Sequence[str]:
    name = f"{slot.first:%Y-%m-%d}" + ("" if slot.first == slot.last else f" 至 {slot.last:%m-%d}")
    return name, str(slot.red), str(slot.yellow), str(slot.process)


def _group(group: Group, before: str = "") -> Sequence[str]:
    numbers = (group.red, group.yellow, group.process, group.closed, group.overdue)
    return f"{before}{group.name.zh}", *map(str, numbers), shown.money(group.at_stake_fen)


def _rate(group: Group) -> str:
    return _FEW if group.per_hundred is None else number(round(group.per_hundred, 1))


def _outcome(one: Outcome) -> Sequence[str]:
    return one.name.zh, str(one.alerts), shown.money(one.recovered_fen), str(one.people)


def _node(node: Node, plan: Plan) -> Sequence[str]:
    times = (_FEW, _FEW) if node.few else (shown.days(node.median_days), shown.days(node.p90_days))
    late = shown.share(node.late_share) if node.with_term >= plan.small_sample else f"{node.late} 次"
    return f"{node.node} {node.name.zh}", str(node.steps), *times, late


def _contractor(one: Contractor) -> Sequence[str]:
    money = (shown.money(one.fen), shown.share(one.share))
    return one.name, str(one.works), *money, str(one.villages), str(one.alerts)


def _concentration(one: Concentration) -> Sequence[str]:
    told = (_FEW, _FEW) if one.few else (shown.share(one.largest_share), f"{one.hhi or 0:,.0f}")
    return one.name.zh, str(one.contractors), str(one.works), shown.money(one.fen), one.largest, *told


def _gap(gap: Gap) -> Sequence[str]:
    missing = "、".join(f"{place.name.zh}({place.alerts})" for place in gap.missing) or "—"
    return gap.name.zh, str(gap.alerts), str(gap.made), str(gap.answered), str(gap.adopted), missing
