"""Whether two papers are the same one: by what they say and by how they look. Pure.

The text itself isn't kept: only digests of its shingles (MinHash), which can be compared and not be read.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.approval.recognition.extraction import Found
from services.approval.recognition.lines import Line

_SHINGLE = 4
_HASHES = 64
_ROWS = 2
_LEAST_SIGNS = 40
_PRIME = (1 << 61) - 1
_LIKE_TEXT = 0.6
LIKE_LOOK = 20
LOOK_BITS = 256
How = Literal["file", "invoice", "text", "look"]


@dataclass(frozen=True)
class Traits:
    """What a paper is compared by: no `sketch` with hardly any text, no `look` when it shows nothing."""

    sketch: tuple[int, ...]
    look: int | None
    amounts: frozenset[str]
    invoices: frozenset[str]

    @classmethod
    def of(cls, sketch: Sequence[int], look: int | None, found: Iterable[Found]) -> "Traits":
        """From a reading."""
        found = tuple(found)
        totals = frozenset(f.value for f in found if f.kind == "amount" and f.role == "total")
        amounts = totals or frozenset(f.value for f in found if f.kind == "amount")
        return cls(tuple(sketch), look, amounts, frozenset(f.value for f in found if f.kind == "invoice_no"))


@dataclass(frozen=True)
class Alike:
    """Why two papers look like one, and how much: 1 is the same."""

    how: How
    likeness: float


def alike(one: Traits, other: Traits) -> Alike | None:
    """Whether two papers are one paper; papers that name different invoices or amounts are not, however alike.

    A form that is filled in again looks like itself and says nearly the same: its amounts tell it apart.
    """
    if one.invoices and other.invoices:
        same = one.invoices & other.invoices and not _differ(one.amounts, other.amounts)
        return Alike("invoice", 1.0) if same else None
    if _differ(one.amounts, other.amounts):
        return None
    if one.sketch and other.sketch:
        likeness = resemblance(one.sketch, other.sketch)
        return Alike("text", round(likeness, 2)) if likeness >= _LIKE_TEXT else None
    if one.look is not None and other.look is not None:
        apart = (one.look ^ other.look).bit_count()
        return Alike("look", round(1 - apart / LOOK_BITS, 2)) if apart <= LIKE_LOOK else None
    return None


def _differ(some: frozenset[str], others: frozenset[str]) -> bool:
    return bool(some and others and not some & others)


def sketch_of(lines: Sequence[Line]) -> tuple[int, ...]:
    """The MinHash of a paper's text, whatever the order of its lines; empty below forty signs."""
    texts = [re.sub(r"[^0-9A-Za-z\u4e00-\u9fff]", "", line.text) for line in lines]
    if sum(map(len, texts)) < _LEAST_SIGNS:
        return ()
    shingles = {text[i : i + _SHINGLE] for text in texts for i in range(max(len(text) - _SHINGLE + 1, 1)) if text}
    values = [int.from_bytes(hashlib.blake2b(s.encode(), digest_size=7).digest()) for s in shingles]
    return tuple(min((a * value + b) % _PRIME for value in values) for a, b in _FUNCTIONS)


def _function(number: int) -> tuple[int, int]:
    digest = hashlib.sha256(f"yunjing paper {number}".encode()).digest()
    return int.from_bytes(digest[:7]) | 1, int.from_bytes(digest[7:14])


_FUNCTIONS = [_function(number) for number in range(_HASHES)]


def resemblance(one: Sequence[int], other: Sequence[int]) -> float:
    """How many of their shingles two texts share, as estimated from their sketches."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def bands_of(sketch: Sequence[int]) -> list[int]:
    """Numbers of which two texts that are alike share at least one: what an index looks for."""
    pairs = [sketch[i : i + _ROWS] for i in range(0, len(sketch), _ROWS)]
    told = (f"{number}|{'|'.join(map(str, pair))}" for number, pair in enumerate(pairs))
    return [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), signed=True) for t in told]
