"""What the REST API takes and gives. Amounts are fen, times UTC, persons and accounts keyed hashes."""

import re
from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.approval.case_list import Listing
from services.approval.cases import Actions, Case, Turn
from services.approval.documents import FiledPaper
from services.approval.errors import FieldsUnknown, FieldsUnsound
from services.approval.fields import all_fields, read_phone
from services.approval.flows import Catalogue, Condition, Flow, FormUse, Node, Term
from services.approval.joint import Ballots, Joint, Vote, tally
from services.approval.store import LogEntry
from shared import regions
from shared.cells import Unreadable, visible
from shared.contracts.base import RegionCode
from shared.contracts.power import Attendance, Bid, BillLine, Grant, NodeFields, Payout, Worker
from shared.documents import StoredDocument
from shared.identity import birth_year, device_key, ip_key, valid_id_no
from shared.problems import FieldError

ALWAYS_GIVEN = ("case_id", "sequence")
_MAX_TEXT = 4000
_MAX_PARTS = 2000
_UNSOUND = (
    f"最多 {_MAX_TEXT} 字、{_MAX_PARTS} 项,不含不可见的控制字符",
    f"{_MAX_TEXT} characters and {_MAX_PARTS} items at most, no invisible controls",
)
_OPENING_FIELDS = {"item": "办公桌椅", "reason": "原有桌椅破损", "estimate_fen": 360000}
_NODE_FIELDS = {"budget_fen": 360000, "quantity": 4, "unit": "套"}
_KEY = re.compile(r"[0-9a-f]{32}")
_TAIL = re.compile(r"[0-9]{3}")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Status = Literal["open", "closed", "withdrawn"]
FlowCode = Annotated[str | None, Query(max_length=8, description="流程代码 / a flow's code", examples=["PR1"])]
MatterCode = Annotated[
    Literal["PR", "EN", "AS", "LA", "RE", "SE"] | None, Query(description="六大事项之一 / one of the six matters")
]


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledBid(Bid):
    """An offer. Each trace (`..._key`) may be given as it is: a telephone, an address, a machine, an account."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledWorker(Worker):
    """A line of a wage sheet. `person_key` may be given as an ID number."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledAttendance(Attendance):
    """A worker's confirmed days. `person_key` may be given as an ID number."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledGrant(Grant):
    """A line of a list of relief. `person_key` may be given as an ID number."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledPayout(Payout):
    """A line of the bank's answer. `person_key` may be given as an ID number."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledBillLine(BillLine):
    """A line of a bill."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiledFields(NodeFields):
    """Fields of a form; a misspelt one is refused. What ends in `_key` may be given by its number, and is hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bids: tuple[FiledBid, ...] = ()
    workers: tuple[FiledWorker, ...] = ()
    attendance: tuple[FiledAttendance, ...] = ()
    grants: tuple[FiledGrant, ...] = ()
    payouts: tuple[FiledPayout, ...] = ()
    bill: tuple[FiledBillLine, ...] = ()

    def keyed(self, identity_secret: str) -> NodeFields:
        """The fields with every number of a person, account or trace hashed; raises `FieldsUnsound`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        errors = [FieldError(f"fields.{name}", *_UNSOUND) for name, value in given.items() if not _sound(value)]
        for name, value in given.items():
            try:
                given[name] = _key(name, value, identity_secret)
            except Unreadable as error:
                errors.append(FieldError(f"fields.{name}", error.zh, error.en))
        if errors:
            raise FieldsUnsound("请按提示修改", "Please mend the named fields", errors)
        return NodeFields(**given)


def _key(name: str, value: Any, secret: str) -> Any:
    match value:
        case str() if all_fields()[name].kind in ("id_no", "account_no"):
            return _hashed(
                "hire_person_key" if all_fields()[name].kind == "id_no" else "payee_account_key", value, secret
            )
        case (Worker() | Attendance() | Grant() | Payout(), *_):
            return tuple(line.model_copy(update=_keyed_person(line, secret)) for line in value)
        case (Bid(), *_):
            return tuple(_keyed_bid(bid, secret) for bid in value)
        case _:
            return value


def _keyed_person(line: Worker | Attendance | Grant | Payout, secret: str) -> dict[str, Any]:
    """Person and account of a line as keyed hashes; a worker's year of birth is taken from an ID number."""
    keys: dict[str, Any] = {"person_key": _hashed("hire_person_key", line.person_key, secret)}
    if isinstance(line, Worker) and valid_id_no(line.person_key):
        keys["birth_year"] = birth_year(line.person_key)
    if isinstance(line, Payout) and line.account_key is not None:
        keys["account_key"] = _hashed("payee_account_key", line.account_key, secret)
    return keys


def _keyed_bid(bid: Bid, secret: str) -> Bid:
    """A bid whose traces are keyed hashes; the tail of a telephone that is given by its number is taken from it."""
    keys: dict[str, str] = {}
    if bid.bond_account_key is not None:
        keys["bond_account_key"] = _hashed("payee_account_key", bid.bond_account_key, secret)
    if bid.manager_key is not None:
        keys["manager_key"] = _hashed("hire_person_key", bid.manager_key, secret)
    if bid.contact_phone_key is not None and not _KEY.fullmatch(bid.contact_phone_key):
        keys["contact_phone_key"], keys["contact_phone_tail"] = read_phone(bid.contact_phone_key, secret)
    elif bid.contact_phone_tail is not None and not _TAIL.fullmatch(bid.contact_phone_tail):
        raise Unreadable("contact_phone_tail 应为电话末三位", "contact_phone_tail takes the last three digits")
    if bid.ip_key is not None and not _KEY.fullmatch(bid.ip_key):
        keys["ip_key"] = ip_key(bid.ip_key, secret)
    if bid.device_key is not None and not _KEY.fullmatch(bid.device_key):
        keys["device_key"] = device_key(bid.device_key, secret)
    return bid.model_copy(update=keys)


def _hashed(like: str, value: str, secret: str) -> str:
    return value if _KEY.fullmatch(value) else str(all_fields()[like].read(value, secret))


def _sound(value: Any) -> bool:
    match value:
        case str():
            return len(value) <= _MAX_TEXT and visible(value)
        case BaseModel():
            return all(_sound(part) for _, part in value)
        case tuple():
            return len(value) <= _MAX_PARTS and all(_sound(part) for part in value)
        case _:
            return True


class OpenCase(_Taken):
    """A new case."""

    flow: Annotated[str, StringConstraints(max_length=8), Field(examples=["PR1"])]
    village_code: Annotated[RegionCode, Field(examples=["330421103201"])]
    title: Annotated[Text, Field(examples=["购置办公桌椅"])]
    fields: Annotated[
        FiledFields,
        Field(description="流程 form 所列的字段 / what the flow's `form` names", examples=[_OPENING_FIELDS]),
    ] = FiledFields()


class CompleteNode(_Taken):
    """The present node is done."""

    node: Annotated[str, StringConstraints(max_length=12), Field(examples=["PR1-01"])]
    fields: Annotated[
        FiledFields,
        Field(description="节点 form 所列的字段 / what the node's `form` names", examples=[_NODE_FIELDS]),
    ] = FiledFields()
    documents: Annotated[
        tuple[FiledPaper, ...],
        Field(max_length=100, description="节点 documents 所列的材料 / what the node's `documents` names"),
    ] = ()


class CastBallot(_Taken):
    """A member's vote at a node whose body decides by ballot."""

    node: Annotated[str, StringConstraints(max_length=12), Field(examples=["PR4-05"])]
    vote: Annotated[
        Vote,
        Field(
            description="同意、反对、弃权,或因与本人有关而回避 / for, against, abstain, or stand aside when concerned",
            examples=["for"],
        ),
    ]


class ReturnCase(_Taken):
    """Back to an earlier node."""

    to_node: Annotated[str, StringConstraints(max_length=12), Field(examples=["PR1-01"])]
    reason: Annotated[Reason, Field(examples=["询价单缺一家"])]


class WithdrawCase(_Taken):
    """The case is taken back."""

    reason: Annotated[Reason, Field(examples=["不再需要"])]


class SuspendCase(_Taken):
    """The case rests, as a rule until a day."""

    reason: Annotated[Reason, Field(examples=["等待评估报告"])]
    until: Annotated[date | None, Field(description="预计恢复的日期 / the day when it is to go on")] = None


class ResumeCase(_Taken):
    """The case goes on."""


class AmendCase(_Taken):
    """What was filed at a completed node, or at the opening, is put right."""

    node: Annotated[
        str | None,
        StringConstraints(max_length=12),
        Field(description="节点;不填即发起时所填 / the node; none: what was filed at the opening", examples=["PR1-01"]),
    ] = None
    fields: Annotated[
        FiledFields,
        Field(description="只写要更正的字段,null 即清空 / only what changes; null empties", examples=[_NODE_FIELDS]),
    ]
    reason: Annotated[Reason, Field(examples=["预算漏计一项"])]


class ArchiveCase(_Taken):
    """A closed case goes into the archive."""

    archive_no: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, max_length=60),
        Field(description="档号,不填即案件编号 / its number there; the case's own when there is none"),
    ] = None


class NameOut(BaseModel):
    """A name in both languages."""

    model_config = ConfigDict(from_attributes=True)

    zh: str
    en: str


class FieldConditionOut(BaseModel):
    """On what it depends whether a field is asked for, in words too: an amount in fen, one of some words, or a yes."""

    field: str
    at_or_above: int | None
    below: int | None
    words: list[str]
    zh: str
    en: str

    @classmethod
    def of(cls, when: Condition) -> Self:
        """From the catalogue."""
        limits = [limit.fen if limit else None for limit in (when.at_or_above, when.below)]
        return cls(
            field=when.field,
            at_or_above=limits[0],
            below=limits[1],
            words=list(when.words),
            zh=when.said.zh,
            en=when.said.en,
        )


class FormFieldOut(BaseModel):
    """A field that a form asks for.

    With `when` only where that holds: `required` says whether it must be filled in then, and elsewhere it is refused.
    With `required_when` it may be filled in everywhere and must be where that holds.
    """

    name: str
    zh: str
    en: str
    kind: str
    required: bool
    when: FieldConditionOut | None = None
    required_when: FieldConditionOut | None = None

    @classmethod
    def of(cls, use: FormUse) -> Self:
        """From the catalogue."""
        known = all_fields()[use.name]
        when, required_when = (each and FieldConditionOut.of(each) for each in (use.when, use.required_when))
        return cls(
            name=use.name,
            zh=known.zh,
            en=known.en,
            kind=known.kind,
            required=use.required,
            when=when,
            required_when=required_when,
        )


class PaperNeedOut(BaseModel):
    """A paper that a node asks for."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    name: NameOut
    required: bool


class TermOut(BaseModel):
    """Days allowed."""

    days: int
    unit: str
    start: str

    @classmethod
    def of(cls, term: Term | None) -> Self | None:
        """From the catalogue."""
        return None if term is None else cls(**asdict(term))


class ConditionOut(BaseModel):
    """When a node is asked for: an amount from or below a limit, or a yes. `said` says it in words."""

    field: str
    said: NameOut
    at_or_above_fen: int | None
    below_fen: int | None

    @classmethod
    def of(cls, when: Condition | None) -> Self | None:
        """From the catalogue."""
        if when is None:
            return None
        over, under = when.at_or_above, when.below
        said = NameOut.model_validate(when.said)
        return cls(
            field=when.field,
            said=said,
            at_or_above_fen=over.fen if over else None,
            below_fen=under.fen if under else None,
        )


class PlaceOut(BaseModel):
    """Of a role's holders so many must vote, if not more."""

    model_config = ConfigDict(from_attributes=True)

    role: str
    name: NameOut
    least: int


class JointOut(BaseModel):
    """How a node is decided jointly: by which rule, by ballots that members cast or by a meeting's numbers."""

    rule: NameOut
    source: str
    ballots: Ballots
    places: list[PlaceOut]

    @classmethod
    def of(cls, joint: Joint | None) -> Self | None:
        """From the catalogue."""
        if joint is None:
            return None
        return cls(
            rule=NameOut.model_validate(joint.rule),
            source=joint.rule.source,
            ballots=joint.ballots,
            places=[PlaceOut.model_validate(place) for place in joint.places],
        )


class NodeOut(BaseModel):
    """One supervised step of a flow. One with `when` is passed over in a case of which that isn't true.

    Nodes of the same `turn` open together.
    """

    code: str
    order: int
    name: NameOut
    role: str
    role_name: NameOut
    documents: list[PaperNeedOut]
    form: list[FormFieldOut]
    term: TermOut | None
    notice_days: int
    must_publish: bool
    decision: bool
    when: ConditionOut | None
    joint: JointOut | None
    turn: int

    @classmethod
    def of(cls, node: Node) -> Self:
        """From the catalogue."""
        return cls(
            code=node.code,
            order=node.order,
            name=NameOut.model_validate(node.name),
            role=node.role,
            role_name=NameOut.model_validate(node.role_name),
            documents=[PaperNeedOut.model_validate(need) for need in node.documents],
            form=[FormFieldOut.of(use) for use in node.form],
            term=TermOut.of(node.term),
            notice_days=node.notice_days,
            must_publish=node.must_publish,
            decision=node.decision,
            when=ConditionOut.of(node.when),
            joint=JointOut.of(node.joint),
            turn=node.turn,
        )


class FlowSummary(BaseModel):
    """A flow without its nodes."""

    code: str
    key: str
    version: int
    matter: str
    matter_name: NameOut
    name: NameOut
    summary: NameOut
    node_count: int

    @classmethod
    def of(cls, flow: Flow, catalogue: Catalogue) -> Self:
        """From the catalogue."""
        return cls(**_flow_members(flow, catalogue))


class FlowOut(FlowSummary):
    """A flow with its forms and nodes."""

    form: list[FormFieldOut]
    nodes: list[NodeOut]

    @classmethod
    def of(cls, flow: Flow, catalogue: Catalogue) -> Self:
        """From the catalogue."""
        return cls(
            **_flow_members(flow, catalogue),
            form=[FormFieldOut.of(use) for use in flow.form],
            nodes=[NodeOut.of(node) for node in flow.nodes],
        )


def _flow_members(flow: Flow, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "code": flow.code,
        "key": flow.key,
        "version": flow.version,
        "matter": flow.matter,
        "matter_name": NameOut.model_validate(catalogue.matters[flow.matter]),
        "name": NameOut.model_validate(flow.name),
        "summary": NameOut.model_validate(flow.summary),
        "node_count": len(flow.nodes),
    }


class TurnOut(BaseModel):
    """Another node where the case waits, beside its `node`."""

    node: str
    node_name: NameOut
    due_at: datetime | None

    @classmethod
    def of(cls, turn: Turn, flow: Flow) -> Self:
        """From the model."""
        return cls(node=turn.node, node_name=NameOut.model_validate(flow.node(turn.node).name), due_at=turn.due_at)


class CaseSummary(BaseModel):
    """A case as lists show it. `sequence` counts its events; it is the ETag of a case, and what `If-Match` takes."""

    case_id: UUID
    case_no: str
    title: str
    matter: str
    flow: str
    flow_version: int
    village_code: str
    village_name: str
    town_code: str
    status: Status
    node: str | None
    node_name: NameOut | None
    also_waiting: list[TurnOut]
    sequence: int
    opened_at: datetime
    due_at: datetime | None

    @classmethod
    def of(cls, case: Case, flow: Flow) -> Self:
        """From the model."""
        return cls(**_case_members(case, flow))


def _case_members(case: Case, flow: Flow) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": case.title,
        "matter": case.matter,
        "flow": case.flow,
        "flow_version": case.flow_version,
        "village_code": case.village_code,
        "village_name": regions.name(case.village_code),
        "town_code": case.town_code,
        "status": case.status,
        "node": case.node,
        "node_name": NameOut.model_validate(flow.node(case.node).name) if case.node else None,
        "also_waiting": [TurnOut.of(turn, flow) for turn in case.beside],
        "sequence": case.sequence,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
    }


class LogEntryOut(BaseModel):
    """One event of the case, as it was published."""

    sequence: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: LogEntry) -> Self:
        """From the store."""
        return cls(**asdict(entry))


class VotingOut(BaseModel):
    """The ballots that are cast at the present node so far; `aside` stood aside."""

    node: str
    present: int
    votes_for: int
    votes_against: int
    abstained: int
    aside: int

    @classmethod
    def of(cls, case: Case) -> list[Self]:
        """From the model."""
        told = ((code, tally(cast)) for code, cast in case.ballots.items())
        return [
            cls(
                node=code,
                present=counted.present,
                votes_for=counted.agreed,
                votes_against=counted.against,
                abstained=counted.abstained,
                aside=counted.aside,
            )
            for code, counted in told
        ]


class CaseOut(CaseSummary):
    """A case with its history and what the caller may do now."""

    notice_ends_at: datetime | None
    suspended_at: datetime | None
    suspended_until: date | None
    archive_no: str | None
    voting: list[VotingOut]
    history: list[LogEntryOut]
    actions: dict[str, Any]

    @classmethod
    def whole(cls, case: Case, flow: Flow, log: list[LogEntry], actions: Actions) -> Self:
        """From the model and the store."""
        return cls(
            **_case_members(case, flow),
            notice_ends_at=case.notice_ends_at,
            suspended_at=case.suspended_at,
            suspended_until=case.suspended_until,
            archive_no=case.archive_no,
            voting=VotingOut.of(case),
            history=[LogEntryOut.of(entry) for entry in log],
            actions=asdict(actions),
        )


class CaseLine(CaseSummary):
    """A case in a list: of its members only those that `fields` names, when it is given, and `case_id`, `sequence`."""

    model_config = ConfigDict(json_schema_extra={"required": list(ALWAYS_GIVEN)})


class CasePage(BaseModel):
    """A page of cases; `next` goes into `after` for the following page."""

    cases: list[CaseLine]
    next: str | None

    @classmethod
    def of(cls, listing: Listing, catalogue: Catalogue) -> Self:
        """From the store."""
        lines = [CaseLine.of(case, catalogue.flow(case.flow, case.flow_version)) for case in listing.cases]
        return cls(cases=lines, next=listing.next)

    def only(self, fields: Collection[str] | None) -> dict[str, Any]:
        """The page with the named members of its cases, or all; raises `FieldsUnknown`."""
        if fields is None:
            return self.model_dump(mode="json")
        known = CaseLine.model_fields.keys()
        if unknown := sorted(set(fields) - known):
            raise FieldsUnknown(
                f"可选:{', '.join(known)}",
                f"To choose from: {', '.join(known)}",
                [FieldError("query.fields", f"没有 {name}", f"there is no {name}") for name in unknown],
            )
        return self.model_dump(mode="json", include={"next": True, "cases": {"__all__": {*fields, *ALWAYS_GIVEN}}})


class DocumentOut(BaseModel):
    """A received file."""

    sha256: str
    size: int
    media_type: str
    name: str

    @classmethod
    def of(cls, stored: StoredDocument) -> Self:
        """From the papers' side."""
        return cls(**asdict(stored))
