"""The file of a case for printing: cover, every step with its form in words, papers with their hashes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.approval.desk import Opened
from services.approval.flows import Catalogue
from services.approval.forms import show_fields
from services.approval.store import LogEntry
from services.approval.work.comments import Comment
from shared import regions
from shared.audit.deeds import deeds
from shared.formats import local_date, local_time

_STATUS = {"open": "办理中", "suspended": "已中止", "closed": "已办结", "archived": "已归档", "withdrawn": "已撤回"}
_VOTES = {"for": "同意", "against": "反对", "abstain": "弃权"}


def paper(
    seen: Opened, comments: Sequence[Comment], catalogue: Catalogue, *, printed_by: str, now: datetime
) -> dict[str, Any]:
    """All of it as the template takes it: texts only. Without `comments` the file has no such chapter."""
    case, flow = seen.case, seen.flow
    steps = [_step(entry, seen, catalogue) for entry in seen.log]
    return {
        "title": case.title,
        "number": case.case_no,
        "foot": f"云睛 · {case.case_no} · {printed_by} {local_time(now)} 打印",
        "cover": [
            ("权力事项", catalogue.matters[case.matter].zh),
            ("办理流程", f"{flow.code} {flow.name.zh}(第 {case.flow_version} 版)"),
            ("村", f"{regions.name(case.town_code)} {regions.name(case.village_code)}"),
            ("状态", _STATUS.get(case.status, case.status)),
            ("发起", f"{local_time(case.opened_at)} {seen.log[0].data['actor']['name'] if seen.log else ''}"),
            ("现在节点", _present(seen)),
            ("打印", f"{printed_by} {local_time(now)}"),
        ],
        "course": [_node(seen, node.code, node.name.zh, node.role_name.zh) for node in flow.nodes],
        "steps": steps,
        "papers": list(_papers(seen.log, catalogue)),
        "comments": [_comment(each) for each in comments],
    }


def _present(seen: Opened) -> str:
    case = seen.case
    dues = [(turn.node, f",期限 {_last_day(turn.due_at)}" if turn.due_at else "") for turn in case.turns]
    return ";".join(f"{code} {seen.flow.node(code).name.zh}{due}" for code, due in dues) or "—"


def _node(seen: Opened, code: str, name: str, role: str) -> list[str]:
    done = seen.case.completed.get(code)
    entry = next((e for e in reversed(seen.log) if e.type.startswith("case.node_completed") and _at(e) == code), None)
    if done is None or entry is None:
        return [code, name, role, _undone(seen, code), "", ""]
    due = entry.data.get("due_at")
    late = "超期" if due and datetime.fromisoformat(due) < entry.occurred_at else ""
    return [code, name, role, local_time(entry.occurred_at), _who(entry.data), late]


def _undone(seen: Opened, code: str) -> str:
    if seen.case.turn_at(code):
        return "现在办理"
    return "" if seen.case.asks(seen.flow, seen.flow.node(code)) else "本案不需办理"


def _step(entry: LogEntry, seen: Opened, catalogue: Catalogue) -> dict[str, Any]:
    data, at = entry.data, _at(entry)
    names = {node.code: node.name.zh for node in seen.flow.nodes}
    told = deeds().action(entry.type.rpartition(".v")[0]).zh
    role = catalogue.roles.get(data["actor"]["role"])
    return {
        "head": f"{entry.sequence}. {told} {at} {names.get(at, '')}".rstrip(),
        "when": f"{local_time(entry.occurred_at)} · {_who(data)} · {role.zh if role else data['actor']['role']}",
        "notes": list(_notes(data)),
        "fields": [[shown.field.zh, "\n".join(shown.lines)] for shown in show_fields(data.get("fields", {}))],
        "papers": [f"{_kind(each, catalogue)}:{each['name']}" for each in _documents(data)],
    }


def _notes(data: Mapping[str, Any]) -> Iterable[str]:
    if data.get("to_node"):
        yield f"退回到 {data['to_node']}"
    if data.get("reason"):
        yield f"理由:{data['reason']}"
    if data.get("until"):
        yield f"至 {data['until']}"
    if data.get("archive_no"):
        yield f"档号 {data['archive_no']},材料 {data['documents']} 份,摘要 {data['digest']}"
    ballots = [*data.get("ballots", ()), *([data["ballot"]] if data.get("ballot") else ())]
    if ballots:
        yield "表决:" + "、".join(f"{each['name']} {_vote(each)}" for each in ballots)
    for shown in show_fields(data.get("before", {})):
        yield f"更正前 {shown.field.zh}:{';'.join(shown.lines)}"
    if data.get("backfilled"):
        yield "补录:按已有台账导入"
    if data.get("expected_node"):
        yield f"顺序异常:此时应办 {data['expected_node']}"


def _vote(ballot: Mapping[str, Any]) -> str:
    return "回避" if ballot.get("stands_aside") else _VOTES[ballot["vote"]]


def _papers(log: Iterable[LogEntry], catalogue: Catalogue) -> Iterable[list[str]]:
    for entry in log:
        for each in _documents(entry.data):
            yield [_at(entry), _kind(each, catalogue), each["name"], f"{each['size']:,}", each["sha256"]]


def _documents(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The papers of a step; an archived case has their number there instead."""
    told = data.get("documents", ())
    return told if isinstance(told, list) else ()


def _comment(each: Comment) -> dict[str, Any]:
    struck = f"已划去({local_time(each.struck_at)}):{each.strike_reason}" if each.struck_at else ""
    return {"head": f"{local_time(each.written_at)} {each.name} {each.node or ''}", "text": each.text, "struck": struck}


def _who(data: Mapping[str, Any]) -> str:
    stood_in = data.get("on_behalf_of")
    return f"{data['actor']['name']}(代 {stood_in['name']})" if stood_in else str(data["actor"]["name"])


def _kind(each: Mapping[str, Any], catalogue: Catalogue) -> str:
    known = catalogue.documents.get(each["kind"])
    return known.zh if known else str(each["kind"])


def _at(entry: LogEntry) -> str:
    return str(entry.data.get("node") or "")


def _last_day(ends: datetime) -> str:
    """A term ends at midnight, which belongs to the day before."""
    return local_date(ends - timedelta(seconds=1))
