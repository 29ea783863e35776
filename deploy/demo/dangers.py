"""The dangers that the county warned its villages of: weather by the season, and what happens in one village."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from deploy.demo.period import Period
from deploy.demo.schedule import local_day
from shared import regions
from shared.contracts.reference import Hazard

_BY_MONTH = (
    "寒潮",
    "低温冰冻",
    "道路结冰",
    "强对流",
    "暴雨",
    "梅雨洪涝",
    "高温",
    "台风",
    "台风",
    "大风",
    "大雾",
    "寒潮",
)
_DAYS_BETWEEN = (15, 50)
_DAYS_LASTING = (1, 4)
# Dangers before the history's first day, so that its first emergencies have one, too.
_EARLIER = timedelta(days=3)


_EMERGENCIES = ("PR4", "EN6")
_DAYS_TO_A_DANGER = 3


class Dangers:
    """The register of dangers, by the region that each was told to."""

    def __init__(self) -> None:
        self._told: dict[str, list[Hazard]] = defaultdict(list)

    def warn(self, region: str, kind: str, since: date, days: int) -> None:
        """Tell a village, a town or the county of a danger that lasts so many days."""
        record = Hazard(
            id=f"hazard-{region}-{since}-{len(self._told[region])}",
            valid_from=since,
            valid_to=since + timedelta(days=days),
            region_code=region,
            kind=kind,
        )
        self._told[region].append(record)

    def season(self, period: Period, rng: Random) -> None:
        """Warn each town of its weather throughout a period."""
        for town in regions.towns():
            day = local_day(period.since) - _EARLIER
            while day < local_day(period.until):
                self.warn(town.code, _BY_MONTH[day.month - 1], day, rng.randint(*_DAYS_LASTING))
                day += timedelta(days=rng.randint(*_DAYS_BETWEEN))

    def near(self, village: str, day: date, within: int) -> bool:
        """Whether a danger was told to a village so few days before or after a day."""
        span = timedelta(days=within)
        return any(
            record.valid_from - span <= day and record.valid_to is not None and day < record.valid_to + span
            for region in (village, regions.town_of(village), regions.COUNTY)
            for record in self._told[region]
        )

    def allow(self, code: str, village: str, day: date) -> bool:
        """Whether an honest village may take a flow on a day: that of an emergency only where there is a danger."""
        return code not in _EMERGENCIES or self.near(village, day, _DAYS_TO_A_DANGER)

    def answered(self, code: str, village: str, day: date) -> None:
        """Put the danger on record that the flow of an emergency answers; other flows answer none."""
        if code in _EMERGENCIES:
            self.warn(village, "房屋险情", day, 1)

    def records(self) -> Iterator[Hazard]:
        """All records of the register."""
        for told in self._told.values():
            yield from told
