"""What the codes of events are called in public: matters, flows, nodes, offices and papers, in Chinese and English."""

from dataclasses import dataclass
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

    def of(self, code: str) -> dict[str, str]:
        """The name beside its code, as JSON answers show it."""
        return {"code": code, "zh": self.zh, "en": self.en}


UNNAMED_STEP = Name("办理步骤", "Step")
UNNAMED_OFFICE = Name("经办单位", "Office in charge")


@dataclass(frozen=True)
class Vocabulary:
    """The words of all codes that may appear in public."""

    matters: dict[str, Name]
    offices: dict[str, Name]
    documents: dict[str, Name]
    flows: dict[str, Name]
    nodes: dict[str, Name]
    keys: dict[str, str]
    states: dict[str, Name]
    kinds: dict[str, Name]

    def matter(self, code: str) -> Name:
        """The name of one of the six matters."""
        return self.matters[code]

    def flow(self, code: str) -> Name:
        """The name of a flow; the plain word for a flow that is not in the list."""
        return self.flows.get(code, Name("权力事项", "Matter of village power"))

    def node(self, code: str) -> Name:
        """The name of a node; the plain word for one that is not in the list."""
        return self.nodes.get(code, UNNAMED_STEP)

    def office(self, code: str) -> Name:
        """The office that a role acts for; never a person's name."""
        return self.offices.get(code, UNNAMED_OFFICE)

    def steps(self, flow: str) -> tuple[str, ...]:
        """The codes of a flow's nodes in their order; none for a flow that is not in the list."""
        return tuple(code for code in self.nodes if code.startswith(f"{flow}-"))


@cache
def vocabulary() -> Vocabulary:
    """The words in force."""
    return load()


def load(path: Path = FILE) -> Vocabulary:
    """Read the list; a missing part is a KeyError at start, not a gap on a page."""
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    flows, nodes, keys = {}, {}, {}
    for code, flow in raw["flows"].items():
        flows[code] = flows[flow["key"]] = Name(flow["zh"], flow["en"])
        keys[flow["key"]] = code
        nodes.update(_names(flow["nodes"]))
    return Vocabulary(
        matters=_names(raw["matters"]),
        offices=_names(raw["offices"]),
        documents=_names(raw["documents"]),
        flows=flows,
        nodes=nodes,
        keys=keys,
        states=_names(raw["states"]),
        kinds=_names(raw["kinds"]),
    )


def _names(raw: dict[str, dict[str, str]]) -> dict[str, Name]:
    return {str(code): Name(entry["zh"], entry["en"]) for code, entry in raw.items()}
