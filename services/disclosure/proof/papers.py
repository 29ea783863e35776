"""Which papers of a case are disclosed originals, what their leaves in the log say, and which version holds. Pure.

What is an original open to the public is said by data: `documents_in` of masking.yaml (the matters) and `public` of
shared/words/papers.yaml (the kinds). Nothing else enters the log, not even as a hash: that of a guessable paper tells
what is in it. A leaf holds codes only: no word that people write, for nothing can be struck out of a log.
"""

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from services.disclosure.cases import Case, Entry
from services.disclosure.masking import Masks
from services.disclosure.vocabulary import Vocabulary

FORMAT = "yunjing-paper/1"
_NO_NODE = "other"


@dataclass(frozen=True)
class Paper:
    """A paper as it was filed at a node of a case and disclosed. `replaces` are its earlier versions, by SHA-256."""

    case_id: str
    sequence: int
    node: str
    kind: str
    sha256: str
    flow: str
    village_code: str
    disclosed_at: datetime
    replaces: tuple[str, ...] = ()

    @property
    def leaf(self) -> str:
        """What of it is hashed: canonical JSON (RFC 8785) of codes and numbers, all ASCII."""
        said = asdict(self) | {"format": FORMAT, "disclosed_at": _time(self.disclosed_at)}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Kept:
    """A paper in the log: at `index`, or not yet when that is None."""

    paper: Paper
    index: int | None


def open_papers(entry: Entry, case: Case, masks: Masks, words: Vocabulary) -> Iterator[tuple[str, str]]:
    """Kind and SHA-256 of the originals of an entry that are open by the list in force, each once."""
    if case.matter in masks.documents_in:
        papers = ((paper["kind"], paper["sha256"]) for paper in entry.get("documents", ()))
        yield from dict.fromkeys((kind, sha256) for kind, sha256 in papers if kind in words.papers)


def disclosed(case: Case, logged: Container[int], now: datetime, masks: Masks, words: Vocabulary) -> list[Paper]:
    """The papers that a case discloses at a moment, but for those of entries that are `logged` already.

    The same kind of paper at the same node is its next version. A case that isn't public discloses nothing.
    """
    until = case.public_until(masks)
    if until is not None and until <= now:
        return []
    found: list[Paper] = []
    last: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in case.history:
        node = entry.get("node", _NO_NODE)
        for kind, prints in _by_kind(open_papers(entry, case, masks, words)).items():
            replaced = tuple(sha256 for sha256 in last.get((node, kind), ()) if sha256 not in prints)
            if entry["sequence"] not in logged:
                found += [_paper(case, entry, kind, sha256, replaced, now) for sha256 in prints]
            last[node, kind] = prints
    return found


def versions(kept: Kept, of_case: Iterable[Kept]) -> list[Kept]:
    """All filings of the same paper (its kind at its node of its case), the oldest first."""
    place = kept.paper.node, kept.paper.kind
    same = [one for one in of_case if (one.paper.node, one.paper.kind) == place]
    return sorted(same, key=lambda one: (one.paper.sequence, one.paper.sha256))


def replaced_by(kept: Kept, versions: Sequence[Kept]) -> tuple[str, ...]:
    """What holds in its stead: the prints of the last filing, nothing when it is among them."""
    last = max(one.paper.sequence for one in versions)
    prints = tuple(one.paper.sha256 for one in versions if one.paper.sequence == last)
    return () if kept.paper.sha256 in prints else prints


def _by_kind(papers: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for kind, sha256 in papers:
        found[kind] = (*found.get(kind, ()), sha256)
    return found


def _paper(case: Case, entry: Entry, kind: str, sha256: str, replaces: tuple[str, ...], now: datetime) -> Paper:
    return Paper(
        case_id=case.case_id,
        sequence=entry["sequence"],
        node=entry.get("node", _NO_NODE),
        kind=kind,
        sha256=sha256,
        flow=case.flow,
        village_code=case.village_code,
        disclosed_at=now,
        replaces=replaces,
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
