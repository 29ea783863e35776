"""What counts as money and as closed: `supervision.yaml`, checked as it loads. Pure."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from shared.contracts.power import NodeFields

FILE = Path(__file__).with_name("supervision.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Strict):
    """One name in both languages."""

    zh: str
    en: str


class Amount(Words):
    """A field that tells what a case is about in money; with `sum`, that part of each line of a list."""

    kind: str
    sum: str | None = None


class Plan(_Strict):
    """The whole file."""

    closed_states: frozenset[str]
    amounts: tuple[Amount, ...]
    cash_methods: frozenset[str]
    unknown_contractor: Words

    @model_validator(mode="after")
    def _fields_exist(self) -> "Plan":
        if unknown := [one.kind for one in self.amounts if one.kind not in NodeFields.model_fields]:
            raise ValueError(f"no such fields: {', '.join(unknown)}")
        return self

    @property
    def amount_names(self) -> dict[str, Words]:
        """What each kind of amount is called."""
        return {one.kind: one for one in self.amounts}


@cache
def plan() -> Plan:
    """The plan in force; raises `pydantic.ValidationError`."""
    return Plan.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
