"""What the rows of existing records make of the cases that are there: new cases, completed nodes, or faults. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from services.approval.cases import Case, RoleHolder
from services.approval.changes import CaseChange, Wait, waits_for
from services.approval.errors import TimeUnsound
from services.approval.fields import all_fields
from services.approval.flows import HANDLER, Catalogue
from services.approval.imports.records import PaperMention, Record, RowFault
from shared.contracts.power import DocumentRef, NodeFields, PowerEvent
from shared.problems import Problem

_NAMESPACE = uuid5(NAMESPACE_URL, "https://yunjing/approval/imports")


@dataclass(frozen=True)
class Known:
    """What is there: the flows, cases by village and number, digests of rows by village, papers by their mention."""

    catalogue: Catalogue
    cases: Mapping[tuple[str, str], Case]
    digests: frozenset[tuple[str, bytes]]
    papers: Mapping[PaperMention, DocumentRef]


@dataclass
class Plan:
    """What a batch of rows comes to."""

    changes: list[CaseChange] = field(default_factory=list)
    taken: list[tuple[str, bytes, str]] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    opened: int = 0
    repeated: int = 0

    @property
    def nodes(self) -> int:
        """How many nodes are recorded."""
        return sum(len(change.events) for change in self.changes) - self.opened


def plan(records: Sequence[Record], known: Known, *, importer: RoleHolder, now: datetime) -> Plan:
    """Plan a batch that holds all rows of its cases, each case's rows in the order of their times."""
    made = Plan()
    seen = set(known.digests)
    drafts: dict[tuple[str, str], _Draft] = {}
    for record in records:
        said = (record.village, record.digest)
        if said in seen:
            made.repeated += 1
            continue
        draft = drafts.get(record.case) or _Draft(known.catalogue, known.cases.get(record.case))
        try:
            draft.take(record, known.papers, importer, now)
        except Problem as problem:
            made.faults.extend(_faults(record, problem))
            continue
        drafts[record.case] = draft
        seen.add(said)
        assert draft.case
        made.taken.append((*said, draft.case.case_id))
    for draft in drafts.values():
        made.changes.append(draft.change())
        made.opened += draft.opens
    return made


class _NotThisCase(Problem):
    """The number belongs to a case of another kind, or the row repeats an opening."""

    status, code = 422, "not-this-case"


class _Draft:
    """One case while its rows are taken over."""

    def __init__(self, catalogue: Catalogue, case: Case | None) -> None:
        self._catalogue = catalogue
        self.case = case
        self.opens = case is None
        self.events: list[PowerEvent] = []
        self.event_ids: list[str] = []
        self.waits: list[Wait] = []

    def take(
        self,
        record: Record,
        papers: Mapping[PaperMention, DocumentRef],
        importer: RoleHolder,
        now: datetime,
    ) -> None:
        """Take one row over, or leave the draft as it was; raises `Problem`."""
        documents = tuple(_paper(mention, papers) for mention in record.papers)
        by = _actor(record, importer)
        case, events, ids = self.case, [], []
        if record.occurred_at > now:
            raise TimeUnsound("办理时间不能晚于现在", "The time lies in the future")
        if case is None:
            case, opened = self._open(record, by, now)
            events, ids = [opened], [str(uuid5(_NAMESPACE, f"opened|{case.case_id}"))]
        elif case.flow != record.flow.code:
            raise _NotThisCase(
                f"案件 {case.case_no} 是流程 {case.flow},不是 {record.flow.code}",
                f"Case {case.case_no} is of flow {case.flow}, not {record.flow.code}",
            )
        elif record.node is None:
            raise _NotThisCase(f"案件 {case.case_no} 已存在,请填写节点", f"Case {case.case_no} is there: name a node")
        flow = self._catalogue.flow(case.flow, case.flow_version)
        if record.node is not None:
            case, completed = case.record(
                flow,
                node=record.node.code,
                by=by,
                fields=record.fields,
                documents=documents,
                occurred_at=record.occurred_at,
                now=now,
            )
            events.append(completed)
            ids.append(str(uuid5(_NAMESPACE, f"{record.village}|{record.digest.hex()}")))
        self.case, self.waits = case, waits_for(flow, case)
        self.events += events
        self.event_ids += ids

    def _open(self, record: Record, by: RoleHolder, now: datetime) -> tuple[Case, PowerEvent]:
        asked = {use.name for use in record.flow.form}
        filled = {name: value for name, value in record.fields if name in asked}
        return Case.record_opening(
            record.flow,
            case_id=str(uuid5(_NAMESPACE, f"{record.village}|{record.case_no}")),
            case_no=record.case_no,
            title=record.title,
            village_code=record.village,
            by=by,
            fields=NodeFields(**filled) if record.node else record.fields,
            occurred_at=record.occurred_at,
            now=now,
        )

    def change(self) -> CaseChange:
        """The case as it has become."""
        assert self.case
        return CaseChange(self.case, self.events, self.waits, imported=True, event_ids=self.event_ids)


def _actor(record: Record, importer: RoleHolder) -> RoleHolder:
    """Who did it. A person known by name only is the same person in all rows of the village."""
    if not record.actor_name:
        return RoleHolder(record.actor_key or importer.person_key, importer.name, frozenset({HANDLER}))
    by_name = hashlib.sha256(f"name|{record.village}|{record.actor_name}".encode()).hexdigest()[:32]
    return RoleHolder(record.actor_key or by_name, record.actor_name, frozenset({HANDLER}))


def _paper(mention: PaperMention, papers: Mapping[PaperMention, DocumentRef]) -> DocumentRef:
    if mention not in papers:
        raise _NotThisCase(
            f"材料 {mention.file} 没有上传,或有多个同名文件(请改用 SHA-256)",
            f"The paper {mention.file} was not uploaded, or several have this name (give its SHA-256)",
        )
    return papers[mention]


_COLUMNS = {"occurred_at": "办理时间", "title": "标题"}


def _column(path: str) -> str:
    name = path.removeprefix("fields.")
    return all_fields()[name].zh if name in all_fields() else _COLUMNS.get(name, name)


def _faults(record: Record, problem: Problem) -> list[RowFault]:
    if problem.errors:
        return [
            RowFault(record.sheet, record.line, _column(error.field), error.zh, error.en) for error in problem.errors
        ]
    zh, en = problem.detail_zh or problem.title_zh, problem.detail_en or problem.title_en
    return [RowFault(record.sheet, record.line, "", zh, en)]
