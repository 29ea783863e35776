"""Periods that are counted, in Beijing's days: a month, a quarter, a year, or from one day to another. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Self

from services.disclosure.cockpit.errors import BadPeriod
from shared.problems import FieldError
from shared.workdays import SHANGHAI

Kind = Literal["month", "quarter", "year", "days"]
FIRST_YEAR, LAST_YEAR = 2000, 2099
MOST_DAYS = 3 * 366
_NAMED = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})))?", re.ASCII)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Period:
    """Days from `first` to `last`, both included."""

    kind: Kind
    first: date
    last: date

    @classmethod
    def of(cls, name: str | None, since: date | None, until: date | None, today: date) -> Self:
        """`2026-02`, `2026-Q1`, `2026`, or two days; without any of these the month that runs. Raises `BadPeriod`."""
        if since or until:
            if name:
                raise _bad("period", "请只用 period,或只用 from 与 to", "Give either `period`, or `from` and `to`")
            return cls._of_days(since, until)
        return cls.named(name) if name else cls._of_months("month", today.year, today.month)

    @classmethod
    def named(cls, name: str) -> Self:
        """A month, quarter or year by its name; raises `BadPeriod`."""
        found = _NAMED.fullmatch(name)
        wrong = _bad("period", "应写作 2026-02、2026-Q1 或 2026", "Write 2026-02, 2026-Q1 or 2026")
        if not found or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            raise wrong
        year = int(found[1])
        if found[2]:
            return cls._of_months("quarter", year, 3 * int(found[2]) - 2)
        if not found[3]:
            return cls._of_months("year", year, 1)
        if not 1 <= int(found[3]) <= 12:
            raise wrong
        return cls._of_months("month", year, int(found[3]))

    @classmethod
    def _of_days(cls, since: date | None, until: date | None) -> Self:
        if not since or not until:
            raise _bad("to" if since else "from", "from 与 to 须一并给出", "`from` and `to` go together")
        if since > until or not (since.year >= FIRST_YEAR and until.year <= LAST_YEAR):
            raise _bad("to", "结束日期不得早于开始日期", "`to` must not be before `from`")
        if (until - since).days >= MOST_DAYS:
            raise _bad("to", "时段最长三年", "A period has three years at most")
        return cls("days", since, until)

    @classmethod
    def _of_months(cls, kind: Kind, year: int, month: int) -> Self:
        return cls(kind, date(year, month, 1), _month_after(year, month, _MONTHS[kind]) - timedelta(days=1))

    @property
    def begins(self) -> datetime:
        """Its first moment, UTC."""
        return _midnight(self.first)

    @property
    def ends(self) -> datetime:
        """The first moment behind it, UTC."""
        return _midnight(self.last + timedelta(days=1))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def name(self) -> str:
        """As `named` reads it; of days, both of them."""
        match self.kind:
            case "month":
                return f"{self.first:%Y-%m}"
            case "quarter":
                return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
            case "year":
                return str(self.first.year)
        return f"{self.first}/{self.last}"

    @property
    def zh(self) -> str:
        """For readers, in Chinese."""
        match self.kind:
            case "month":
                return f"{self.first.year} 年 {self.first.month} 月"
            case "quarter":
                return f"{self.first.year} 年第 {(self.first.month + 2) // 3} 季度"
            case "year":
                return f"{self.first.year} 年"
        return f"{self.first} 至 {self.last}"

    def before(self) -> "Period":
        """The one before it, of the same kind."""
        if self.kind == "days":
            return Period("days", self.first - timedelta(days=self.days), self.first - timedelta(days=1))
        return self._shifted(-_MONTHS[self.kind])

    def after(self) -> "Period":
        """The one after it."""
        if self.kind == "days":
            return Period("days", self.last + timedelta(days=1), self.last + timedelta(days=self.days))
        return self._shifted(_MONTHS[self.kind])

    def compared(self, today: date) -> "Period":
        """What it is compared with: the one before; while it runs, only so many days of that as it has had."""
        before = self.before()
        if not self.first <= today < self.last:
            return before
        return Period("days", before.first, min(before.first + (today - self.first), before.last))

    def query(self) -> dict[str, str]:
        """How a link names it."""
        return {"from": str(self.first), "to": str(self.last)} if self.kind == "days" else {"period": self.name}

    def _shifted(self, months: int) -> "Period":
        first = _month_after(self.first.year, self.first.month, months)
        return Period._of_months(self.kind, first.year, first.month)


def today_of(now: datetime) -> date:
    """The day in Beijing."""
    return now.astimezone(SHANGHAI).date()


def _month_after(year: int, month: int, months: int) -> date:
    number = 12 * year + month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def _bad(field: str, zh: str, en: str) -> BadPeriod:
    return BadPeriod(zh, en, [FieldError(f"query.{field}", zh, en)])
