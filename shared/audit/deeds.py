"""What deeds and their objects are called: `deeds.yaml`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from shared.words import Name


@dataclass(frozen=True)
class Deeds:
    """The names of all deeds, and of the kinds of objects."""

    actions: Mapping[str, Name]
    objects: Mapping[str, Name]

    def action(self, code: str) -> Name:
        """The name of a deed; the code itself when it has none."""
        return self.actions.get(code, Name(code, code))

    def object(self, text: str) -> Name:
        """The name of an object's kind; the code itself when it has none."""
        kind = text.partition(":")[0]
        return self.objects.get(kind, Name(kind, kind))


@cache
def deeds() -> Deeds:
    """The names; raises pydantic's error when the file is malformed."""
    text = Path(__file__).with_name("deeds.yaml").read_text(encoding="utf-8")
    return TypeAdapter(Deeds).validate_python(yaml.safe_load(text))
