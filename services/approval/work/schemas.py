"""The REST API's shapes of the day's work."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.approval.documents import FiledPaper
from services.approval.flows import Flow
from services.approval.prompts import Prompt
from services.approval.schemas import CaseSummary, FiledFields, NameOut, Reason, TurnOut, _Taken
from services.approval.work import absences, batch, comments, inbox, reminders, standing_in
from services.approval.work.plan import plan
from services.approval.work.terms import Nearness
from shared import regions
from shared.contracts.base import RegionCode
from shared.openapi import ProblemDocument
from shared.principals import Principal

Role = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", examples=["handler"])]
Words = Annotated[str, Field(max_length=200)]


class TaskOut(CaseSummary):
    """A case that waits for the caller. `days_left` are working days after today, negative when the term has passed."""

    nearness: Nearness
    days_left: int | None
    roles: list[str]
    on_behalf_of: str | None
    in_batches: bool
    drafted_at: datetime | None

    @classmethod
    def of_task(cls, task: inbox.Task, flow: Flow) -> Self:
        """From the model."""
        node = flow.node(task.node)
        here = {"node": node.code, "node_name": NameOut.model_validate(node.name), "due_at": task.due_at}
        here["also_waiting"] = [TurnOut.of(turn, flow) for turn in task.case.turns if turn.node != task.node]
        return cls(
            **CaseSummary.of(task.case, flow).model_dump() | here,
            nearness=task.nearness,
            days_left=task.days_left,
            roles=sorted(task.roles),
            on_behalf_of=task.through.who.name if task.through else None,
            in_batches=plan().in_batches(node),
            drafted_at=task.drafted_at,
        )


class TaskCounts(BaseModel):
    """How many tasks there are of each nearness, whatever `due` is asked for."""

    overdue: int
    soon: int
    later: int
    none: int


class TaskPage(BaseModel):
    """A page of tasks; `next` is what `after` takes for the page that follows."""

    tasks: list[TaskOut]
    counts: TaskCounts
    next: str | None


class TickedCase(_Taken):
    """A case of a batch; with `seen`, its `sequence`, it is refused (412) when it has changed since."""

    case_id: UUID
    seen: Annotated[int | None, Field(ge=0, le=999_999_999)] = None
    prompts_read: Annotated[
        str,
        Field(
            max_length=32, description="已阅的提示,见 409 答复 / what the 409 answer gave for the prompts that it told"
        ),
    ] = ""


class BatchRequest(_Taken):
    """The same decision at the same node of several cases, with papers that they share."""

    node: Annotated[str, Field(pattern=r"^[A-Z]{2}\d-\d{2}$", examples=["PR2-02"])]
    fields: FiledFields = FiledFields()
    documents: Annotated[tuple[FiledPaper, ...], Field(max_length=100)] = ()
    cases: Annotated[tuple[TickedCase, ...], Field(min_length=1, max_length=plan().batch.most)]


class BatchResult(BaseModel):
    """What became of one case: its status as if it had been done alone, with the detector's prompts.

    Where these were not read yet (409), sent again with `prompts_read` the case is done.
    """

    case_id: UUID
    status: int
    replayed: bool
    case: CaseSummary | None = None
    problem: ProblemDocument | None = None
    prompts: list[Prompt]
    prompts_read: str | None

    @classmethod
    def of(cls, outcome: batch.Outcome, path: str) -> Self:
        """From the model."""
        answer, problem = outcome.answer, outcome.problem
        members = problem.members if problem else {}
        told = problem.document() | {"instance": f"{path}#{outcome.case_id}"} if problem else None
        return cls(
            case_id=outcome.case_id,
            status=answer.status if answer else (problem.status if problem else 500),
            replayed=answer.replayed if answer else False,
            case=CaseSummary.model_validate(answer.body) if answer else None,
            problem=ProblemDocument.model_validate(told) if told else None,
            prompts=list(outcome.prompts) or members.get("prompts", []),
            prompts_read=members.get("prompts_read"),
        )


class BatchDone(BaseModel):
    """What became of all cases of a batch, in their order."""

    done: int
    refused: int
    results: list[BatchResult]


class AbsenceRequest(_Taken):
    """A time away from one of the caller's own roles; with `deputy`, a colleague's `subject`, it is to be approved."""

    role: Role
    region: RegionCode
    starts_on: date
    ends_on: date
    reason: Words = ""
    deputy: Annotated[str | None, Field(max_length=200)] = None


class AbsenceDecision(_Taken):
    """Whether the deputy may stand in."""

    approve: bool


class DeputyOut(BaseModel):
    """Somebody who may stand in."""

    subject: str
    name: str


class AbsenceOut(BaseModel):
    """A time away from a role, first and last day included; `reason` only for the two and who approves."""

    absence_id: UUID
    name: str
    role: str
    region: str
    region_name: str
    starts_on: date
    ends_on: date
    reason: str
    deputy_name: str | None
    standing: standing_in.Standing
    decider_name: str | None

    @classmethod
    def of(cls, each: standing_in.Absence, caller: Principal, now: datetime) -> Self:
        """From the model, as this caller may read it."""
        return cls(
            absence_id=each.absence_id,
            name=each.who.name,
            role=each.grant.role,
            region=each.grant.region,
            region_name=regions.name(each.grant.region),
            starts_on=each.starts_on,
            ends_on=each.ends_on,
            reason=each.reason if absences.concerns(caller, each, plan()) else "",
            deputy_name=each.deputy.name if each.deputy else None,
            standing=each.standing(now),
            decider_name=each.decider_name,
        )


class CommentRequest(_Taken):
    """A comment on a case; `mentions` are roles of the flows, whose holders are told."""

    text: Annotated[str, Field(min_length=1, max_length=comments.LONGEST)]
    mentions: Annotated[tuple[Role, ...], Field(max_length=20)] = ()


class StrikeRequest(_Taken):
    """Why a comment of one's own is struck out."""

    reason: Reason


class CommentOut(BaseModel):
    """A comment; one that was struck out stays readable."""

    comment_id: UUID
    case_id: UUID
    node: str | None
    text: str
    mentions: list[str]
    name: str
    written_at: datetime
    struck_at: datetime | None
    strike_reason: str | None

    @classmethod
    def of(cls, each: comments.Comment) -> Self:
        """From the model."""
        return cls.model_validate(each, from_attributes=True)


class ReminderOut(BaseModel):
    """A term that came near (`soon`) or passed (`overdue`); `still` whether the case waits at it even now."""

    position: int
    kind: Literal["soon", "overdue"]
    due_at: datetime
    told_at: datetime
    node: str
    case_id: UUID
    case_no: str
    title: str
    flow: str
    matter: str
    village_code: str
    town_code: str
    waits_for: list[str]
    still: bool

    @classmethod
    def of(cls, each: reminders.Reminder) -> Self:
        """From the model."""
        return cls.model_validate(each, from_attributes=True)


class ReminderPage(BaseModel):
    """A stretch of the line of reminders; `next` is what `after` takes, also when nothing is new."""

    reminders: list[ReminderOut]
    next: int
