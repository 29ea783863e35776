"""What is public of one case: its history with fields and papers. Nothing in it names a person."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from services.disclosure.cases import Case, Step
from services.disclosure.masking import Masks, masks
from services.disclosure.schemas import (
    Answer,
    Bilingual,
    CaseCard,
    Named,
    NoticeCard,
    card_values,
    notices_of,
    step_named,
)
from services.disclosure.vocabulary import vocabulary


class ShownField(Answer):
    """One public field of a step. `kind` says how to read `value`: money is in fen, dates are ISO days."""

    name: str
    label: Bilingual
    kind: str = Field(description="text, number, money, date, flag, choice, company, person, people, workers or bids")
    value: Any
    value_en: str | None = None


class Document(Answer):
    """An original filed at a step, by its fingerprint."""

    kind: Named
    sha256: str


class HistoryEntry(Answer):
    """One thing that happened: which step, when, by which office, with what."""

    sequence: int
    kind: Named
    at: datetime
    step: Named | None
    to_step: Named | None
    office: Named
    notice_ends_at: datetime | None
    fields: tuple[ShownField, ...]
    documents: tuple[Document, ...]


class CaseView(CaseCard):
    """A case with its whole history, the oldest first. `ahead` are the steps of its flow still to come."""

    village: Named
    town: Named
    flow: Named
    notices: tuple[NoticeCard, ...]
    history: tuple[HistoryEntry, ...]
    ahead: tuple[Named, ...]

    @classmethod
    def at(cls, case: Case, now: datetime) -> Self:
        """All that is public of a case at a moment."""
        words, steps = vocabulary(), vocabulary().steps(case.flow)
        waiting = case.node if case.state == "running" else None
        return cls(
            **card_values(case),
            village=Named.region(case.village_code),
            town=Named.region(case.town_code),
            flow=Named.of(case.flow, words.flow(case.flow)),
            notices=tuple(notice for notice in notices_of(case) if notice.ends_at > now),
            history=tuple(_entry(step, case) for step in case.steps),
            ahead=tuple(step_named(code) for code in steps[steps.index(waiting) :]) if waiting in steps else (),
        )


def _entry(step: Step, case: Case) -> HistoryEntry:
    words, here = vocabulary(), masks()
    fields, office = step.get("fields", {}), step.get("office", "")
    return HistoryEntry(
        sequence=step["sequence"],
        kind=Named.of(step["kind"], words.kinds[step["kind"]]),
        at=step["at"],
        step=step_named(step["node"]) if step.get("node") else None,
        to_step=step_named(step["to_node"]) if step.get("to_node") else None,
        office=Named.of(office, words.office(office)),
        notice_ends_at=step.get("notice_ends_at"),
        fields=tuple(_field(name, fields[name], case, here) for name in here.rules if name in fields),
        documents=tuple(
            Document(kind=Named.of(paper["kind"], words.documents[paper["kind"]]), sha256=paper["sha256"])
            for paper in step.get("documents", ())
        ),
    )


def _field(name: str, value: Any, case: Case, here: Masks) -> ShownField:
    rule = here.rule(name, (case.matter, case.flow))
    kind = rule.rule if rule else "text"
    zh, en = (rule.zh, rule.en) if rule else here.label(name)
    return ShownField(
        name=name,
        label=Bilingual(zh=zh, en=en),
        kind={"code": "text", "beneficiary": "person"}.get(kind, kind),
        value=value,
        value_en=here.choice_names.get(value) if kind == "choice" else None,
    )
