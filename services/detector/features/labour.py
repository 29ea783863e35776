"""A village's casual labour over time: works done as labour, pay that goes to few, days that one person can't work."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from services.detector.distil import Fact
from services.detector.features.entries import Entry, entries, entries_of, ledger_occasion
from services.detector.features.households import home_of, members_of, needs_of_households
from services.detector.features.matches import day_of, in_force
from services.detector.features.spans import dense, year_of
from services.detector.features.windows import stem
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.reference import Staff
from shared.formats import yuan
from shared.workdays import SHANGHAI

_CASUAL = "LA1"


def _jobs(view: View) -> list[Entry]:
    """The labour cases of the view's village."""
    return [entry for entry in entries(view) if entry.flow == _CASUAL]


def _pay(entry: Entry) -> int:
    """What a case paid for labour, or is to pay by its wage sheet."""
    sheet = sum(line[2] for line in entry.told.get("sheet", ()))
    return int(entry.told.get("payment_fen") or sheet)


@dataclass(frozen=True)
class LabourSum:
    """Labour paid for one place within a window; `works` are works flows at that place about that time."""

    scope: str
    place: str
    place_key: str
    anchor: str
    cases: int
    works: int
    sum_fen: int
    first_at: datetime
    last_at: datetime


def _sum_occasions(view: View, params: Params) -> Iterator[Occasion]:
    window, limit_fen = timedelta(days=int(params["window_days"])), int(params["limit_yuan"]) * 100
    jobs: dict[str, list[Entry]] = defaultdict(list)
    for entry in _jobs(view):
        if _place(entry):
            jobs[_place(entry)].append(entry)
    works: dict[str, list[datetime]] = defaultdict(list)
    for entry in entries(view):
        if entry.flow != _CASUAL and _place(entry) in jobs:
            works[_place(entry)].append(entry.at)
    for place, some in sorted(jobs.items()):
        for run in dense(
            some,
            at=lambda entry: entry.at,
            window=window,
            weight=_pay,
            enough=lambda _, total: total >= limit_fen,
        ):
            labour = LabourSum(
                scope=view.key,
                place_key=place,
                place=str(run[0].told.get("location") or run[0].told.get("item") or ""),
                anchor=str(year_of(run[0].at)),
                cases=len(run),
                works=sum(run[0].at - window <= moment <= run[-1].at + window for moment in works[place]),
                sum_fen=sum(_pay(entry) for entry in run),
                first_at=run[0].at,
                last_at=run[-1].at,
            )
            yield ledger_occasion(run, lines=[yuan(_pay(entry)) for entry in run], features={"labour": at_hand(labour)})


def _place(entry: Entry) -> str:
    """Where the work is done, or what it is called where no place is named."""
    return stem(str(entry.told.get("location") or entry.told.get("item") or ""))


LABOUR_SUM = Subject(
    "labour_sum",
    "一村同一地点时间窗内的用工支出",
    "labour paid for one place within a window",
    frozenset({"labour"}),
    {"labour": LabourSum},
    _sum_occasions,
    {"window_days": int, "limit_yuan": int},
)


@dataclass(frozen=True)
class LabourShare:
    """What the best paid of those who stand on sheet after sheet got of a village's casual labour in some months.

    `top` counts them with their households as one each; `cadres` names officials of the village in these.
    """

    scope: str
    period: str
    sheets: int
    persons: int
    top: int
    names: tuple[str, ...]
    cadres: tuple[str, ...]
    share_pct: float
    top_fen: int
    sum_fen: int


def _share_occasions(view: View, params: Params) -> Iterator[Occasion]:
    """Periods are parts of a calendar year, so that a late sheet joins its period and changes no other."""
    months = max(int(params["window_months"]), 1)
    periods: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    for entry in _jobs(view):
        if entry.told.get("sheet"):
            day = entry.at.astimezone(SHANGHAI)
            periods[day.year, (day.month - 1) // months].append(entry)
    asked = tuple(params[name] for name in sorted(LABOUR_SHARE.params))
    for (year, part), some in sorted(periods.items()):
        period, sheets = f"{year}-{part + 1}", tuple(some)
        needs = view.facts.kept((needs_of_labour, period, asked), sheets, partial(_asks, view, some))
        known = tuple(map(view.reference.found.get, needs))
        make = partial(_share_occasion, view, period, some, params)
        yield view.facts.kept((LabourShare, period, asked), (known, *sheets), make)


def _asks(view: View, some: Iterable[Entry]) -> tuple[Need, ...]:
    return tuple(needs_of_labour(view.key.split(":", 1)[1], (fact for entry in some for fact in entry.facts)))


def _share_occasion(view: View, period: str, some: Sequence[Entry], params: Params) -> Occasion:
    share = _labour_share(view, period, some, params)
    return ledger_occasion(some, lines=[yuan(_pay(one)) for one in some], features={"share": at_hand(share)})


def _labour_share(view: View, period: str, some: Sequence[Entry], params: Params) -> LabourShare:
    day = day_of(some[-1].told_at)
    homes = {line[0]: home_of(line[0], view.reference, day) for entry in some for line in entry.told["sheet"]}
    paid, times, names = Counter[str](), Counter[str](), defaultdict[str, dict[str, str]](dict)
    for entry in some:
        for person, name, wage in entry.told["sheet"]:
            paid[homes[person]] += wage
            names[homes[person]][person] = name
        times.update({homes[person] for person, _, _ in entry.told["sheet"]})
    regulars = [home for home in paid if times[home] >= int(params["min_times"])]
    top = sorted(regulars, key=lambda home: (-paid[home], home))[: int(params["top_n"])]
    total, theirs = paid.total(), sum(paid[home] for home in top)
    return LabourShare(
        scope=view.key,
        period=period,
        sheets=len(some),
        persons=len(homes),
        top=len(top),
        names=tuple(f"{'、'.join(names[home].values())} {yuan(paid[home])}" for home in top),
        cadres=_cadres_of(view, (person for person, home in homes.items() if home in top), day),
        share_pct=round(100 * theirs / total, 1) if total else 0.0,
        top_fen=theirs,
        sum_fen=total,
    )


def needs_of_labour(village: str, facts: Iterable[Fact]) -> set[Need]:
    """The households of those on the wage sheets, and the village's cadres."""
    persons = {line[0] for fact in facts for line in fact.data["fields"].get("sheet", ())}
    return needs_of_households(persons) | {Need(Staff.DATASET, "region_code", village)}


def _cadres_of(view: View, persons: Iterable[str], day: date) -> tuple[str, ...]:
    """The village's officials among these persons and their households."""
    household = {member for person in persons for member in members_of(person, view.reference, day)}
    staff = view.reference.all(Staff, "region_code", view.key.split(":", 1)[1])
    found = (one for one in staff if in_force(one, day) and one.person_key in household)
    return tuple(sorted({f"{one.name}({one.position})" for one in found}))


LABOUR_SHARE = Subject(
    "labour_share",
    "一村零星用工报酬的集中度",
    "who gets a village's casual labour pay",
    frozenset({"labour"}),
    {"share": LabourShare},
    _share_occasions,
    {"window_months": int, "top_n": int, "min_times": int},
)


@dataclass(frozen=True)
class Workload:
    """One person's casual days in a year. `double_days` are those that two jobs need more than the calendar has."""

    person_key: str
    name: str
    year: str
    days: float
    double_days: float
    doubled: tuple[str, ...]
    cases: int
    villages: int


@dataclass(frozen=True)
class _Job:
    entry: Entry
    days: float
    first: date | None
    last: date | None

    @property
    def year(self) -> int:
        return self.first.year if self.first else year_of(self.entry.at)


def _workload_occasions(view: View, params: Params) -> Iterator[Occasion]:
    worked = [fact for fact in view.facts if "seen" in fact.data["got"] or "days" in fact.data["got"]]
    years: dict[int, list[_Job]] = defaultdict(list)
    for entry in entries_of(worked):
        if entry.flow == _CASUAL:
            job = _job(entry)
            years[job.year].append(job)
    for year, jobs in sorted(years.items()):
        pairs = list(_double(jobs))
        workload = Workload(
            person_key=view.key.split(":", 1)[1],
            name=jobs[-1].entry.facts[-1].data["got"]["name"],
            year=str(year),
            days=sum(job.days for job in jobs),
            double_days=max((days for days, _ in pairs), default=0.0),
            doubled=tuple(text for _, text in pairs),
            cases=len(jobs),
            villages=len({job.entry.village for job in jobs}),
        )
        lines = [f"{job.days:g} 天 / days" for job in jobs]
        yield ledger_occasion([job.entry for job in jobs], lines=lines, features={"workload": at_hand(workload)})


def _job(entry: Entry) -> _Job:
    """The days confirmed on the spot where there are any, else those paid."""
    seen = [fact.data["got"]["seen"] for fact in entry.facts if "seen" in fact.data["got"]]
    if not seen:
        return _Job(entry, entry.facts[-1].data["got"]["days"], None, None)
    first = min(date.fromisoformat(begins) for _, begins, _ in seen)
    last = max(date.fromisoformat(ends) for _, _, ends in seen)
    return _Job(entry, sum(days for days, _, _ in seen), first, last)


def _double(jobs: Sequence[_Job]) -> Iterator[tuple[float, str]]:
    """Pairs of jobs that overlap and together need more days than lie between their first and their last."""
    running: list[tuple[date, date, _Job]] = []
    dated = [(job.first, job.last, job) for job in jobs if job.first and job.last]
    for first, last, job in sorted(dated, key=lambda one: (one[0], one[2].entry.case_id)):
        running = [other for other in running if other[1] >= first]
        for begins, ends, other in running:
            surplus = job.days + other.days - ((max(last, ends) - begins).days + 1)
            if surplus > 0:
                text = f"{other.entry.title} {begins}~{ends};{job.entry.title} {first}~{last}"
                yield surplus, text
        running.append((first, last, job))


WORKLOAD = Subject(
    "workload",
    "每人每年的零星用工天数",
    "one person's casual work-days of a year",
    frozenset({"person"}),
    {"workload": Workload},
    _workload_occasions,
)
