"""Who may write policies, for which groups and by which units they are, from `policies.yaml`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.words import Flow, Name, words

FILE = Path(__file__).parent / "policies.yaml"


class Words(BaseModel):
    """A word in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str
    en: str

    def name(self) -> Name:
        """Both words."""
        return Name(self.zh, self.en)


class Column(Words):
    """A column of the sheet of many drafts."""

    needed: bool
    how: Words
    example: str


class Plan(BaseModel):
    """What policies may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    writers: tuple[str, ...]
    groups: Mapping[str, Words]
    units: Mapping[str, Words]
    relief_matter: str
    columns: Mapping[str, Column]

    def flows(self) -> dict[str, Flow]:
        """The flows of hardship relief by code, each as its newest version is called."""
        named = sorted(words().flows.items())
        return {code: of[max(of)] for code, of in named if code.startswith(self.relief_matter)}


@cache
def plan() -> Plan:
    """The plan in force; a list that is malformed is a `ValueError` at start."""
    return Plan.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
