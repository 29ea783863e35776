"""What residents asked or complained of about a case, and whether they were answered."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.detector.distil import Fact
from services.detector.features.case import Case, occasion, the_case
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.reference import Appeal


@dataclass(frozen=True)
class Answering:
    """How far an appeal has come. `unsatisfied` counts the times that its author refused the answer."""

    id: str
    kind: str
    filed_at: datetime
    accepted_at: datetime | None
    answered_at: datetime | None
    redone_at: datetime | None
    unsatisfied: int


def needs_of_appeals(facts: Iterable[Fact]) -> Iterator[Need]:
    """The appeals about a case, by its number."""
    for number in {fact.data["case_no"] for fact in facts}:
        yield Need(Appeal.DATASET, "case_no", number)


def _appeal_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for need in needs_of_appeals(view.facts):
        for appeal in view.reference.all(Appeal, need.lookup, need.value):
            answering = Answering(
                id=appeal.id,
                kind=appeal.kind,
                filed_at=appeal.filed_at,
                accepted_at=appeal.accepted_at,
                answered_at=appeal.answered_at,
                redone_at=appeal.redone_at,
                unsatisfied=appeal.unsatisfied,
            )
            yield occasion(
                view,
                features={"answering": at_hand(answering)},
                occurred_at=max(the_case(view).opened_at, appeal.answered_at or appeal.filed_at),
                settled=appeal.answered_at is not None,
            )


APPEAL = Subject(
    "appeal",
    "对案件的每件群众诉求",
    "each appeal of a resident about a case",
    frozenset({"case"}),
    {"case": Case, "answering": Answering},
    _appeal_occasions,
)
