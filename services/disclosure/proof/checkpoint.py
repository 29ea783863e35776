"""Signed tree heads: C2SP tlog-checkpoints, which are signed notes (https://c2sp.org/tlog-checkpoint, /signed-note).

Any tool that reads these formats reads ours. Pure.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared import regions

_ED25519 = b"\x01"


@dataclass(frozen=True)
class Signer:
    """The log's name and key. By its `verifier` alone, which all should keep, a head is told to be genuine."""

    origin: str
    key: Ed25519PrivateKey

    @classmethod
    def of(cls, secret: str) -> "Signer":
        """The signer of the county's log, by the 64 hex digits of its secret; raises `ValueError`."""
        return cls(f"yunjing/{regions.COUNTY}/papers", Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))

    @property
    def verifier(self) -> str:
        """The public key as a verifier key of signed notes: name, key id and key."""
        return f"{self.origin}+{self._key_id.hex()}+{_base64(_ED25519 + self._public)}"

    def note(self, size: int, root: bytes) -> str:
        """The signed head of a tree."""
        text = f"{self.origin}\n{size}\n{_base64(root)}\n"
        signature = self.key.sign(text.encode())
        return f"{text}\n— {self.origin} {_base64(self._key_id + signature)}\n"

    @property
    def _public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def _key_id(self) -> bytes:
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self._public).digest()[:4]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
