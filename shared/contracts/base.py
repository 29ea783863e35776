"""What every event model shares: strict, frozen, and readable by older and newer consumers."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _as_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("时间须带时区 / a time needs its zone, for example 2026-03-01T09:00:00+08:00")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("时间超出范围 / a time out of range") from error


UtcTime = Annotated[datetime, AfterValidator(_as_utc)]
RegionCode = Annotated[str, Field(pattern=r"^\d{12}$")]
Fen = Annotated[int, Field(ge=-(10**15), le=10**15)]
# PostgreSQL holds no NUL; a filter with one is refused before an answer has begun.
WithoutNul = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Contract(BaseModel):
    """A model of an event or a part of one. Unknown fields are ignored: a new optional field is compatible."""

    model_config = ConfigDict(frozen=True, extra="ignore")
