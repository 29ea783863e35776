"""What every village has resolved for the year: its budget for labour and aid, and what a day of work is paid."""

from collections.abc import Iterable, Iterator
from datetime import date

from deploy.demo.period import Period
from shared.contracts.reference import Budget, LabourRate, Record

_LINES = {"劳务用工": ("LA1", "LA2", "LA3"), "慰问帮扶": ("RE3",)}
_AMPLE_YUAN = 2_000_000
_DAY_RATE_FEN = 24_000
_YEARS_AHEAD = 1


def resolved(villages: Iterable[str], period: Period) -> Iterator[Record]:
    """The day rates of these villages, and their budgets of each year of the period and of the next one."""
    years = range(period.first_day.year, period.last_day.year + _YEARS_AHEAD + 1)
    for village in villages:
        yield LabourRate(
            id=f"{village}-rate",
            valid_from=period.long_before,
            village_code=village,
            kind="普工",
            day_rate_fen=_DAY_RATE_FEN,
        )
        for year in years:
            yield from (line(village, name, _AMPLE_YUAN, year, flows=codes) for name, codes in _LINES.items())


def line(
    village: str, name: str, yuan: int, year: int, *, flows: tuple[str, ...] = (), words: tuple[str, ...] = ()
) -> Budget:
    """A line of a village's budget for a year."""
    return Budget(
        id=f"{village}-{year}-{name}",
        valid_from=date(year, 1, 1),
        valid_to=date(year + 1, 1, 1),
        village_code=village,
        line=name,
        amount_fen=yuan * 100,
        flows=flows,
        words=words,
    )
