"""The life of inquiries as `inquiries.yaml` has it: states, moves, terms. Pure."""

from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.handling import lifecycle
from shared.contracts.alerts import Bilingual


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transition(_Strict):
    """One move of an inquiry between states."""

    sources: tuple[str, ...] = Field(alias="from")
    to: str
    by: str
    zh: str
    en: str
    note: bool = False
    receiver: bool = False
    brings: tuple[str, ...] = ()
    settles: bool = False
    outcomes: tuple[str, ...] = ()


class Term(_Strict):
    """How many working days an inquiry gets, and may get at most."""

    default: int
    most: int


class Book(_Strict):
    """The whole of `inquiries.yaml`."""

    number: str
    states: dict[str, Bilingual]
    groups: dict[str, frozenset[str]]
    moves: tuple[Transition, ...]
    terms: dict[str, int]
    inquiry_term: Term
    kinds: dict[str, Bilingual]

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        alerts = lifecycle.book()
        for move in self.moves:
            if unknown := {*move.sources, move.to} - set(self.states) | {move.by} - set(self.groups):
                raise ValueError(f"unknown states or groups {unknown}")
            if unknown := set(move.outcomes) - set(alerts.outcomes) | set(move.brings) - set(alerts.states):
                raise ValueError(f"unknown outcomes or states of alerts {unknown}")
        return self


@cache
def book() -> Book:
    """The life of inquiries; raises pydantic's error at start when it is malformed."""
    text = Path(__file__).with_name("inquiries.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


@cache
def finished() -> frozenset[str]:
    """The states from which no move leads."""
    return frozenset(book().states) - {source for move in book().moves for source in move.sources}
