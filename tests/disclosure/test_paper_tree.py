"""The Merkle tree of the paper log: the roots that RFC 6962's own test log has, and proofs that hold, or don't."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.disclosure.proof.tree import EMPTY_ROOT, Edge, Node, consistency, hash_of, inclusion, leaf_hash
from services.disclosure.proof.verify_paper import consistent, included

# The leaves and roots of Certificate Transparency's reference tests.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")] + [
    bytes.fromhex("606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
MOST = 130


class Log:
    """All hashes of a log of so many leaves, and its root at every size."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.edge, self.hashes, self.roots = Edge(), dict[Node, bytes](), [EMPTY_ROOT]
        for leaf in leaves:
            self.hashes |= self.edge.grow([leaf_hash(leaf)])
            self.roots.append(self.edge.root)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return [hash_of(part, self.hashes) for part in inclusion(index, size)]

    def consistency(self, old: int, new: int) -> list[bytes]:
        return [hash_of(part, self.hashes) for part in consistency(old, new)]


@pytest.fixture(scope="module")
def log() -> Log:
    return Log([str(number).encode() for number in range(MOST)])


def test_roots_are_those_of_the_reference() -> None:
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT
    assert [root.hex() for root in Log(LEAVES).roots[1:]] == list(ROOTS)


def test_every_leaf_is_in_every_later_tree_and_in_no_other(log: Log) -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            path = log.inclusion(index, size)
            assert included(log.hashes[0, index], index, size, path, log.roots[size])
            assert not included(log.hashes[0, index], index, size, path, log.roots[size - 1])


def test_every_tree_begins_with_every_earlier_one(log: Log) -> None:
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            path = log.consistency(old, new)
            assert consistent(old, new, path, log.roots[old], log.roots[new])
            assert not consistent(old, new, path, log.roots[old - 1], log.roots[new])


@given(some.data())
def test_a_proof_with_one_bit_changed_proves_nothing(log: Log, data: some.DataObject) -> None:
    size = data.draw(some.integers(2, MOST))
    index = data.draw(some.integers(0, size - 1))
    path = log.inclusion(index, size)
    place, bit = data.draw(some.integers(0, len(path) - 1)), data.draw(some.integers(0, 255))
    broken = int.from_bytes(path[place]) ^ (1 << bit)
    path[place] = broken.to_bytes(32)
    assert not included(log.hashes[0, index], index, size, path, log.roots[size])
    other = data.draw(some.integers(0, size - 1).filter(lambda other: other != index))
    assert not included(log.hashes[0, other], index, size, log.inclusion(index, size), log.roots[size])
    old = data.draw(some.integers(1, size - 1))
    steps = log.consistency(old, size)
    steps[0] = bytes(32)
    assert not consistent(old, size, steps, log.roots[old], log.roots[size])


@given(some.lists(some.binary(max_size=4), max_size=40), some.integers(0, 40))
def test_a_tree_grown_at_once_is_the_tree_grown_bit_by_bit(leaves: list[bytes], cut: int) -> None:
    edge = Edge()
    edge.grow(map(leaf_hash, leaves[:cut]))
    edge.grow(map(leaf_hash, leaves[cut:]))
    assert edge.root == Log(leaves).edge.root


def test_what_is_not_there_has_no_proof() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion(3, 3)
    with pytest.raises(ValueError, match="no part"):
        consistency(4, 3)
