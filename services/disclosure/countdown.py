"""How long a public notice still runs, in whole days and hours. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Countdown:
    """Whole days and hours that are left; neither of them in the last hour."""

    days: int
    hours: int

    @classmethod
    def until(cls, ends_at: datetime, now: datetime) -> Self:
        """What is left at a moment of a notice that ends at another."""
        left = max(ends_at - now, timedelta(0))
        return cls(days=left.days, hours=(left - timedelta(days=left.days)) // _HOUR)

    @property
    def zh(self) -> str:
        """As in 还有 2 天 5 小时."""
        if not self.days and not self.hours:
            return "不足 1 小时"
        return " ".join([f"{self.days} 天"] * bool(self.days) + [f"{self.hours} 小时"] * bool(self.hours))

    @property
    def en(self) -> str:
        """As in 2 days 5 hours."""
        if not self.days and not self.hours:
            return "less than an hour"
        counted = ((self.days, "day"), (self.hours, "hour"))
        return " ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counted if count)
