"""The command that checks a paper offline, run as a villager's helper would: what holds, and every way it doesn't."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.disclosure.proof import verify_paper
from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.tree import Edge, Node, consistency, hash_of, inclusion, leaf_hash

SIGNER, OTHERS = Signer.of("5e" * 32), Signer.of("6f" * 32)
PAPER = "合同 contract".encode()


@dataclass
class Case:
    """A folder with a paper, its proof and two heads."""

    folder: Path
    proof: dict[str, Any]
    heads: dict[str, Any]

    def check(self, *arguments: str) -> tuple[int, str]:
        """Exit code and all that the command says."""
        (self.folder / "proof.json").write_text(json.dumps(self.proof), encoding="utf-8")
        (self.folder / "heads.json").write_text(json.dumps(self.heads), encoding="utf-8")
        command = [sys.executable, verify_paper.__file__, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, encoding="utf-8", check=False)
        return done.returncode, done.stdout + done.stderr

    def paper(self, *more: str) -> tuple[int, str]:
        return self.check("paper.pdf", "proof.json", *more)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (tmp_path / "paper.pdf").write_bytes(PAPER)
    sha256 = hashlib.sha256(PAPER).hexdigest()
    said = {"sha256": sha256, "disclosed_at": "2026-03-02T01:00:00Z", "replaces": []}
    leaves = [b"first", json.dumps(said, sort_keys=True).encode(), b"third", b"fourth", b"fifth"]
    edge, hashes, notes = Edge(), dict[Node, bytes](), [""]
    for leaf in leaves:
        hashes |= edge.grow([leaf_hash(leaf)])
        notes.append(SIGNER.note(edge.size, edge.root))
    proof = {
        "format": verify_paper.PROOF_FORMAT,
        "sha256": sha256,
        "leaf": leaves[1].decode(),
        "index": 1,
        "size": 5,
        "path": [hash_of(part, hashes).hex() for part in inclusion(1, 5)],
        "head": notes[5],
        "key": SIGNER.verifier,
    }
    heads = {
        "format": verify_paper.CONSISTENCY_FORMAT,
        "old": notes[3],
        "new": notes[5],
        "path": [hash_of(part, hashes).hex() for part in consistency(3, 5)],
        "key": SIGNER.verifier,
    }
    return Case(tmp_path, proof, heads)


def test_the_paper_that_was_disclosed_holds(case: Case) -> None:
    code, said = case.paper("--key", SIGNER.verifier)
    assert code == verify_paper.HOLDS, said
    assert "文件就是公开的那一份" in said
    assert "number 2 of the log's 5" in said


def test_without_a_key_of_ones_own_it_says_what_that_leaves_open(case: Case) -> None:
    code, said = case.paper()
    assert code == verify_paper.UNTRUSTED
    assert SIGNER.verifier in said


def test_another_paper_does_not_hold(case: Case) -> None:
    (case.folder / "paper.pdf").write_bytes(PAPER + b" ")
    code, said = case.paper("--key", SIGNER.verifier)
    assert code == verify_paper.WRONG
    assert "文件不是公开的那一份" in said


@pytest.mark.parametrize("part", ["leaf", "index", "path", "size", "head"])
def test_a_proof_with_anything_changed_does_not_hold(case: Case, part: str) -> None:
    changed: dict[str, Any] = {
        "leaf": case.proof["leaf"].replace("2026", "2025"),
        "index": 2,
        "path": ["00" * 32, *case.proof["path"][1:]],
        "size": 4,
        "head": case.proof["head"].replace("\n5\n", "\n6\n"),
    }
    case.proof[part] = changed[part]
    assert case.paper("--key", SIGNER.verifier)[0] == verify_paper.WRONG


def test_a_head_that_another_key_signed_does_not_hold(case: Case) -> None:
    case.proof["key"] = OTHERS.verifier
    assert case.paper("--key", OTHERS.verifier)[0] == verify_paper.WRONG
    assert case.paper("--key", SIGNER.verifier)[0] == verify_paper.WRONG


def test_two_heads_of_one_log_hold_together_and_with_one_that_was_kept(case: Case) -> None:
    (case.folder / "head.txt").write_text(case.heads["old"], encoding="utf-8")
    code, said = case.check("--consistency", "heads.json", "--key", SIGNER.verifier, "--head", "head.txt")
    assert code == verify_paper.HOLDS, said
    (case.folder / "head.txt").write_text(SIGNER.note(3, b"\1" * 32), encoding="utf-8")
    code, said = case.check("--consistency", "heads.json", "--key", SIGNER.verifier, "--head", "head.txt")
    assert code == verify_paper.WRONG
    assert "您保存的树头" in said


def test_a_log_that_was_rewritten_is_found(case: Case) -> None:
    case.heads["old"] = SIGNER.note(3, b"\1" * 32)
    code, said = case.check("--consistency", "heads.json", "--key", SIGNER.verifier)
    assert code == verify_paper.WRONG
    assert "日志被改写过" in said


@pytest.mark.parametrize("proof", ["", "[]", "{}", '{"format": "other"}', "\udcff"])
def test_what_is_no_proof_can_not_be_checked(case: Case, proof: str) -> None:
    (case.folder / "odd.json").write_bytes(proof.encode(errors="surrogateescape"))
    assert case.check("paper.pdf", "odd.json")[0] == verify_paper.UNREADABLE
    assert case.check("none.pdf", "proof.json")[0] == verify_paper.UNREADABLE
