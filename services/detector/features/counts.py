"""What is rare in an honest village, counted: emergencies, changes of one contract, stampings of a day."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from services.detector.features.entries import Entry, entries, ledger_occasion
from services.detector.features.spans import dense, year_of
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import midnight
from shared.formats import local_time
from shared.workdays import SHANGHAI


@dataclass(frozen=True)
class Emergencies:
    """Emergency flows of a village within a window."""

    scope: str
    anchor: str
    cases: int
    sum_fen: int
    first_at: datetime
    last_at: datetime


def _opened(entry: Entry) -> datetime:
    return entry.at


def _emergency_occasions(view: View, params: Params) -> Iterator[Occasion]:
    least, window = int(params["max_count"]), timedelta(days=int(params["window_days"]))
    for run in dense(entries(view), at=_opened, window=window, enough=lambda count, _: count >= least):
        emergencies = Emergencies(
            scope=view.key,
            anchor=str(year_of(run[0].at)),
            cases=len(run),
            sum_fen=sum(entry.told.get("estimate_fen", 0) for entry in run),
            first_at=run[0].at,
            last_at=run[-1].at,
        )
        lines = [str(entry.told.get("reason", "")) for entry in run]
        yield ledger_occasion(run, lines=lines, features={"emergencies": at_hand(emergencies)})


EMERGENCIES = Subject(
    "emergencies",
    "一村时间窗内的应急流程",
    "a village's emergency flows within a window",
    frozenset({"emergencies"}),
    {"emergencies": Emergencies},
    _emergency_occasions,
    {"window_days": int, "max_count": int},
)


@dataclass(frozen=True)
class Changes:
    """Changes of one contract, by the number of its case."""

    case_no: str
    changes: int
    first_at: datetime
    last_at: datetime


def _change_occasions(view: View, params: Params) -> Iterator[Occasion]:
    some = entries(view)
    if some:
        changes = Changes(view.key.split(":", 1)[1], len(some), some[0].at, some[-1].at)
        yield ledger_occasion(some, features={"changes": at_hand(changes)})


CHANGES = Subject(
    "changes",
    "每份合同的变更",
    "the changes of each contract",
    frozenset({"changes"}),
    {"changes": Changes},
    _change_occasions,
)


@dataclass(frozen=True)
class SealDay:
    """A day of a village's seal. What lies outside hours or the office counts stampings; `contracts` are of SE2."""

    scope: str
    day: datetime
    stampings: int
    contracts: int
    copies: int
    odd_hours: int
    odd_times: tuple[str, ...]
    away: int
    contracts_away: int
    farthest_m: int


def _seal_occasions(view: View, params: Params) -> Iterator[Occasion]:
    days: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries(view):
        days[str(entry.told_at.astimezone(SHANGHAI).date())].append(entry)
    told = tuple(params[name] for name in sorted(SEAL_DAY.params))
    for day, some in days.items():
        make = partial(_seal_occasion, view.key, some, params)
        yield view.facts.kept((SealDay, day, told), tuple(some), make)


def _seal_occasion(scope: str, some: list[Entry], params: Params) -> Occasion:
    lines = [local_time(entry.told_at) for entry in some]
    return ledger_occasion(some, lines=lines, features={"seal": at_hand(_seal_day(scope, some, params))})


def _seal_day(scope: str, some: list[Entry], params: Params) -> SealDay:
    first, last, fence = int(params["from_hour"]), int(params["to_hour"]), int(params["fence_m"])
    odd = [entry for entry in some if _hour(entry) and not first <= _hour(entry) < last]
    away = [entry for entry in some if entry.told.get("stamped_away_m", 0) > fence]
    return SealDay(
        scope=scope,
        day=midnight(some[0].told_at.astimezone(SHANGHAI).date()),
        stampings=len(some),
        contracts=sum(entry.flow == "SE2" for entry in some),
        copies=sum(entry.told.get("copies", 0) for entry in some),
        odd_hours=len(odd),
        odd_times=tuple(local_time(entry.told_at) for entry in odd),
        away=len(away),
        contracts_away=sum(entry.flow == "SE2" for entry in away),
        farthest_m=max((entry.told.get("stamped_away_m", 0) for entry in some), default=0),
    )


def _hour(entry: Entry) -> float:
    """The hour of a stamping; 0 where a record taken over tells only its day."""
    moment = entry.told_at.astimezone(SHANGHAI)
    return moment.hour + moment.minute / 60 + moment.second / 3600


SEAL_DAY = Subject(
    "seal",
    "一村印章每一天的使用",
    "each day of a village's seal",
    frozenset({"seal"}),
    {"seal": SealDay},
    _seal_occasions,
    {"from_hour": int, "to_hour": int, "fence_m": int},
)
