"""Events of `audit.heads`: how far each service's log of who saw, changed or exported what has been sealed. Key: the
service. They are kept for good: a log that was rewritten no longer leads to the heads that it once had.
"""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract, Sha256, UtcTime

TOPIC = "audit.heads"
Service = Literal["approval", "detector", "notifier", "disclosure"]


class AuditSealed(Contract):
    """The log was sealed up to this entry. `mac` is keyed (HMAC-SHA-256), so that nobody but a service says so."""

    TYPE: ClassVar[str] = "audit.sealed.v1"
    service: Service
    number: int = Field(ge=1)
    hash: Sha256
    mac: Sha256
    sealed_at: UtcTime
