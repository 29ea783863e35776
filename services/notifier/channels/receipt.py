"""What a gateway or receiver answered to one message."""

from dataclasses import dataclass
from typing import Literal

LONGEST = 200
# Whose fault a failure is: of the way there, which all its messages share, or of this one message or address.
Fault = Literal["way", "address"]


@dataclass(frozen=True)
class Receipt:
    """Whether it was taken, the status that said so, the provider's id of it, or why not. Never names an address.

    `final` means that no further try will do better.
    """

    taken: bool
    status: int | None = None
    provider_id: str | None = None
    error: str | None = None
    fault: Fault = "way"
    final: bool = False

    @classmethod
    def failed(cls, error: BaseException | str, status: int | None = None) -> "Receipt":
        """The way there failed; of an exception only its kind is told, for its words may hold an address or a key."""
        return cls(False, status=status, error=error if isinstance(error, str) else type(error).__name__)

    @classmethod
    def refused(cls, error: str, status: int | None = None, *, final: bool = True) -> "Receipt":
        """This message or address was refused; the way there is sound."""
        return cls(False, status=status, error=error[:LONGEST], fault="address", final=final)
