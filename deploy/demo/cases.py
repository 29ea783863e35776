"""A case before it is recorded: its steps with their times, forms and papers, and its walk through approval's rules."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from deploy.demo.people import Person
from services.approval.cases import Case, RoleHolder
from services.approval.flows import HANDLER, Flow, Node
from shared.contracts.power import DocumentRef, NodeFields, PowerEvent


@dataclass
class Step:
    """One node as it will be recorded."""

    node: Node
    at: datetime
    by: Person
    fields: dict[str, Any]
    papers: list[str]


@dataclass
class Draft:
    """A case as planned; violations are planted by changing it before it is recorded."""

    case_id: str
    case_no: str
    title: str
    flow: Flow
    village_code: str
    opened_at: datetime
    by: Person
    fields: dict[str, Any]
    steps: list[Step] = field(default_factory=list)

    def step(self, code: str) -> Step:
        """The step at a node; raises `StopIteration` when the flow has none."""
        return next(step for step in self.steps if step.node.code == code)

    def first_with(self, name: str) -> Step | None:
        """The first step whose form holds a field."""
        return next((step for step in self.steps if name in step.fields), None)

    def put(self, **fields: Any) -> None:
        """Change fields wherever they stand."""
        for filled in (self.fields, *(step.fields for step in self.steps)):
            filled.update({name: value for name, value in fields.items() if name in filled})

    def moved(self, code: str, at: datetime) -> None:
        """Let a step happen at another time than in its order."""
        self.step(code).at = at


@dataclass(frozen=True)
class Recorded:
    """A case after some of its events, and those events."""

    case: Case
    events: tuple[PowerEvent, ...]


def record(draft: Draft, until: datetime) -> Recorded:
    """What approval makes of the draft's steps up to a moment, in the order of their times."""
    by = RoleHolder(draft.by.key, draft.by.name, frozenset({HANDLER}))
    case, opened = Case.open(
        draft.flow,
        case_id=draft.case_id,
        case_no=draft.case_no,
        title=draft.title,
        village_code=draft.village_code,
        by=by,
        fields=NodeFields(**draft.fields),
        now=draft.opened_at,
    )
    events: list[PowerEvent] = [opened]
    for step in sorted(draft.steps, key=lambda step: step.at):
        if step.at > until:
            break
        case, completed = case.record(
            draft.flow,
            node=step.node.code,
            by=RoleHolder(step.by.key, step.by.name, frozenset({step.node.role})),
            fields=NodeFields(**step.fields),
            documents=tuple(paper(kind) for kind in step.papers),
            occurred_at=step.at,
            now=until,
        )
        events.append(completed)
    return Recorded(case, tuple(events))


@cache
def paper(kind: str) -> DocumentRef:
    """The sample paper of a kind: all demo cases file the same one."""
    content = sample(kind)
    return DocumentRef(kind=kind, sha256=hashlib.sha256(content).hexdigest(), name=f"{kind}.pdf", size=len(content))


@cache
def sample(kind: str) -> bytes:
    """The content of a kind's sample paper: a PDF of one line."""
    text = f"Yunjing demo paper: {kind.replace('_', ' ')}"
    stream = f"BT /F1 18 Tf 72 760 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    return _pdf(objects)


def _pdf(objects: tuple[str, ...]) -> bytes:
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()
