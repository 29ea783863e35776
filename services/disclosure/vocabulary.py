"""What the codes of events are called in public: matters, flows, nodes, roles and papers, in Chinese and English."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "vocabulary.yaml"


@dataclass(frozen=True)
class Name:
    """One thing's name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Flow(Name):
    """One version of a flow, and its nodes in their order."""

    nodes: Mapping[str, Name] = field(default_factory=dict)


UNNAMED_NODE = Name("办理节点", "Node")
UNNAMED_ROLE = Name("经办单位", "Office in charge")
UNNAMED_FLOW = Flow("权力流程", "Flow of village power")


@dataclass(frozen=True)
class Vocabulary:
    """The words of all codes that may appear in public."""

    matters: Mapping[str, Name]
    roles: Mapping[str, Name]
    documents: Mapping[str, Name]
    states: Mapping[str, Name]
    kinds: Mapping[str, Name]
    flows: Mapping[str, Mapping[int, Flow]]

    def flow(self, code: str, version: int) -> Flow:
        """A flow as a case of this version began with; without nodes when the list doesn't have the version."""
        versions = self.flows.get(code)
        if not versions:
            return UNNAMED_FLOW
        newest = versions[max(versions)]
        return versions.get(version, Flow(newest.zh, newest.en))

    def flows_called(self, words: str) -> list[str]:
        """The codes of the flows in whose names these words are."""
        return [
            code
            for code, versions in self.flows.items()
            if any(words.lower() in f"{flow.zh} {flow.en}".lower() for flow in versions.values())
        ]

    def role(self, code: str) -> Name:
        """What a role is called; never a person's name."""
        return self.roles.get(code, UNNAMED_ROLE)


@cache
def vocabulary() -> Vocabulary:
    """The words in force."""
    return load()


def load(path: Path = FILE) -> Vocabulary:
    """Read the list; a missing part is a KeyError at start, not a gap on a page."""
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Vocabulary(
        matters=_names(raw["matters"]),
        roles=_names(raw["roles"]),
        documents=_names(raw["documents"]),
        states=_names(raw["states"]),
        kinds=_names(raw["kinds"]),
        flows={
            code: {
                int(version): Flow(flow["zh"], flow["en"], _names(flow["nodes"])) for version, flow in versions.items()
            }
            for code, versions in raw["flows"].items()
        },
    )


def _names(raw: dict[str, dict[str, str]]) -> dict[str, Name]:
    return {str(code): Name(entry["zh"], entry["en"]) for code, entry in raw.items()}
