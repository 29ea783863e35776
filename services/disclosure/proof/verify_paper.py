#!/usr/bin/env python3
"""核验文件与凭证 Check a paper against its proof, offline. One file of its own: Python 3.9+ and `cryptography`.

    python verify_paper.py FILE PROOF.json --key KEY
    python verify_paper.py --consistency TWO-HEADS.json --key KEY [--head KEPT-HEAD.txt]

PROOF.json is what the paper's page gives; KEY is the log's verifier key, from a source that you trust (the village's
notice board, an earlier visit), not from the proof itself. TWO-HEADS.json is an answer of /v1/papers/log/consistency;
KEPT-HEAD.txt is a signed head that you kept. Formats: RFC 9162 (Merkle tree), C2SP tlog-checkpoint (heads).

0: all of it holds. 1: something doesn't. 2: it could not be checked. 3: it holds, but no KEY was given, so that whoever
made the proof may have made the log too.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple, Sequence  # noqa: UP035 (it runs on old Pythons too)

HOLDS, WRONG, UNREADABLE, UNTRUSTED = 0, 1, 2, 3
PROOF_FORMAT, CONSISTENCY_FORMAT = "yunjing-paper-proof/1", "yunjing-log-consistency/1"
_PRINT = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LARGEST_INPUT = 10_000_000


class Wrong(Exception):
    """Something does not hold; told in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class Unreadable(Wrong):
    """Something can't be read, so nothing can be said."""


class Head(NamedTuple):
    """A tree head: of which log, how many papers, the root's hash."""

    origin: str
    size: int
    root: bytes


class Signature(NamedTuple):
    """One signature under a head."""

    name: str
    key_id: bytes
    signed: bytes


def verify_proof(sha256: str, proof: dict[str, Any], key: str) -> Head:
    """The head that the proof leads to; raises `Wrong`, `Unreadable`. `sha256` is the print of the paper in hand."""
    leaf_text = _text(proof, "leaf")
    leaf = _json(leaf_text.encode(), "leaf")
    disclosed = _print(leaf, "sha256").hex()
    if sha256 != disclosed:
        raise Wrong(
            f"文件不是公开的那一份:文件指纹 {sha256},公开的是 {disclosed}",
            f"The file is not the one that was disclosed: its SHA-256 is {sha256}, not {disclosed}",
        )
    if _text(proof, "sha256") != disclosed:
        raise Wrong("凭证自相矛盾:指纹与记录不符", "The proof contradicts itself: its print is not its leaf's")
    head = _signed_head(proof, "head", key)
    index, size = _number(proof, "index"), _number(proof, "size")
    if size != head.size:
        raise Wrong("凭证自相矛盾:条数与树头不符", "The proof contradicts itself: its size is not its head's")
    hash = hashlib.sha256(b"\x00" + leaf_text.encode()).digest()
    if not included(hash, index, size, _path(proof), head.root):
        raise Wrong("日志里没有这份文件:证明算不到树头", "The paper is not in the log: the path misses the head")
    return head


def verify_consistency(told: dict[str, Any], key: str) -> tuple[Head, Head]:
    """The older and the newer head, when the newer log begins with the older one; raises `Wrong`, `Unreadable`."""
    old, new = _signed_head(told, "old", key), _signed_head(told, "new", key)
    if not consistent(old.size, new.size, _path(told), old.root, new.root):
        raise Wrong(
            f"日志被改写过:第 {new.size} 条时的日志不是由第 {old.size} 条时的日志续写的",
            f"The log was rewritten: that of {new.size} papers does not begin with that of {old.size}",
        )
    return old, new


def included(hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf's hash is in the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    for step in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            hash = _node(step, hash)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hash = _node(hash, step)
        place, last = place >> 1, last >> 1
    return last == 0 and hash == root


def consistent(old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the newer tree begins with the older one (RFC 9162, 2.1.4.2)."""
    if not 1 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    steps = list(path) if old_size & (old_size - 1) else [old_root, *path]
    if not path:
        return False
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = _node(step, old), _node(step, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = _node(new, step)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def read_head(note: str) -> tuple[Head, str, list[Signature]]:
    """A signed head in parts: what it says, the text that is signed, the signatures; raises `Unreadable`."""
    text, blank, below = note.rpartition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 3 or not lines[0] or not _SIZE.fullmatch(lines[1]) or not below.endswith("\n"):
        raise Unreadable("树头格式有误", "The head is malformed")
    signatures = []
    for line in below[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise Unreadable("树头的签名格式有误", "A signature of the head is malformed")
        raw = _base64(parts[2])
        signatures.append(Signature(parts[1], raw[:4], raw[4:]))
    root = _base64(lines[2])
    if len(root) != 32:
        raise Unreadable("树头的根哈希长度有误", "The head's root hash has a wrong length")
    return Head(lines[0], int(lines[1]), root), text + "\n", signatures


def check_signature(note: str, key: str) -> Head:
    """A head that the log's key has signed; raises `Wrong`, `Unreadable`. `key` is a verifier key of signed notes."""
    name, key_id, public = _verifier(key)
    head, text, signatures = read_head(note)
    if head.origin != name:
        raise Wrong(f"这是另一个日志的树头:{head.origin}", f"This is the head of another log: {head.origin}")
    ours = [each.signed for each in signatures if (each.name, each.key_id) == (name, key_id)]
    if not ours or not all(_is_signed(text.encode(), signed, public) for signed in ours):
        raise Wrong("树头的签名不对:不是这个日志签的,或被改过", "The head's signature is wrong: forged or changed")
    return head


def _is_signed(text: bytes, signed: bytes, public: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise Unreadable(
            "核对签名需要 cryptography:pip install cryptography",
            "Signatures need the package cryptography: pip install cryptography",
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed, text)
    except InvalidSignature:
        return False
    return True


def _verifier(key: str) -> tuple[str, bytes, bytes]:
    parts = key.strip().split("+", 2)
    if len(parts) != 3 or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
        raise Unreadable("公钥格式有误:应为 名称+8 位编号+公钥", "The key is malformed: name+id+key")
    raw = _base64(parts[2])
    key_id = hashlib.sha256(parts[0].encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or len(raw) != 33 or key_id.hex() != parts[1]:
        raise Unreadable("公钥有误:编号与公钥不符", "The key is wrong: its id is not its own")
    return parts[0], key_id, raw[1:]


def _signed_head(told: dict[str, Any], name: str, key: str) -> Head:
    if _text(told, "key") != key.strip():
        raise Wrong("凭证出自另一个日志:公钥不同", "The proof is of another log: its key is another")
    return check_signature(_text(told, name), key)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    # There is one way only to write some bytes, so that no other writing of them passes.
    if not raw or base64.b64encode(raw).decode() != text:
        raise Unreadable("不是规范的 Base64", "Not canonical Base64")
    return raw


def _field(told: dict[str, Any], name: str) -> Any:
    if name not in told:
        raise Unreadable(f"缺少 {name}", f"{name} is missing")
    return told[name]


def _text(told: dict[str, Any], name: str) -> str:
    value = _field(told, name)
    if not isinstance(value, str):
        raise Unreadable(f"{name} 应为文字", f"{name} must be a text")
    return value


def _number(told: dict[str, Any], name: str) -> int:
    value = _field(told, name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise Unreadable(f"{name} 应为整数", f"{name} must be a whole number")
    return value


def _print(told: dict[str, Any], name: str) -> bytes:
    value = _text(told, name)
    if not _PRINT.fullmatch(value):
        raise Unreadable(f"{name} 应为 64 位小写十六进制", f"{name} must be 64 lower-case hex digits")
    return bytes.fromhex(value)


def _path(told: dict[str, Any]) -> list[bytes]:
    path = _field(told, "path")
    if not isinstance(path, list) or len(path) > 128:
        raise Unreadable("path 应为不超过 128 项的列表", "path must be a list of 128 at most")
    return [_print({"path": each}, "path") for each in path]


def _json(raw: bytes, what: str) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what} 不是 JSON", f"{what} is no JSON") from error
    if not isinstance(told, dict):
        raise Unreadable(f"{what} 不是 JSON 对象", f"{what} is no JSON object")
    return told


def _read(path: str, form: str | None = None) -> dict[str, Any]:
    told = _json(_bytes(path), path)
    if form and told.get("format") != form:
        raise Unreadable(f"{path} 的 format 不是 {form}", f"{path}: its format is not {form}")
    return told


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_INPUT)
    except OSError as error:
        raise Unreadable(f"读不到 {path}:{error.strerror}", f"Can't read {path}: {error.strerror}") from error


def _print_of(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
    except OSError as error:
        raise Unreadable(f"读不到 {path}:{error.strerror}", f"Can't read {path}: {error.strerror}") from error
    return digest.hexdigest()


def _check_paper(file: str, proof: dict[str, Any], key: str) -> Head:
    head = verify_proof(_print_of(file), proof, key)
    leaf = json.loads(proof["leaf"])
    _say("✓", "文件就是公开的那一份", "The file is the one that was disclosed")
    _say(
        "✓",
        f"日志共 {head.size} 条,它是第 {proof['index'] + 1} 条,{leaf.get('disclosed_at')} 公开",
        f"It is number {proof['index'] + 1} of the log's {head.size}, disclosed {leaf.get('disclosed_at')}",
    )
    if leaf.get("replaces"):
        _say(" ", f"它更正了较早的版本 {', '.join(leaf['replaces'])}", "It corrected the earlier version(s) named here")
    _say("✓", f"树头签名有效:{head.origin}", f"The head's signature is good: {head.origin}")
    return head


def _check_heads(told: dict[str, Any], key: str, kept: str | None) -> tuple[Head, Head]:
    old, new = verify_consistency(told, key)
    _say(
        "✓",
        f"日志只增不改:{old.size} 条时的日志是 {new.size} 条时的开头",
        f"Only appended to: the log of {old.size} papers is the beginning of that of {new.size}",
    )
    if kept is not None:
        mine = check_signature(_bytes(kept).decode(errors="replace"), key)
        if mine not in (old, new):
            raise Wrong(
                f"您保存的树头({mine.size} 条)不在其中:日志可能给了不同的人不同的内容",
                f"The head that you kept ({mine.size} papers) is neither: the log may tell others another story",
            )
        _say("✓", "其中一个就是您保存的树头", "One of them is the head that you kept")
    return old, new


def _say(sign: str, zh: str, en: str) -> None:
    print(f"{sign} {zh}\n  {en}", file=sys.stderr if sign == "✗" else sys.stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, say what was found, and answer with the exit code."""
    parser = argparse.ArgumentParser(
        description="核验文件与凭证 Check a paper against its proof",
        epilog="0 都对 holds · 1 不对 wrong · 2 无法核对 can't be checked · 3 对,但未给公钥 holds, but no key given",
    )
    parser.add_argument("file", nargs="?", help="您手中的文件 the paper in your hands")
    parser.add_argument("proof", nargs="?", help="凭证 its proof (JSON)")
    parser.add_argument(
        "--key", default="", help="日志公钥,取自可信的来源 the log's verifier key, from where you trust"
    )
    parser.add_argument("--consistency", metavar="JSON", help="两个树头及其一致性证明 two heads and their proof")
    parser.add_argument("--head", metavar="TXT", help="您以前保存的树头 a head that you kept, with --consistency")
    given = parser.parse_args(arguments)
    if bool(given.file) != bool(given.proof) or not (given.proof or given.consistency):
        parser.error("须有 FILE 与 PROOF,或 --consistency / give FILE and PROOF, or --consistency")
    if given.head and not given.consistency:
        parser.error("--head 须与 --consistency 同用 / --head goes with --consistency")
    try:
        proof = _read(given.proof, PROOF_FORMAT) if given.proof else None
        told = _read(given.consistency, CONSISTENCY_FORMAT) if given.consistency else None
        key = given.key or _text(proof or told or {}, "key")
        head = _check_paper(given.file, proof, key) if proof else None
        heads = _check_heads(told, key, given.head) if told else None
        if head and heads and head not in heads:
            raise Wrong("凭证的树头不在这两个树头之中", "The proof's head is neither of these two")
    except Unreadable as problem:
        _say("✗", f"无法核对:{problem.zh}", f"It can't be checked: {problem.en}")
        return UNREADABLE
    except Wrong as problem:
        _say("✗", problem.zh, problem.en)
        return WRONG
    if not given.key:
        _say(
            "!",
            f"没有给 --key,用的是凭证自带的公钥。请与公开栏上的核对:{key}",
            "No --key was given: the key is the proof's own. Compare it with that on the notice board",
        )
        return UNTRUSTED
    return HOLDS


if __name__ == "__main__":
    sys.exit(main())
