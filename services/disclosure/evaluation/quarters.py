"""Quarters of the year in Shanghai: `2026Q1`. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Self

from shared.workdays import SHANGHAI, add_working_days

_SHAPE = re.compile(r"(20\d{2})Q([1-4])")


@dataclass(frozen=True, order=True)
class Quarter:
    """One quarter; `str()` writes it as `2026Q1`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The quarter that a text such as `2026Q1` names; None when it names none."""
        found = _SHAPE.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The quarter in which a moment lies, by Shanghai's calendar."""
        return cls.holding(moment.astimezone(SHANGHAI).date())

    @classmethod
    def holding(cls, day: date) -> Self:
        """The quarter of a day."""
        return cls(day.year, (day.month + 2) // 3)

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def zh(self) -> str:
        """As people say it."""
        return f"{self.year}年第{'一二三四'[self.number - 1]}季度"

    @property
    def en(self) -> str:
        """As people say it, in English."""
        return f"Q{self.number} {self.year}"

    @property
    def begins(self) -> datetime:
        """Its first moment, in UTC."""
        return _begins(self.year, self.number)

    @property
    def ends(self) -> datetime:
        """The first moment after it, in UTC."""
        return self.plus(1).begins

    def plus(self, quarters: int) -> "Quarter":
        """So many quarters later, or earlier."""
        year, number = divmod(self.year * 4 + self.number - 1 + quarters, 4)
        return Quarter(year, number + 1)

    def back(self, quarters: int) -> tuple["Quarter", ...]:
        """So many quarters up to this one, the first first."""
        return tuple(self.plus(-ago) for ago in reversed(range(quarters)))

    def until(self, last: "Quarter") -> Iterator["Quarter"]:
        """This quarter and those after it up to `last`."""
        here = self
        while here <= last:
            yield here
            here = here.plus(1)

    def settled_at(self, working_days: int) -> datetime:
        """When so many working days have passed since its end, in UTC."""
        last_moment = datetime.fromtimestamp(self.ends.timestamp() - 1, UTC)
        return add_working_days(last_moment, working_days)


# Asked for each record of a quarter.
@lru_cache(maxsize=256)
def _begins(year: int, number: int) -> datetime:
    return datetime(year, 3 * number - 2, 1, tzinfo=SHANGHAI).astimezone(UTC)
