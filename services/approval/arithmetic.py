"""What the papers of one case must say of each other, as `arithmetic.yaml` has it. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.approval.errors import FieldsUnsound, PapersDiffer
from services.approval.figures import COUNTS, FACTS, MADE, STANDS_IN, YUAN, Figures, figures_of
from shared.contracts.power import Matter, NodeFields
from shared.problems import FieldError
from shared.workdays import SHANGHAI

REASON = "excess_reason"
_FILE = Path(__file__).with_name("arithmetic.yaml")
# Told by the case, not by its forms.
OF_THE_CASE = ("awarded_on", "approved_changes_fen")
_IS_OF = {"awarded_on": "award_fen"}
# Held against constants: no later form needs them.
_OF_ONE_FORM = ("last_fact_on", "least_count", "wages_off_fen", "bill_lines_off_fen", "bill_total_off_fen")
_CONSTANTS: Figures = {"one": 1, "hundred": 100, "yuan": YUAN}
Relation = Literal["at_most", "at_least", "equals"]
Sum = Annotated[tuple[str, ...], Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Entry):
    """One sum held against another; what it says when it doesn't hold."""

    sum: Sum
    at_most: tuple[Sum, ...] = ()
    at_least: tuple[Sum, ...] = ()
    equals: tuple[Sum, ...] = ()
    within: str | None = None
    matters: tuple[Matter, ...] = ()
    flows: tuple[str, ...] = ()
    zh: str
    en: str

    @model_validator(mode="after")
    def _told(self) -> "Check":
        if [bool(each) for each in (self.at_most, self.at_least, self.equals)].count(True) != 1:
            raise ValueError("one of at_most, at_least, equals")
        known = {*NodeFields.model_fields, *MADE, *OF_THE_CASE, *_CONSTANTS, "today"}
        if unknown := sorted(self.names - known):
            raise ValueError(f"{unknown[0]} is no figure")
        return self

    @property
    def relation(self) -> Relation:
        """How the sum must stand to what it is held against."""
        return "at_most" if self.at_most else "at_least" if self.at_least else "equals"

    @property
    def against(self) -> tuple[Sum, ...]:
        """What it is held against: the first that is known."""
        return self.at_most or self.at_least or self.equals

    @property
    def names(self) -> frozenset[str]:
        """Every figure that it is told of."""
        within = {self.within} if self.within else set()
        return frozenset({*self.sum, *within, *(name for each in self.against for name in each)})

    @property
    def fields(self) -> frozenset[str]:
        """The fields in which its figures stand."""
        return frozenset(STANDS_IN.get(name, name) for name in self.names)

    def told_by(self, fields: Collection[str]) -> bool:
        """Whether these fields are enough for it."""
        firsts = (_IS_OF.get(each[0], STANDS_IN.get(each[0], each[0])) for each in self.against)
        return STANDS_IN.get(self.sum[0], self.sum[0]) in fields and any(
            first in fields or first in _CONSTANTS for first in firsts
        )

    def is_for(self, flow: str) -> bool:
        """Whether it is asked of cases of a flow."""
        return (not self.matters or flow[:2] in self.matters) and (not self.flows or flow in self.flows)

    def holds(self, known: Figures) -> bool:
        """Whether it holds by what is known; of what isn't known nothing is said."""
        held = _sum(self.sum, known)
        against = next((found for each in self.against if (found := _sum(each, known)) is not None), None)
        if held is None or against is None:
            return True
        within = known.get(self.within, 0) if self.within else 0
        match self.relation:
            case "at_most":
                return held <= against + within
            case "at_least":
                return held >= against - within
            case "equals":
                return abs(held - against) <= within

    def field(self, filed: Collection[str], form: NodeFields) -> str | None:
        """The filed field that it is about, the first that it names; None when the form tells none of its figures."""
        named = (*self.sum, *(name for each in self.against for name in each))
        first = next((name for name in named if name in filed), None)
        return _place(first, form) if first else None


class Changes(_Entry):
    """Where the changes of works are decided: cases of a flow that name the works in a field."""

    flow: str
    node: str
    amount: str
    names: str


class Arithmetic(_Entry):
    """The whole file."""

    impossible: tuple[Check, ...]
    wants_reason: tuple[Check, ...]
    within_flow: tuple[str, ...]
    changes: Changes

    @cached_property
    def remembered(self) -> frozenset[str]:
        """The figures that a case keeps of its forms, for those to come."""
        used = {name for check in (*self.impossible, *self.wants_reason) for name in check.names}
        return frozenset(used - {*OF_THE_CASE, *_CONSTANTS, "today", *_OF_ONE_FORM})

    def wants_room(self, flow: str, form: Collection[str], before: Collection[str]) -> bool:
        """Whether a form with these fields, after forms with those, may differ by a check that it makes."""
        known = {*form, *before}
        checks = (check for check in self.wants_reason if check.is_for(flow))
        return any(check.told_by(known) and not check.fields.isdisjoint(form) for check in checks)

    def asks_changes(self, flow: str, form: NodeFields) -> bool:
        """Whether a form is held against the changes that were approved in cases of their own."""
        filed = figures_of(form)
        checks = (check for check in self.wants_reason if "approved_changes_fen" in check.names and check.is_for(flow))
        return any(check.sum[0] in filed for check in checks)

    def check(
        self, flow: str, form: NodeFields, known: Figures, today: date, changed: Collection[str] | None = None
    ) -> None:
        """Refuse a form that can't be, or that differs from the case's other forms without a reason.

        `known` are the figures of the other forms and of the case itself; of an amended form only what was `changed` is
        looked at. Raises `FieldsUnsound` for what is impossible, `PapersDiffer` for what wants a reason and has none.
        """
        figures = figures_of(form)
        filed = {name for name in figures if changed is None or _place(name, form) in changed}
        told = {**_CONSTANTS, "today": today.toordinal(), **known, **figures}
        if wrong := _broken(self.impossible, flow, form, filed, told):
            raise FieldsUnsound("请核对所列内容", "Please check the named fields", wrong)
        if (form.excess_reason or "").strip():
            return
        if wrong := _broken(self.wants_reason, flow, form, filed, told):
            raise PapersDiffer(
                "请核对更正;确实如此的,请在“超出或不一致的原因”中写明",
                "Mend what is mistyped; where it is so, say why under the reason for what differs",
                [*wrong, FieldError(f"fields.{REASON}", "确实如此的,请写明原因", "If it is so, say why")],
            )


@cache
def arithmetic() -> Arithmetic:
    """The file, checked; raises pydantic's `ValidationError` for an unsound one."""
    return Arithmetic.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def told(form: NodeFields) -> dict[str, int | float | str]:
    """What a case keeps of a form for the checks to come, and the case that it names."""
    kept, names = arithmetic().remembered, arithmetic().changes.names
    named = {names: case} if (case := getattr(form, names)) else {}
    return {name: figure for name, figure in figures_of(form).items() if name in kept} | named


def known_of(
    answers: Mapping[str, Mapping[str, Any]], completed: Mapping[str, datetime], codes: Iterable[str]
) -> dict[str, Any]:
    """What the forms of these nodes say together, the later having the word, and on which day the award was made."""
    said = [(code, answers[code]) for code in codes if code in answers]
    awarded = [completed[code] for code, told in said if "award_fen" in told and code in completed]
    day = {"awarded_on": min(awarded).astimezone(SHANGHAI).date().toordinal()} if awarded else {}
    return {name: figure for _, told in said for name, figure in told.items()} | day


def _sum(names: Sum, known: Figures) -> int | float | None:
    """A sum, if its first figure is known."""
    return None if names[0] not in known else sum(known.get(name, 0) for name in names)


def _broken(
    checks: Iterable[Check], flow: str, form: NodeFields, filed: Collection[str], known: Figures
) -> list[FieldError]:
    """One fault a field: the first check there that doesn't hold."""
    faults: dict[str, FieldError] = {}
    for check in checks:
        field = check.field(filed, form) if check.is_for(flow) else None
        if field and not check.holds(known):
            faults.setdefault(field, FieldError(f"fields.{field}", check.zh, check.en))
    return list(faults.values())


def _place(figure: str, form: NodeFields) -> str:
    """The field in which a figure stands."""
    if figure == "last_fact_on":
        return max((name for name in FACTS if getattr(form, name)), key=lambda name: getattr(form, name))
    if figure == "least_count":
        return min((name for name in COUNTS if getattr(form, name) is not None), key=lambda name: getattr(form, name))
    return STANDS_IN.get(figure, figure)
