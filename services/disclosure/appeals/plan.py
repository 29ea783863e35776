"""How appeals are taken in and handled: `appeals.yaml`, checked as it loads. Pure."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.appeals import Kind, State

FILE = Path(__file__).with_name("appeals.yaml")
Level = Literal["village", "town", "county"]
DeskLevel = Literal["town", "county", "city"]
Positive = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Strict):
    """One name in both languages."""

    zh: str
    en: str


class Term(_Strict):
    """So many days, working days of the calendar or all days."""

    days: Positive
    unit: Literal["working_day", "calendar_day"]


class Terms(_Strict):
    """To take up, to answer, the longest that an extension may reach, and how long an answer waits for a word."""

    take_up: Term
    answer: Term
    longest: Term
    quiet: Term


class Limits(_Strict):
    """How much is taken, from whom, in what time."""

    shortest_text: Positive
    longest_text: Positive
    longest_name: Positive
    longest_contact: Positive
    longest_reply: Positive
    additions: Positive
    pictures: Positive
    picture_bytes: Positive
    picture_side: Positive
    filed_by_address: Positive
    filed_in_village: Positive
    wrong_numbers_by_address: Positive
    form_minutes: Positive
    work_bits: Annotated[int, Field(ge=1, le=24)]
    joined_days: Positive


class Plan(_Strict):
    """The whole of `appeals.yaml`."""

    kinds: dict[Kind, Words]
    states: dict[State, Words]
    concerns: dict[Level, Words]
    terms: Terms
    desks: dict[DeskLevel, tuple[str, ...]]
    report_desks: dict[DeskLevel, tuple[str, ...]]
    identity_roles: tuple[str, ...]
    identity_reasons: dict[str, Words]
    mentions: dict[Literal["town", "county"], tuple[str, ...]]
    limits: Limits

    @model_validator(mode="after")
    def _complete(self) -> "Plan":
        for name, given, wanted in (
            ("kinds", self.kinds, Kind),
            ("states", self.states, State),
            ("concerns", self.concerns, Level),
            ("desks", self.desks, DeskLevel),
            ("report_desks", self.report_desks, DeskLevel),
        ):
            if missing := set(wanted.__args__) - set(given):  # type: ignore[attr-defined]
                raise ValueError(f"{name}: {', '.join(sorted(missing))} 缺少 / missing")
        return self


@cache
def plan() -> Plan:
    """The plan in force; raises pydantic's error, with the path, when the file is malformed."""
    return Plan.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
