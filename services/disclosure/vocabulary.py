"""What the codes of events are called in public, in Chinese and English: as everywhere (`shared/words`), and what only
the public pages say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from shared.words import Flow, Name, Words, words

FILE = Path(__file__).parent / "vocabulary.yaml"
UNNAMED_NODE = Name("办理节点", "Node")
UNNAMED_ROLE = Name("经办单位", "Office in charge")
UNNAMED_FLOW = Flow("权力流程", "Flow of village power")


@dataclass(frozen=True)
class Vocabulary:
    """The words of all codes that may appear in public; of papers only those whose originals are open."""

    matters: Mapping[str, Name]
    roles: Mapping[str, Name]
    papers: Mapping[str, Name]
    fields: Mapping[str, Name]
    flows: Mapping[str, Mapping[int, Flow]]
    states: Mapping[str, Name]
    kinds: Mapping[str, Name]

    def flow(self, code: str, version: int) -> Flow:
        """A flow as a case of this version began with; without nodes when the list doesn't have the version."""
        versions = self.flows.get(code)
        if not versions:
            return UNNAMED_FLOW
        newest = versions[max(versions)]
        return versions.get(version, Flow(newest.zh, newest.en))

    def role(self, code: str) -> Name:
        """What a role is called; never a person's name."""
        return self.roles.get(code, UNNAMED_ROLE)


@cache
def vocabulary() -> Vocabulary:
    """The words in force."""
    return load(FILE, words())


def load(path: Path, common: Words) -> Vocabulary:
    """Read what the public pages say beside the common words; a missing part is a KeyError at start."""
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Vocabulary(
        matters=common.matters,
        roles=common.roles,
        papers={kind: paper for kind, paper in common.papers.items() if paper.public},
        fields=common.fields,
        flows=common.flows,
        states=_names(own["states"]),
        kinds=_names(own["kinds"]),
    )


def _names(raw: dict[str, dict[str, str]]) -> dict[str, Name]:
    return {code: Name(entry["zh"], entry["en"]) for code, entry in raw.items()}
