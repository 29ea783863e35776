"""Draws the catalogue of flows as pages."""

from collections.abc import Iterable, Iterator

from services.approval.fields import all_fields
from services.approval.flows import PREVIOUS, Catalogue, Flow, FormUse, Node
from shared.words import Name

_UNITS = {"working_day": Name("工作日", "working days"), "calendar_day": Name("日历日", "calendar days")}


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Every page by its file name."""
    return {"README.md": _index(catalogue)} | {f"{flow.code}.md": _page(flow) for flow in catalogue.flows.values()}


def _index(catalogue: Catalogue) -> str:
    flows = catalogue.flows.values()
    lines = [
        "# 权力流程 · Power flows",
        "",
        f"{len(catalogue.matters)} 类事项、{len(flows)} 个流程、{sum(len(flow.nodes) for flow in flows)} 个监督节点。"
        " 由 `services/approval/catalogue/` 经 `make docs` 生成,请勿手改。",
        "",
        f"{len(catalogue.matters)} matters, {len(flows)} flows, {sum(len(flow.nodes) for flow in flows)} supervised"
        " nodes. Drawn from `services/approval/catalogue/` by `make docs`; do not edit.",
    ]
    for code, matter in catalogue.matters.items():
        lines += ["", f"## {matter.zh} · {matter.en}", "", "| 流程 Flow | 适用 For | 节点 Nodes |", "|---|---|---|"]
        lines += [
            f"| [{flow.code}]({flow.code}.md) {_both(flow.name)} | {_both(flow.summary)} | {len(flow.nodes)} |"
            for flow in flows
            if flow.matter == code
        ]
    return "\n".join(lines) + "\n"


def _page(flow: Flow) -> str:
    lines = [f"# {flow.code} {flow.name.zh} · {flow.name.en}", "", flow.summary.zh, "", flow.summary.en, ""]
    lines += [f"- {line}" for line in _bounds(flow)]
    lines += [
        f"- 发起时填写 To open: {_fields(flow.form).replace('<br>', ' · ')}",
        f"- 流程版本 Version: {flow.version}。括号内为选填、选交;◆ 为决定节点,须同意方可继续。"
        " What stands in brackets is optional; ◆ marks a decision that must be a yes.",
        "",
        "| 节点 Node | 角色 Role | 材料 Papers | 期限 Term | 公示公开 Notice | 表单 Form |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_row(node) for node in flow.nodes)]) + "\n"


def _bounds(flow: Flow) -> Iterator[str]:
    for words, limit in (("不低于 At or above", flow.at_or_above), ("低于 Below", flow.below)):
        if limit:
            yield f"{words}: {limit.fen // 100:,} 元 ({limit.zh} · {limit.en})"


def _jointly(node: Node) -> str:
    if node.joint is None:
        return ""
    places = "、".join(f"{_both(place.name)} ≥ {place.least}" for place in node.joint.places)
    voters = f"<br>成员在系统中表决 members vote: {places}" if places else ""
    return f"<br>{_both(node.joint.rule)}{voters}"


def _row(node: Node) -> str:
    papers = _listed((need.name, need.required) for need in node.documents)
    name = f"**{node.code}**{' ◆' if node.decision else ''}<br>{_both(node.name)}{_jointly(node)}"
    if node.turn != node.order:
        name += f"<br>与 {node.code[:3]}-{node.turn:02} 同时进行 beside {node.code[:3]}-{node.turn:02}"
    if node.when:
        name += f"<br>{_both(node.when.said)}"
    cells = (name, _both(node.role_name), papers, _term(node), _notice(node), _fields(node.form))
    return f"| {' | '.join(cells)} |"


def _term(node: Node) -> str:
    if node.term is None:
        return "-"
    unit = _UNITS[node.term.unit]
    since = Name("", "") if node.term.start == PREVIOUS else Name(f"自 {node.term.start} ", f" from {node.term.start}")
    return f"{since.zh}{node.term.days} {unit.zh}<br>{node.term.days} {unit.en}{since.en}"


def _notice(node: Node) -> str:
    if node.notice_days:
        return f"公示 {node.notice_days} 天<br>{node.notice_days} days' notice"
    return "公开<br>published" if node.must_publish else "-"


def _fields(form: Iterable[FormUse]) -> str:
    named = ((all_fields()[use.name], use.required) for use in form)
    return _listed((Name(field.zh, field.en), required) for field, required in named)


def _listed(named: Iterable[tuple[Name, bool]]) -> str:
    words = [(name, "{}" if required else "({})") for name, required in named]
    zh = "、".join(form.format(name.zh) for name, form in words)
    return f"{zh}<br>{', '.join(form.format(name.en) for name, form in words)}"


def _both(name: Name) -> str:
    return f"{name.zh}<br>{name.en}"
