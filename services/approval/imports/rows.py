"""Lines of a sheet read as rows of existing records: which case, which node, when, by whom, with what. Pure."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from services.approval.fields import FormField, all_fields
from services.approval.flows import Catalogue, Flow, Node
from services.approval.imports.columns import FIELDS, columns, of_node
from services.approval.imports.header_faults import faults_of_header
from services.approval.imports.layout import Sheet, laid_out
from services.approval.imports.mapping import Mapping as Columns
from services.approval.imports.mapping import Unit
from services.approval.imports.records import PaperMention, Reading, Record, RowFault, digest_of
from services.approval.imports.spelling import amount, day_or_time, is_empty
from shared import regions
from shared.cells import Unreadable, read_time
from shared.contracts.power import NodeFields
from shared.headers import IGNORED, plain
from shared.identity import person_key, valid_id_no
from shared.sheets import SheetLine, SheetRefused

MOST_AT_ONCE = 50_000
_MAX_SHORT = 200
_FIRST_YEAR = 1980
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CASE_NO = re.compile(r"[^\s\x00-\x1f]{1,80}")
_TOTAL = re.compile(r"(?:本页|本月|本年|全年)?(?:合|总|小|共|累)计[::]?.*")
_FOOT = re.compile(r"(?:制表|填表|审核|复核|经办|负责)人?\s*[::].*|(?:备注|注|说明)\s*[::].*")
_NUMBERS = ("money", "number", "integer", "date")
_NOTHING_MAPPED = Columns()


def read_records(rows: Iterable[Record | RowFault]) -> Reading:
    """All rows of a file; raises `SheetRefused` when no line is a header or a header names unknown columns."""
    reading = Reading()
    for row in rows:
        if isinstance(row, Record):
            reading.records.append(row)
            if len(reading.records) > MOST_AT_ONCE:
                raise SheetRefused(
                    f"一次请求最多 {MOST_AT_ONCE} 行,更大的文件请用导入任务",
                    f"{MOST_AT_ONCE} rows at most in one request: upload larger files as a job",
                )
        elif row.header and row.grave:
            raise SheetRefused(f"{row.sheet} 第 {row.line} 行:{row.zh}", f"Line {row.line}: {row.en}")
        else:
            (reading.faults if row.grave else reading.notices).append(row)
    if not reading.records and not reading.faults:
        raise nothing_found()
    return reading


def nothing_found() -> SheetRefused:
    """For a file in which no sheet has the columns of records."""
    needed = [column for column in columns().own.values() if column.needed]
    zh, en = "、".join(column.zh for column in needed), ", ".join(column.en for column in needed)
    return SheetRefused(f"没有找到数据:表头须有 {zh}", f"No rows found: the header needs {en} ({zh})")


def read_rows(lines: Iterable[SheetLine], reader: "RowReader") -> Iterator[Record | RowFault]:
    """Every row or fault, in the file's order; rows that repeat an earlier one word for word are told of."""
    for sheet, below in laid_out(iter(lines), reader.mapping, reader.catalogue):
        reader.laid_out(sheet)
        yield from faults_of_header(sheet)
        if sheet.readable:
            for line in below:
                yield from reader.read(sheet, line)
        else:
            for _ in below:
                pass


class WrongCell(Exception):
    """A cell that must be mended: how, and where no column says so its place and what it holds."""

    def __init__(self, zh: str, en: str, place: str = "", value: str = "") -> None:
        super().__init__(en)
        self.zh, self.en, self.place, self.value = zh, en, place, value


def in_our_time(read: Callable[[], datetime]) -> datetime:
    """A moment that a ledger may tell of; raises `WrongCell` for one of another age, which is a slip of the pen."""
    try:
        moment = read()
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment.year < _FIRST_YEAR:
        raise WrongCell(f"时间早于 {_FIRST_YEAR} 年,请核对", f"A time before {_FIRST_YEAR}: check it")
    return moment


@dataclass
class _Said:
    """What a line says of one node, or of itself."""

    values: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


class RowReader:
    """Reads rows of one catalogue by one mapping into one region; remembers how flows, nodes and villages are called.

    It remembers too what each row said, to tell of one that is there twice; `laid_out` hears of each sheet.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        identity_secret: str,
        region: str,
        mapping: Columns = _NOTHING_MAPPED,
        laid_out: Callable[[Sheet], None] = lambda sheet: None,
    ) -> None:
        self.catalogue = catalogue
        self.mapping = mapping
        self.laid_out = laid_out
        self._secret = identity_secret
        self._region = region
        self._flows = {
            plain(name): flow for flow in catalogue.flows.values() for name in (flow.code, flow.key, flow.name.zh)
        }
        self._kinds = {
            plain(name): kind for kind, paper in catalogue.documents.items() for name in (kind, paper.zh, paper.en)
        }
        self._people: dict[str, str] = {}
        self._said: dict[tuple[str, bytes], tuple[str, int]] = {}
        self._readers: Mapping[str, Callable[[str], Any]] = {
            "village": self.village,
            "case_no": self.case_no,
            "flow": self._flow,
            "occurred_at": self._occurred_at,
            "title": self._title,
            "actor_name": self._actor_name,
            "actor_id_no": self._actor_id_no,
            "papers": self._papers,
        }

    def read(self, sheet: Sheet, line: SheetLine) -> Iterator[Record | RowFault]:
        """What a line tells: a record, or one for each of its nodes; else its faults."""
        if left_out := _no_record(sheet, line):
            yield RowFault(line.sheet, line.line, "", *left_out, grave=False)
            return
        for row in self._rows(sheet, line):
            if isinstance(row, Record):
                yield from self._there_before(row)
            yield row

    def _there_before(self, row: Record) -> Iterator[RowFault]:
        before = self._said.setdefault((row.village, row.digest), (row.sheet, row.line))
        if before != (row.sheet, row.line):
            yield RowFault(
                row.sheet,
                row.line,
                "",
                f"与 {before[0]} 第 {before[1]} 行完全相同,只导入一次",
                f"The same as line {before[1]} of {before[0]}: taken once",
                value=row.case_no,
                grave=False,
            )

    def _rows(self, sheet: Sheet, line: SheetLine) -> Sequence[Record | RowFault]:
        faults = [
            RowFault(line.sheet, line.line, sheet.place(f.column), f.zh, f.en, sheet.told(f.column, f.value))
            for f in line.faults
        ]
        at = {target: column for column, target in enumerate(sheet.targets)}
        unusable = {sheet.targets[fault.column] for fault in line.faults if fault.column < len(sheet.targets)}
        if f"{FIELDS}item" in unusable and "title" not in at:
            unusable.add("title")
        said: defaultdict[str, _Said] = defaultdict(_Said)
        for target, text in self._cells(sheet, line).items():
            code, rest = of_node(target)
            if target in unusable or (rest == "node" and "flow" not in said[""].values) or (code and not text):
                continue
            try:
                if rest == "node":
                    said[code].values["node"] = self._node(said[""].values["flow"], text)
                elif rest in self._readers and not (target == "occurred_at" and not text and sheet.whole_cases):
                    said[code].values[rest] = self._readers[rest](text)
                elif text:
                    field_ = all_fields()[rest.removeprefix(FIELDS)]
                    self._fill(said[code].fields, field_, text, sheet.units[at[target]])
            except (WrongCell, Unreadable) as error:
                place = sheet.place(at[target]) if target in at else ""
                told = sheet.told(at[target], text) if target in at else text[:80]
                faults.append(RowFault(line.sheet, line.line, place, error.zh, error.en, told))
        return faults or list(self._records(sheet, line, said))

    def _records(self, sheet: Sheet, line: SheetLine, said: Mapping[str, _Said]) -> Iterator[Record | RowFault]:
        """The row itself, and one for each node that the line tells of beside it."""
        own = said[""].values
        of_nodes = {code: each for code, each in said.items() if code and (each.values or each.fields)}
        times = [each.values["occurred_at"] for each in of_nodes.values() if "occurred_at" in each.values]
        if "occurred_at" not in own and not times:
            yield RowFault(line.sheet, line.line, "", "办理时间必填", "The time is required")
            return
        opened_at = own.get("occurred_at") or min(times)
        yield _record(line, {**own, "occurred_at": opened_at}, NodeFields(**said[""].fields))
        for code in sorted(of_nodes):
            each = of_nodes[code]
            try:
                node = self._node(own["flow"], code)
                if "occurred_at" not in each.values:
                    raise WrongCell(f"请填写 {code} 的办理时间", f"When was {code} done?")
            except WrongCell as wrong:
                first = next(at for at, target in enumerate(sheet.targets) if of_node(target)[0] == code)
                yield RowFault(line.sheet, line.line, sheet.place(first), wrong.zh, wrong.en)
                continue
            yield _record(line, {**own, "papers": (), **each.values, "node": node}, NodeFields(**each.fields))

    def _cells(self, sheet: Sheet, line: SheetLine) -> dict[str, str]:
        """The text of each target, own columns first; where a cell is empty, what holds for the sheet."""
        texts = dict.fromkeys(columns().own, "")
        for target, text in zip(sheet.targets, line.cells, strict=False):
            if target != IGNORED:
                texts[target] = self.mapping.word(target, text)
        defaults = {"flow": sheet.flow, "node": sheet.node}
        if "title" not in sheet.targets:
            defaults["title"] = texts.get(f"{FIELDS}item", "")
        return texts | {name: default for name, default in defaults.items() if not texts[name]}

    def _fill(self, fields: dict[str, Any], form_field: FormField, text: str, unit: Unit) -> None:
        if form_field.kind in _NUMBERS:
            text = unicodedata.normalize("NFKC", text).strip()
            if is_empty(text):
                return
            if form_field.kind == "date":
                text = day_or_time(text)
            elif form_field.kind == "money":
                text = amount(text, unit)
        fields[form_field.name] = form_field.read(text, self._secret)

    def village(self, text: str) -> str:
        """The code of a village by its code or name, "" where only one may be; raises `WrongCell`."""
        if not text:
            if regions.level_of(self._region) == "village":
                return self._region
            raise WrongCell("请填写村(村名或 12 位代码)", "Name the village, or give its 12-digit code")
        wanted = unicodedata.normalize("NFKC", text).strip()
        if wanted not in self._villages:
            raise WrongCell(
                f"{regions.name(self._region)} 没有村 {wanted[:40]}",
                f"There is no village {wanted[:40]} in this region",
            )
        return self._villages[wanted]

    @cached_property
    def _villages(self) -> Mapping[str, str]:
        """Codes by code and, where only one village is called so, by name with 村 or without."""
        level = regions.level_of(self._region)
        inside = list(regions.villages(self._region if level == "town" else None))
        if level == "village":
            inside = [each for each in inside if each.code == self._region]
        named: dict[str, list[str]] = {}
        for each in inside:
            for name in {each.zh, each.zh.removesuffix("村"), each.en}:
                named.setdefault(name, []).append(each.code)
        return {name: codes[0] for name, codes in named.items() if len(codes) == 1} | {x.code: x.code for x in inside}

    def case_no(self, text: str) -> str:
        """A case's number; raises `WrongCell`."""
        text = unicodedata.normalize("NFKC", text) if not text.isascii() else text
        if not _CASE_NO.fullmatch(text):
            raise WrongCell("案件编号必填,最多 80 个字符,不含空格", "A case number of 80 characters at most, no blanks")
        return text

    def _flow(self, text: str) -> Flow:
        flow = self._flows.get(plain(text))
        if flow is None:
            raise WrongCell(f"没有流程 {text},可填 PR3 这样的编码或名称", f"No flow {text}: give a code such as PR3")
        return flow

    def _node(self, flow: Flow, text: str) -> Node | None:
        if not text:
            return None
        wanted = plain(text)
        for node in flow.nodes:
            if wanted in (plain(node.code), plain(node.name.zh), str(node.order)):
                return node
        raise WrongCell(f"流程 {flow.code} 没有节点 {text}", f"Flow {flow.code} has no node {text}")

    def _occurred_at(self, text: str) -> datetime:
        if not text:
            raise WrongCell("办理时间必填", "The time is required")
        return in_our_time(lambda: read_time(day_or_time(unicodedata.normalize("NFKC", text).strip())))

    def _title(self, text: str) -> str:
        if not text or len(text) > _MAX_SHORT:
            raise WrongCell(f"标题必填,最多 {_MAX_SHORT} 字", f"A title of {_MAX_SHORT} characters at most is required")
        return text

    def _actor_name(self, text: str) -> str:
        if len(text) > _MAX_SHORT:
            raise WrongCell(f"最多 {_MAX_SHORT} 字", f"{_MAX_SHORT} characters at most")
        return text

    def _actor_id_no(self, text: str) -> str | None:
        if not text:
            return None
        if text not in self._people:
            if not valid_id_no(text):
                raise WrongCell("身份证号不正确,请核对", "This is no valid ID number")
            self._people[text] = person_key(text, self._secret)
        return self._people[text]

    def _papers(self, text: str) -> tuple[PaperMention, ...]:
        return tuple(self._mentions(text)) if text else ()

    def _mentions(self, text: str) -> Iterator[PaperMention]:
        for part in re.split("[;\uff1b\n]", text):
            if part.strip():
                kind, _, file = unicodedata.normalize("NFKC", part).partition(":")
                if plain(kind) not in self._kinds or not file.strip():
                    raise WrongCell(
                        f"材料写作 种类:文件名,多份用分号隔开,不认识 {part.strip()[:40]}",
                        f"Write kind:file name, with ; between: {part.strip()[:40]} is unknown",
                    )
                name = file.strip()
                yield PaperMention(self._kinds[plain(kind)], name.lower() if _SHA256.fullmatch(name.lower()) else name)


def _record(line: SheetLine, values: Mapping[str, Any], fields: NodeFields) -> Record:
    flow: Flow = values["flow"]
    node: Node | None = values["node"]
    papers: tuple[PaperMention, ...] = values["papers"]
    return Record(
        line.sheet,
        line.line,
        values["village"],
        values["case_no"],
        flow,
        node,
        values["occurred_at"],
        values["title"],
        values["actor_name"],
        values["actor_id_no"],
        fields,
        papers,
        digest_of(
            values["case_no"],
            flow,
            node,
            values["occurred_at"],
            (values["actor_name"], values["actor_id_no"]),
            fields,
            papers,
        ),
    )


def _no_record(sheet: Sheet, line: SheetLine) -> tuple[str, str] | None:
    """Why a line is left out, for one that sums up, repeats the header or stands below the table."""
    said = [text for text in line.cells if text]
    first = plain(said[0]) if said else ""
    if [plain(text) for text in line.cells if text] == [plain(title) for title in sheet.titles if title]:
        return "重复的表头,没有读取", "The header again: left out"
    at = {target: column for column, target in enumerate(sheet.targets)}
    when = at.get("occurred_at", len(line.cells))
    if when < len(line.cells) and line.cells[when]:
        return None
    if _TOTAL.fullmatch(first):
        return "合计行,没有读取", "A line of totals: left out"
    if _FOOT.fullmatch(first):
        return "表尾说明,没有读取", "Below the table: left out"
    return None
