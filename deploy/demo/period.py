"""From when to when the demo county's history runs."""

from dataclasses import dataclass
from datetime import date, datetime

from deploy.demo.schedule import local_day
from shared.workdays import SHANGHAI


@dataclass(frozen=True)
class Period:
    """A stretch of time; events happen up to `until`."""

    since: datetime
    until: datetime

    @property
    def first_day(self) -> date:
        """The day on which it begins."""
        return local_day(self.since)

    @property
    def last_day(self) -> date:
        """The day on which it ends."""
        return local_day(self.until)

    @property
    def long_before(self) -> date:
        """A day before all of it, since when what was there at its beginning has been there."""
        return date(self.first_day.year - 10, 1, 1)


THESE_YEARS = Period(datetime(2025, 1, 1, tzinfo=SHANGHAI), datetime(2026, 12, 31, tzinfo=SHANGHAI))
