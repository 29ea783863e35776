"""The REST API's shapes of readings."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.approval.recognition.comparing import Outcome
from services.approval.recognition.extraction import Found, Kind
from services.approval.recognition.likeness import How
from services.approval.recognition.readings import Answer, PaperReading, State, Word
from shared.contracts.base import RegionCode, Sha256


class BoxOut(BaseModel):
    """A place on a page, in thousandths of its width and height."""

    left: int
    top: int
    right: int
    bottom: int


class FindingOut(BaseModel):
    """One thing found. `value`: fen, an ISO date, a name or a number; `score` is how sure the reader is."""

    id: str
    kind: Kind
    role: str = Field(description="total, signed, invoiced, buyer, seller")
    value: str
    page: int
    box: BoxOut
    score: float
    answer: Word | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None

    @classmethod
    def of(cls, one: Found, said: Answer | None) -> Self:
        """From the model."""
        return cls(
            id=one.id,
            kind=one.kind,
            role=one.role,
            value=one.value,
            page=one.page,
            box=BoxOut(**vars(one.box)),
            score=one.score,
            answer=said.answer if said else None,
            answered_by=said.name if said else None,
            answered_at=said.answered_at if said else None,
        )


class ComparisonOut(BaseModel):
    """A field of the node's form against the paper; `found` are ids of findings."""

    node: str
    paper_kind: str
    field: str
    told: str
    outcome: Outcome
    found: list[str]


class TwinOut(BaseModel):
    """Another filing of what seems to be the same paper, among the cases that the caller may see."""

    sha256: Sha256
    how: How
    likeness: float
    case_id: UUID
    case_no: str
    village_code: RegionCode


class ReadingOut(BaseModel):
    """What was read on a paper: by a machine, to be confirmed. `reason` says why it is `unreadable`."""

    case_id: UUID
    sha256: Sha256
    state: State
    reason: Literal["damaged", "encrypted", "too_large", "too_slow", "died"] | None
    source: Literal["text", "picture"] | None
    pages: int
    pages_read: int
    lines: int
    findings: list[FindingOut]
    comparisons: list[ComparisonOut]
    twins: list[TwinOut]

    @classmethod
    def of(cls, reading: PaperReading) -> Self:
        """From the model."""
        compared = [
            ComparisonOut(
                node=filing.node,
                paper_kind=filing.kind,
                field=each.field,
                told=each.told,
                outcome=each.outcome,
                found=list(each.found),
            )
            for filing in reading.filings
            for each in filing.compared
        ]
        return cls.model_validate(
            {
                name: getattr(reading, name)
                for name in ("case_id", "sha256", "state", "reason", "source", "pages", "lines")
            }
            | {
                "pages_read": len(reading.sizes),
                "findings": [FindingOut.of(one, reading.answers.get(one.id)) for one in reading.found],
                "comparisons": compared,
                "twins": [TwinOut.model_validate(vars(twin)) for twin in reading.twins],
            }
        )


class AnswerFinding(BaseModel):
    """What a person says of a finding."""

    model_config = ConfigDict(extra="forbid")

    case_id: UUID
    finding: Annotated[str, Field(pattern=r"^f[0-9a-f]{12}$")]
    answer: Word
