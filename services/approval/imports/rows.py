"""Lines of a sheet read as rows of existing records: which case, which node, when, by whom, with what. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import orjson

from services.approval.fields import all_fields
from services.approval.flows import Catalogue, Flow, Node
from shared.cells import Unreadable, read_time
from shared.contracts.power import NodeFields
from shared.headers import IGNORED, Expected, Header, below_headers, plain
from shared.identity import person_key, valid_id_no
from shared.sheets import SheetLine, SheetRefused

_MAX_SHORT = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CASE_NO = re.compile(r"[^\s\x00-\x1f]{1,80}")
_OWN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "case_no": ("案件编号", "事项编号", "编号", "case number", "case_no"),
    "flow": ("流程", "流程编码", "权力流程", "flow"),
    "node": ("节点", "节点编码", "监督节点", "node"),
    "occurred_at": ("办理时间", "办理日期", "日期", "时间", "date", "occurred_at"),
    "title": ("标题", "案件名称", "事项名称", "title"),
    "actor_name": ("办理人", "经办人", "done by", "actor"),
    "actor_id_no": ("办理人身份证号", "经办人身份证号", "actor's id number"),
    "papers": ("材料", "附件", "papers", "documents"),
    IGNORED: ("序号", "备注", "no.", "remark"),
}
_NEEDED = ("case_no", "flow", "node", "occurred_at", "title")


def columns_in_words() -> str:
    """The columns of a sheet, for people who write one."""
    own = "、".join(titles[0] + ("*" if name in _NEEDED else "") for name, titles in _OWN_COLUMNS.items())
    return f"{own};表单字段 form fields:{'、'.join(f.zh for f in all_fields().values())}"


@dataclass(frozen=True, slots=True)
class RowFault:
    """What must be mended: sheet, line, column (letter and header, empty for the whole line), in both languages."""

    sheet: str
    line: int
    column: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class PaperMention:
    """A paper as a row names it: its kind, and the file by digest or by name."""

    kind: str
    file: str


@dataclass(frozen=True, slots=True)
class Record:
    """One node of one existing case, as a row tells it. Without a node it tells of the opening only."""

    sheet: str
    line: int
    case_no: str
    flow: Flow
    node: Node | None
    occurred_at: datetime
    title: str
    actor_name: str
    actor_key: str | None
    fields: NodeFields
    papers: tuple[PaperMention, ...]
    digest: bytes


@dataclass(frozen=True)
class Reading:
    """A file as read: the good rows and all faults."""

    records: list[Record] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)


def read_records(lines: Iterable[SheetLine], catalogue: Catalogue, identity_secret: str) -> Reading:
    """All rows of a file; raises `SheetRefused` when no line is a header or a header names unknown columns."""
    reading = Reading()
    reader = _RowReader(catalogue, identity_secret)
    for header, line in below_headers(iter(lines), _expected()):
        record, faults = reader.read(header, line)
        reading.faults.extend(faults)
        if record:
            reading.records.append(record)
    if not reading.records and not reading.faults:
        needed = "、".join(_OWN_COLUMNS[name][0] for name in _NEEDED)
        raise SheetRefused(
            f"没有找到数据:表头须有 {needed}", f"No rows found: the header needs {', '.join(_NEEDED)} ({needed})"
        )
    return reading


@cache
def _expected() -> Expected:
    titles = {plain(title): f"fields.{f.name}" for f in all_fields().values() for title in f.headers}
    own = {plain(title): name for name, some in _OWN_COLUMNS.items() for title in some}
    return Expected(titles | own, key="case_no", needed={name: _OWN_COLUMNS[name][0] for name in _NEEDED})


class _Wrong(Exception):
    """A cell of this row that must be mended."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class _RowReader:
    """Reads rows of one catalogue; remembers how flows and nodes are called."""

    def __init__(self, catalogue: Catalogue, identity_secret: str) -> None:
        self._catalogue = catalogue
        self._secret = identity_secret
        self._flows = {
            plain(name): flow for flow in catalogue.flows.values() for name in (flow.code, flow.key, flow.name.zh)
        }
        self._kinds = {
            plain(name): kind for kind, paper in catalogue.documents.items() for name in (kind, paper.zh, paper.en)
        }
        self._people: dict[str, str] = {}
        self._readers: Mapping[str, Callable[[str], Any]] = {
            "case_no": self._case_no,
            "flow": self._flow,
            "occurred_at": self._occurred_at,
            "title": self._title,
            "actor_name": self._actor_name,
            "actor_id_no": self._actor_id_no,
            "papers": self._papers,
        }

    def read(self, header: Header, line: SheetLine) -> tuple[Record | None, list[RowFault]]:
        faults = [RowFault(line.sheet, line.line, header.place(f.column), f.zh, f.en) for f in line.faults]
        given = {name: text for name, text in zip(header.columns, line.cells, strict=False) if text}
        values: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        unusable = {fault.column for fault in line.faults}
        for column, name in enumerate(header.columns):
            if column in unusable:
                continue
            try:
                if name.startswith("fields."):
                    if name in given:
                        fields[name[7:]] = all_fields()[name[7:]].read(given[name], self._secret)
                elif name in self._readers:
                    values[name] = self._readers[name](given.get(name, ""))
            except (_Wrong, Unreadable) as error:
                faults.append(RowFault(line.sheet, line.line, header.place(column), error.zh, error.en))
        if "flow" in values and "node" in header.columns:
            try:
                values["node"] = self._node(values["flow"], given.get("node", ""))
            except _Wrong as error:
                at = header.place(header.columns.index("node"))
                faults.append(RowFault(line.sheet, line.line, at, error.zh, error.en))
        if faults:
            return None, faults
        return self._record(line, values, NodeFields(**fields)), []

    def _record(self, line: SheetLine, values: Mapping[str, Any], fields: NodeFields) -> Record:
        flow: Flow = values["flow"]
        node: Node | None = values["node"]
        papers: tuple[PaperMention, ...] = values.get("papers", ())
        says = [
            values["case_no"],
            flow.code,
            node.code if node else None,
            values["occurred_at"],
            values.get("actor_name", ""),
            values.get("actor_id_no"),
            fields.model_dump(mode="json", exclude_defaults=True),
            [(paper.kind, paper.file) for paper in papers],
        ]
        return Record(
            line.sheet,
            line.line,
            values["case_no"],
            flow,
            node,
            values["occurred_at"],
            values["title"],
            values.get("actor_name", ""),
            values.get("actor_id_no"),
            fields,
            papers,
            hashlib.sha256(orjson.dumps(says, option=orjson.OPT_SORT_KEYS)).digest(),
        )

    def _case_no(self, text: str) -> str:
        if not _CASE_NO.fullmatch(text):
            raise _Wrong("案件编号必填,最多 80 个字符,不含空格", "A case number of 80 characters at most, no blanks")
        return text

    def _flow(self, text: str) -> Flow:
        flow = self._flows.get(plain(text))
        if flow is None:
            raise _Wrong(f"没有流程 {text},可填 PR3 这样的编码或名称", f"No flow {text}: give a code such as PR3")
        return flow

    def _node(self, flow: Flow, text: str) -> Node | None:
        if not text:
            return None
        wanted = plain(text)
        for node in flow.nodes:
            if wanted in (plain(node.code), plain(node.name.zh), str(node.order)):
                return node
        raise _Wrong(f"流程 {flow.code} 没有节点 {text}", f"Flow {flow.code} has no node {text}")

    def _occurred_at(self, text: str) -> datetime:
        if not text:
            raise _Wrong("办理时间必填", "The time is required")
        return read_time(unicodedata.normalize("NFKC", text))

    def _title(self, text: str) -> str:
        if not text or len(text) > _MAX_SHORT:
            raise _Wrong(f"标题必填,最多 {_MAX_SHORT} 字", f"A title of {_MAX_SHORT} characters at most is required")
        return text

    def _actor_name(self, text: str) -> str:
        if len(text) > _MAX_SHORT:
            raise _Wrong(f"最多 {_MAX_SHORT} 字", f"{_MAX_SHORT} characters at most")
        return text

    def _actor_id_no(self, text: str) -> str | None:
        if not text:
            return None
        if text not in self._people:
            if not valid_id_no(text):
                raise _Wrong("身份证号不正确,请核对", "This is no valid ID number")
            self._people[text] = person_key(text, self._secret)
        return self._people[text]

    def _papers(self, text: str) -> tuple[PaperMention, ...]:
        return tuple(self._mentions(text))

    def _mentions(self, text: str) -> Iterator[PaperMention]:
        for part in re.split(r"[;;\n]", text):
            if part.strip():
                kind, _, file = unicodedata.normalize("NFKC", part).partition(":")
                if plain(kind) not in self._kinds or not file.strip():
                    raise _Wrong(
                        f"材料写作 种类:文件名,多份用分号隔开,不认识 {part.strip()[:40]}",
                        f"Write kind:file name, with ; between: {part.strip()[:40]} is unknown",
                    )
                name = file.strip()
                yield PaperMention(self._kinds[plain(kind)], name.lower() if _SHA256.fullmatch(name.lower()) else name)
