"""The Merkle tree of the paper log as RFC 9162 (and 6962) defines it. Pure.

Only perfect subtrees are ever stored: they never change once they are full. The hash of any range that a proof needs is
put together of a few of them, so no proof looks at more than some dozens of hashes, however long the log is.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# A perfect subtree: (level, place) holds the 2**level leaves from place * 2**level on.
Node = tuple[int, int]
# Leaves from the first (included) to the second (left out).
Range = tuple[int, int]
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect(part: Range) -> list[Node]:
    """The perfect subtrees of which a range of the tree is made, the largest first."""
    begin, end = part
    nodes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


def hash_of(part: Range, hashes: Mapping[Node, bytes]) -> bytes:
    """The hash of a range, from those of its perfect subtrees."""
    return _folded([hashes[node] for node in perfect(part)])


def inclusion(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that the leaf is in the tree of this size, the leaf's neighbour first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    begin, end, path = 0, size, list[Range]()
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that the tree of `new` leaves begins with that of `old`; none when they are one."""
    if not 1 <= old <= new:
        raise ValueError(f"a tree of {new} leaves has no part of {old}")
    begin, end, whole, path = 0, new, True, list[Range]()
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append((begin, end))
    return path[::-1]


def nodes_of(path: Iterable[Range]) -> list[Node]:
    """All perfect subtrees that some ranges are made of."""
    return [node for part in path for node in perfect(part)]


@dataclass
class Edge:
    """The right edge of a growing tree: its perfect subtrees, the largest first, which are all that growing needs."""

    size: int = 0
    hashes: dict[Node, bytes] = field(default_factory=dict)

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        return _folded(list(self.hashes.values())) if self.hashes else EMPTY_ROOT

    def grow(self, leaf_hashes: Iterable[bytes]) -> dict[Node, bytes]:
        """Append leaves; all subtrees that became perfect by it."""
        grown: dict[Node, bytes] = {}
        for hash in leaf_hashes:
            node = (0, self.size)
            grown[node] = self.hashes[node] = hash
            self.size += 1
            while (right := next(reversed(self.hashes)))[1] % 2:
                after = self.hashes.pop(right)
                _, before = self.hashes.popitem()
                node = (right[0] + 1, right[1] // 2)
                grown[node] = self.hashes[node] = node_hash(before, after)
        return grown


def _split(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << (count - 1).bit_length() - 1


def _folded(hashes: Sequence[bytes]) -> bytes:
    *before, hash = hashes
    for left in reversed(before):
        hash = node_hash(left, hash)
    return hash
