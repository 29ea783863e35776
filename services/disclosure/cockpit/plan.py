"""What the cockpit shows and how it is counted: `cockpit.yaml`, checked as it loads. Pure."""

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).with_name("cockpit.yaml")
Unit = Literal["count", "share", "hours", "days", "fen", "index"]
OTHER = "other"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Strict):
    """One name in both languages."""

    zh: str
    en: str


class Definition(Words):
    """What a figure is, in which unit, and whether more is better."""

    unit: Unit
    better: Literal["up", "down", "none"]
    how: Words


class TableDefinition(Words):
    """What a table shows and how it is counted."""

    how: Words


class FigureGroup(Words):
    """Figures that stand together."""

    figures: tuple[str, ...]


class Institution(Words):
    """A rule document that some rules ask for."""

    rules: tuple[str, ...]


class Plan(_Strict):
    """The whole file."""

    readers: tuple[str, ...]
    small_sample: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    figures: Mapping[str, Definition]
    figure_groups: Mapping[str, FigureGroup]
    tables: Mapping[str, TableDefinition]
    outcomes: Mapping[str, Words]
    gap_from: Annotated[int, Field(ge=1)]
    institutions: Mapping[str, Institution]
    other_institution: Words

    @model_validator(mode="after")
    def _each_rule_once(self) -> "Plan":
        every = [rule for one in self.institutions.values() for rule in one.rules]
        if twice := sorted({rule for rule in every if every.count(rule) > 1}):
            raise ValueError(f"rules of two institutions: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _each_figure_once(self) -> "Plan":
        placed = [key for group in self.figure_groups.values() for key in group.figures]
        if sorted(placed) != sorted(self.figures):
            wrong = {*placed} ^ {*self.figures} or {key for key in placed if placed.count(key) > 1}
            raise ValueError(f"figure_groups: each figure once; wrong: {', '.join(sorted(wrong))}")
        return self

    @cached_property
    def institution_of(self) -> Mapping[str, str]:
        """The institution that each rule asks for; a rule without one asks for `OTHER`."""
        return {rule: code for code, one in self.institutions.items() for rule in one.rules}

    def institution(self, code: str) -> Words:
        """What an institution is called."""
        return self.institutions.get(code, self.other_institution)


@cache
def plan() -> Plan:
    """The plan in force; raises `pydantic.ValidationError`."""
    return Plan.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
