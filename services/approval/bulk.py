"""Many deeds in one request: each on its own with its own answer, or all of them or none."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.approval import flows
from services.approval.cases import Case
from services.approval.desk import Desk
from services.approval.errors import BulkRefused
from services.approval.idempotency import Answer, once
from services.approval.rest import rest
from services.approval.schemas import CaseSummary, CompleteNode, OpenCase, ReturnCase, WithdrawCase
from shared.db import Connection, Database, Scope
from shared.openapi import ProblemDocument
from shared.principals import Principal
from shared.problems import FieldError, Problem

Key = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        description="本项的编号;不给则为 Idempotency-Key 加序号 / the item's key; else the request's with its place",
    ),
]
Seen = Annotated[
    int | None, Field(ge=0, le=999_999_999, description="所见的 sequence,已变则 412 / the `sequence` seen, else 412")
]


class OpenItem(OpenCase):
    """Open a case."""

    do: Literal["open"]
    key: Key = None

    async def at(self, desk: Desk, secret: str) -> Case:
        """Do it; raises what `Desk.open` does."""
        fields = self.fields.keyed(secret)
        return await desk.open(flow_code=self.flow, village_code=self.village_code, title=self.title, fields=fields)


class CompleteItem(CompleteNode):
    """Complete a case's present node."""

    do: Literal["complete"]
    case_id: UUID
    seen: Seen = None
    key: Key = None

    async def at(self, desk: Desk, secret: str) -> Case:
        """Do it; raises what `Desk.complete` does."""
        fields = self.fields.keyed(secret)
        return await desk.complete(self.case_id, node=self.node, fields=fields, papers=self.documents, seen=self.seen)


class ReturnItem(ReturnCase):
    """Send a case back."""

    do: Literal["return"]
    case_id: UUID
    seen: Seen = None
    key: Key = None

    async def at(self, desk: Desk, secret: str) -> Case:
        """Do it; raises what `Desk.send_back` does."""
        return await desk.send_back(self.case_id, to_node=self.to_node, reason=self.reason, seen=self.seen)


class WithdrawItem(WithdrawCase):
    """Take a case back."""

    do: Literal["withdraw"]
    case_id: UUID
    seen: Seen = None
    key: Key = None

    async def at(self, desk: Desk, secret: str) -> Case:
        """Do it; raises what `Desk.withdraw` does."""
        return await desk.withdraw(self.case_id, reason=self.reason, seen=self.seen)


Item = Annotated[OpenItem | CompleteItem | ReturnItem | WithdrawItem, Field(discriminator="do")]


class BulkRequest(BaseModel):
    """Deeds in their order. With `all_or_nothing` one that can't be done undoes the others."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[Item], Field(min_length=1, max_length=rest().bulk_items)]
    all_or_nothing: bool = False


class BulkResult(BaseModel):
    """What became of one item: its status as if it had been sent alone, and the case or the problem."""

    index: int
    status: int
    replayed: bool
    case: CaseSummary | None = None
    problem: ProblemDocument | None = None

    @classmethod
    def done(cls, index: int, answer: Answer) -> Self:
        """Of a deed that was done, now or before."""
        case = CaseSummary.model_validate(answer.body)
        return cls(index=index, status=answer.status, replayed=answer.replayed, case=case)

    @classmethod
    def refused(cls, index: int, problem: Problem, path: str) -> Self:
        """Of a deed that could not be done."""
        told = ProblemDocument.model_validate(problem.document() | {"instance": f"{path}#{index}"})
        return cls(index=index, status=problem.status, replayed=False, problem=told)


class BulkAnswer(BaseModel):
    """What became of all items, in their order."""

    done: int
    refused: int
    results: list[BulkResult]

    @classmethod
    def of(cls, results: list[BulkResult]) -> Self:
        """With their counts."""
        done = sum(result.problem is None for result in results)
        return cls(done=done, refused=len(results) - done, results=results)


async def one_by_one(
    db: Database, caller: Principal, wanted: BulkRequest, key: str | None, secret: str, path: str
) -> BulkAnswer:
    """Each item in a transaction of its own: what one is refused for stops no other."""
    results = []
    for index, item in enumerate(wanted.items):
        try:
            async with db.begin(Scope.of(caller)) as conn:
                results.append(BulkResult.done(index, await _do(conn, caller, item, index, key, secret)))
        except Problem as problem:
            results.append(BulkResult.refused(index, problem, path))
    return BulkAnswer.of(results)


async def all_or_nothing(
    db: Database, caller: Principal, wanted: BulkRequest, key: str | None, secret: str, path: str
) -> BulkAnswer:
    """All items in one transaction; raises `BulkRefused`, which undoes it, with the place of what can't be done."""
    results = []
    async with db.begin(Scope.of(caller)) as conn:
        for index, item in enumerate(wanted.items):
            try:
                results.append(BulkResult.done(index, await _do(conn, caller, item, index, key, secret)))
            except Problem as problem:
                raise _undone(index, problem, path) from problem
    return BulkAnswer.of(results)


async def _do(
    conn: Connection,
    caller: Principal,
    item: OpenItem | CompleteItem | ReturnItem | WithdrawItem,
    index: int,
    key: str | None,
    secret: str,
) -> Answer:
    catalogue = flows.load()
    desk = Desk(conn, catalogue, caller)

    async def act() -> dict[str, Any]:
        case = await item.at(desk, secret)
        return CaseSummary.of(case, catalogue.flow(case.flow, case.flow_version)).model_dump(mode="json")

    own = item.key or (f"{key}#{index}" if key else None)
    said = ["bulk", item.model_dump(mode="json", exclude_unset=True, exclude={"key"})]
    return await once(conn, caller, own, said, act, status=201 if item.do == "open" else 200)


def _undone(index: int, problem: Problem, path: str) -> BulkRefused:
    at = f"items.{index}"
    errors = [FieldError(f"{at}.{each.field}", each.zh, each.en) for each in problem.errors]
    refused = BulkRefused(
        f"第 {index + 1} 项:{problem.title_zh}。{problem.detail_zh}",
        f"Item {index + 1}: {problem.title_en}. {problem.detail_en}",
        errors or [FieldError(at, problem.title_zh, problem.title_en)],
    )
    refused.members = {"index": index, "problem": problem.document() | {"instance": f"{path}#{index}"}}
    return refused
