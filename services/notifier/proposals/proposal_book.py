"""The life and text of proposals as `proposals.yaml` has them. Pure."""

from functools import cache
from pathlib import Path
from typing import Self, get_args

import yaml
from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.routing.routing import Place
from shared.contracts.alerts import Bilingual
from shared.contracts.power import Matter
from shared.contracts.proposals import Addressee, Origin, State


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transition(_Strict):
    """One move of a proposal between states."""

    sources: tuple[State, ...] = Field(alias="from")
    to: State
    by: str
    zh: str
    en: str
    note: bool = False
    compares: bool = False


class Days(_Strict):
    """How long a term is, and may be."""

    default: int
    least: int
    most: int


class Issuer(_Strict):
    """What an office is called in full and in its document numbers."""

    zh: str
    short: str


class AddresseeKind(Bilingual):
    """A kind of institution, and the name that is proposed for it."""

    name: str


class DeskLine(_Strict):
    """One desk on which it lies."""

    role: str
    at: Place


class Book(_Strict):
    """The whole of `proposals.yaml`."""

    number: str
    issuers: dict[str, Issuer]
    states: dict[State, Bilingual]
    groups: dict[str, frozenset[str]]
    desks: dict[str, tuple[DeskLine, ...]]
    moves: tuple[Transition, ...]
    reply_days: Days
    follow_up_days: Days
    kinds: dict[str, Bilingual]
    addressees: dict[Addressee, AddresseeKind]
    origins: dict[Origin, Bilingual]
    basis: str
    asks: dict[Matter, tuple[str, ...]]
    text: str

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := set(get_args(State)) ^ set(self.states) | set(get_args(Addressee)) ^ set(self.addressees):
            raise ValueError(f"without a name, or unknown: {missing}")
        if unknown := {move.by for move in self.moves} - set(self.groups):
            raise ValueError(f"unknown groups {unknown}")
        if missing_desks := self.groups["writer"] ^ set(self.desks):
            raise ValueError(f"writers without desks, or the other way round: {missing_desks}")
        ENVIRONMENT.from_string(self.text)
        return self


ENVIRONMENT = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (plain text: pages escape it)


@cache
def book() -> Book:
    """The life and text of proposals; raises pydantic's or Jinja's error at start when it is malformed."""
    text = Path(__file__).with_name("proposals.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


@cache
def finished() -> frozenset[State]:
    """The states from which no move leads."""
    return frozenset(book().states) - {source for move in book().moves for source in move.sources}
