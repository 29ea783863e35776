"""Events of `proof.heads` (disclosure): the signed heads of the log of disclosed originals. Key: the log's origin.

They are kept for good: a log that was rewritten no longer leads to the heads that it once had.
"""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract, Sha256, UtcTime

TOPIC = "proof.heads"


class HeadSigned(Contract):
    """The log was signed at this size. `note` is the head as a C2SP tlog-checkpoint, `key` the key that verifies it."""

    TYPE: ClassVar[str] = "proof.head_signed.v1"
    origin: str
    size: int = Field(ge=1)
    root: Sha256
    note: str
    key: str
    signed_at: UtcTime
