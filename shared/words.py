"""What everything is called in Chinese and English, once for all services: read from the files in `words/`. Pure.

Matters, roles, papers, flows with their nodes, and the fields of events. What a service alone says stays with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from shared.contracts.power import Matter, NodeFields

FOLDER = Path(__file__).with_suffix("")


class WordsError(ValueError):
    """A fault in one of the files of words; the message tells which, where in it, and what."""


@dataclass(frozen=True)
class Name:
    """One thing's name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Paper(Name):
    """A kind of paper, and whether its original is open to the public."""

    public: bool = False


@dataclass(frozen=True)
class Flow(Name):
    """One version of a flow, and its nodes in their order."""

    nodes: Mapping[str, Name] = field(default_factory=dict)


@dataclass(frozen=True)
class Words:
    """All names, by the codes that events and catalogues use; flows by code and version."""

    matters: Mapping[str, Name]
    roles: Mapping[str, Name]
    papers: Mapping[str, Paper]
    flows: Mapping[str, Mapping[int, Flow]]
    fields: Mapping[str, Name]


@cache
def words() -> Words:
    """The words in force."""
    return load(FOLDER)


def load(folder: Path) -> Words:
    """The words of a folder; raises `WordsError`, also when a matter or a field of an event has no name."""
    matters = {code: Name(n.zh, n.en) for code, n in _read(folder, "matters", dict[str, _Name]).items()}
    fields = {name: Name(n.zh, n.en) for name, n in _read(folder, "fields", dict[str, _Name]).items()}
    _complete("matters", matters, get_args(Matter))
    _complete("fields", fields, NodeFields.model_fields)
    return Words(
        matters=matters,
        roles={code: Name(n.zh, n.en) for code, n in _read(folder, "roles", dict[str, _Name]).items()},
        papers={kind: Paper(p.zh, p.en, p.public) for kind, p in _read(folder, "papers", dict[str, _Paper]).items()},
        flows={
            code: {number: _flow(version) for number, version in versions.items()}
            for code, versions in _read(folder, "flows", dict[str, dict[int, _Flow]]).items()
        },
        fields=fields,
    )


_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Name(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    zh: _Text
    en: _Text


class _Paper(_Name):
    public: bool = False


class _Flow(_Name):
    nodes: dict[str, _Name]


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error, instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"{twice.pop()} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(folder: Path, name: str, shape: Any) -> Any:
    file = folder / f"{name}.yaml"
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 (safe)
        return TypeAdapter(shape).validate_python(raw)
    except OSError as error:
        raise WordsError(f"{file.name}: {error.strerror or 'cannot be read'}") from error
    except yaml.YAMLError as error:
        raise WordsError(f"{file.name}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise WordsError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _flow(entry: _Flow) -> Flow:
    return Flow(entry.zh, entry.en, {code: Name(n.zh, n.en) for code, n in entry.nodes.items()})


def _complete(name: str, found: Mapping[str, Any], expected: Any) -> None:
    if differing := sorted(set(found) ^ set(expected)):
        raise WordsError(f"{name}.yaml: {', '.join(differing)}: each needs its name, and nothing else has one")
