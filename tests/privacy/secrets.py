"""The true secrets of simulated people, and where any of them stands in a text.

Their names are given in characters that stand nowhere else, so that half a name is found as surely as a whole one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ahocorasick_rs import AhoCorasick, MatchKind

# Fish, as they were once written: no word of the county is.
GIVEN = "".join(map(chr, range(0x9B80, 0x9C7C)))
_GIVEN = re.compile(f"[{GIVEN}]+")


@dataclass(frozen=True)
class Secrets:
    """Each secret with its kind; `public` are names that may be read, as who inspected works for the village."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    public: frozenset[str] = frozenset()

    def within(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The kind and place of each secret in a text, and of what is left of a name."""
        covered: list[tuple[int, int]] = []
        if self._words:
            for number, start, end in self._seeker.find_matches_as_indexes(text):
                covered.append((start, end))
                if kind := self.kinds.get(self._words[number]):
                    yield kind, start, end
        for found in _GIVEN.finditer(text):
            if not any(start <= found.start() and found.end() <= end for start, end in covered):
                yield "part of a name", found.start(), found.end()

    @cached_property
    def _words(self) -> list[str]:
        return sorted({*self.kinds, *self.public})

    @cached_property
    def _seeker(self) -> AhoCorasick:
        return AhoCorasick(self._words, matchkind=MatchKind.LeftmostLongest)


NOTHING = Secrets()
