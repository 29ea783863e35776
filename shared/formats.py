"""Money, numbers and time as people read them. Pure."""

from datetime import datetime
from typing import Any

from shared.workdays import SHANGHAI


def yuan(fen: int | None) -> str:
    """Fen as yuan: 123456 -> `1,234.56 元`."""
    return "—" if fen is None else f"{fen / 100:,.2f} 元"


def number(value: float) -> str:
    """A number with all its digits, without needless zeros: 1234567.0 -> `1,234,567`, 2.50 -> `2.5`."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def local_time(value: datetime | str | None) -> str:
    """A UTC time as Shanghai's minute."""
    return _local(value, "%Y-%m-%d %H:%M")


def local_date(value: datetime | str | None) -> str:
    """A UTC time as Shanghai's day."""
    return _local(value, "%Y-%m-%d")


def _local(value: Any, shape: str) -> str:
    if value is None:
        return "—"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return str(moment.astimezone(SHANGHAI).strftime(shape))
