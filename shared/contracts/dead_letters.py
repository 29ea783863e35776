"""Records of `<topic>.dlq`: what a consumer could not handle, put aside for an operator. Key: that of the record."""

from typing import ClassVar

from shared.contracts.base import Contract


class DeadLetter(Contract):
    """A record that a consumer put aside: its place, its bytes in Base64, and why."""

    TYPE: ClassVar[str] = "bus.dead_letter.v1"
    reason: str
    group: str
    topic: str
    partition: int
    offset: int
    key: str | None
    value: str | None
    headers: tuple[tuple[str, str | None], ...]
