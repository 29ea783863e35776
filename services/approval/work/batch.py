"""Several cases at the same decision node, done in one go: each with its own answer, one refused stops no other.

What the detector has not looked at is not done in a batch, and what it would answer with a red alert isn't either.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.approval import flows
from services.approval.cases import Case
from services.approval.desk import Desk
from services.approval.documents import FiledPaper
from services.approval.flows import Node
from services.approval.idempotency import Answer, once
from services.approval.prompts import Prompt, Prompter, digest
from services.approval.schemas import CaseSummary
from services.approval.store import LogEntry
from services.approval.work.errors import DetectorAway, NotInBatches, PromptsUnread, StoppedByPrompt
from services.approval.work.plan import plan
from shared.contracts.power import NodeFields
from shared.db import Database, Scope
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput, Problem


@dataclass(frozen=True)
class Ticked:
    """A case of a batch, its `sequence` as it was seen, and the digest of the prompts that were read for it."""

    case_id: UUID
    seen: int | None = None
    prompts_read: str = ""


@dataclass(frozen=True)
class Wanted:
    """A batch: what is filed at the node of each of these cases."""

    node: str
    fields: NodeFields
    papers: Sequence[FiledPaper]
    ticked: Sequence[Ticked]
    key: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one case: the answer, or why it was not done; with the prompts that it was done in spite of."""

    case_id: UUID
    answer: Answer | None
    problem: Problem | None
    prompts: Sequence[Prompt] = ()


def node_of(code: str) -> Node:
    """The node of a batch; raises `NoSuchFlow`, `NoSuchNode`, `NotInBatches`."""
    node = flows.load().flow(code.partition("-")[0]).node(code)
    if not plan().in_batches(node):
        raise NotInBatches(
            f"{code} 每个案件要填的不同,请逐件办理",
            f"{code} asks for what each case has of its own: take them one by one",
        )
    return node


async def do(db: Database, caller: Principal, prompter: Prompter, token: str, wanted: Wanted) -> list[Outcome]:
    """Do it case by case; raises what `node_of` does, `InvalidInput` for a case named twice or too many."""
    node = node_of(wanted.node)
    _check_ticked(wanted.ticked)
    outcomes = []
    for each in wanted.ticked:
        try:
            outcomes.append(await _one(db, caller, prompter, token, node, wanted, each))
        except Problem as problem:
            outcomes.append(Outcome(each.case_id, None, problem))
    return outcomes


async def _one(
    db: Database, caller: Principal, prompter: Prompter, token: str, node: Node, wanted: Wanted, ticked: Ticked
) -> Outcome:
    read: list[Prompt] = []
    async with db.begin(Scope.of(caller)) as conn:
        desk = Desk(conn, flows.load(), caller)

        async def act() -> dict[str, Any]:
            papers = papers_for(node, wanted.papers, (await desk.look(ticked.case_id)).log)
            step = await desk.intend(ticked.case_id, node=node.code, fields=wanted.fields, papers=papers)
            read.extend(check_prompts(await prompter.ask(step, token), ticked.prompts_read))
            case = await desk.complete(
                ticked.case_id, node=node.code, fields=wanted.fields, papers=papers, seen=ticked.seen
            )
            return _summary(case)

        own = f"{wanted.key}#{ticked.case_id}" if wanted.key else None
        said = ["batch", node.code, str(ticked.case_id), wanted.fields.model_dump(mode="json", exclude_unset=True)]
        answer = await once(conn, caller, own, [*said, [(p.kind, p.sha256) for p in wanted.papers]], act)
    return Outcome(ticked.case_id, answer, None, read)


def papers_for(node: Node, shared: Sequence[FiledPaper], log: Iterable[LogEntry]) -> list[FiledPaper]:
    """What a batch files at one case: the shared papers, and for kinds that aren't among them the case's own latest."""
    papers, given = list(shared), {paper.kind for paper in shared}
    own: dict[str, list[FiledPaper]] = {}
    for entry in log:
        fresh: dict[str, list[FiledPaper]] = {}
        for paper in entry.data.get("documents", ()):
            fresh.setdefault(paper["kind"], []).append(FiledPaper(paper["kind"], paper["sha256"], paper["name"]))
        own |= fresh
    for kind in node.required_documents:
        if kind not in given:
            papers += own.get(kind, [])
    return papers


def check_prompts(prompts: Sequence[Prompt] | None, read: str) -> Sequence[Prompt]:
    """What the detector says of a case of a batch, if it lets the case pass.

    Raises `DetectorAway`, `StoppedByPrompt` for a red prompt, `PromptsUnread` for others that weren't read yet.
    """
    if prompts is None:
        raise DetectorAway("请稍后再试,或逐件办理", "Try again later, or take the cases one by one")
    red = next((prompt for prompt in prompts if prompt.grade == "red"), None)
    if red:
        raise StoppedByPrompt(f"{red.rule_id} {red.title.zh}", f"{red.rule_id} {red.title.en}")
    if prompts and read != digest(prompts):
        raise PromptsUnread.of([prompt.model_dump(mode="json") for prompt in prompts], digest(prompts))
    return prompts


def _check_ticked(ticked: Sequence[Ticked]) -> None:
    most = plan().batch.most
    if not 1 <= len(ticked) <= most:
        wrong = FieldError("cases", f"请勾选 1 至 {most} 件", f"Tick 1 to {most} cases")
        raise InvalidInput("请勾选案件", "Tick the cases", [wrong])
    if len({each.case_id for each in ticked}) < len(ticked):
        wrong = FieldError("cases", "有案件重复", "A case is named twice")
        raise InvalidInput("有案件重复", "A case is named twice", [wrong])


def _summary(case: Case) -> dict[str, Any]:
    return CaseSummary.of(case, flows.load().flow(case.flow, case.flow_version)).model_dump(mode="json")
