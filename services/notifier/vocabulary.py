"""What the codes of alerts are called in Chinese and English: grades, kinds of history, why a desk has an alert.

Matters and roles are called as everywhere (`shared/words`).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.contracts.alerts import Bilingual
from shared.words import Name, words


class Vocabulary(BaseModel):
    """The whole of `vocabulary.yaml`, and of the common words what alerts need."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    matters: dict[str, Bilingual]
    grades: dict[str, Bilingual]
    roles: dict[str, Bilingual]
    kinds: dict[str, Bilingual]
    arrivals: dict[str, Bilingual]

    def role(self, code: str) -> Bilingual:
        """The name of a role; the code itself when it has none."""
        return self.roles.get(code, Bilingual(zh=code, en=code))


@cache
def vocabulary() -> Vocabulary:
    """The words; raises pydantic's error at start when the file is malformed."""
    text = Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8")
    common = {"matters": _bilingual(words().matters), "roles": _bilingual(words().roles)}
    return Vocabulary.model_validate(yaml.safe_load(text) | common)


def _bilingual(names: Mapping[str, Name]) -> dict[str, Bilingual]:
    return {code: Bilingual(zh=name.zh, en=name.en) for code, name in names.items()}
