"""A copy of the tree in which something that keeps secrets is broken, as `breaks.yaml` says."""

import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

_ROOT = Path(__file__).parents[2]
_FILE = Path(__file__).with_name("breaks.yaml")
_COPIED = ("services", "shared", "deploy", "tests", "pyproject.toml")


class Line(BaseModel):
    """A line of a file, and what stands there instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    old: str
    new: str

    def broken(self, text: str) -> str:
        """The file's text with it; raises `ValueError` when the line isn't there."""
        if self.old not in text:
            raise ValueError(f"breaks.yaml: {self.file} has no line {self.old!r} any more")
        return text.replace(self.old, self.new)


class Break(BaseModel):
    """One way to break it, and which kinds of secrets are then found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: str
    finds: frozenset[str]
    lines: tuple[Line, ...]


@cache
def breaks() -> Mapping[str, Break]:
    """All of them by their names."""
    return {
        name: Break.model_validate(told) for name, told in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
    }


def broken_text(file: str, *names: str) -> str:
    """A file of the tree as these breaks leave it."""
    text = (_ROOT / file).read_text(encoding="utf-8")
    for line in (line for name in names for line in breaks()[name].lines if line.file == file):
        text = line.broken(text)
    return text


def broken_copy(name: str, folder: Path) -> Path:
    """The whole tree in a folder, broken in one way; returns where."""
    made = folder / name
    made.mkdir()
    for part in _COPIED:
        source = _ROOT / part
        if source.is_dir():
            shutil.copytree(source, made / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, made / part)
    for file in {line.file for line in breaks()[name].lines}:
        (made / file).write_text(broken_text(file, name), encoding="utf-8")
    return made
