"""`figures.yaml`: what figures are called and why one isn't reached."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from tests.bench.report.measured import Measured, Runs

_FILE = Path(__file__).with_name("figures.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(_Strict):
    """What a figure is called; `design` where DESIGN §8 asks for it."""

    zh: str
    en: str
    design: bool = False


class Why(_Strict):
    """Why a figure isn't reached."""

    zh: str
    en: str


class Group(_Strict):
    """Figures that belong together: those named, and those whose names begin so and that no other group names."""

    zh: str
    en: str
    source: str | None = None
    prefix: str | None = None
    figures: Mapping[str, Name] = {}


class Naming(_Strict):
    """All of the file."""

    sources: Mapping[str, str]
    groups: tuple[Group, ...]
    why: Mapping[str, Why]

    def rows(self, group: Group, runs: Runs) -> Iterator[tuple[str, Name, Measured | None]]:
        """The figures of a group in their order; those named that weren't measured, too."""
        for name, called in group.figures.items():
            yield name, called, runs.figure(name, group.source)
        named = {name for other in self.groups for name in other.figures}
        if group.prefix:
            for one in runs.all:
                if one.name.startswith(group.prefix) and one.name not in named:
                    yield one.name, Name(zh="", en=one.name.removeprefix(group.prefix).replace("_", " ")), one


@lru_cache(maxsize=1)
def load() -> Naming:
    """The file, checked."""
    return Naming.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
