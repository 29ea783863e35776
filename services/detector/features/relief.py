"""Relief over time: one person again and again for one cause, and a village's own relief to kin of its cadres."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from services.detector.distil import Fact
from services.detector.features.entries import Entry, entries, entries_of, ledger_occasion
from services.detector.features.households import home_of, needs_of_households
from services.detector.features.matches import day_of, in_force, kin_of, needs_of_kin
from services.detector.features.spans import dense, year_of
from services.detector.features.windows import stem
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.reference import Relief, Staff

_TEMPORARY = "RE2"
_VILLAGE = "relief:"


def needs_of_village_relief(village: str, reference: Reference) -> Iterator[Need]:
    """The village's cadres with their kin, and its rolls."""
    yield Need("staff", "region_code", village)
    yield Need("relief", "village_code", village)
    for cadre in reference.all(Staff, "region_code", village):
        yield from needs_of_kin(cadre.person_key, reference)


@dataclass(frozen=True)
class ReliefShare:
    """Grants of a village in a year, and those of them to kin of its cadres (two steps at most)."""

    scope: str
    year: str
    grants: int
    to_kin: int
    share_pct: float
    roll: int
    roll_share_pct: float
    kin: tuple[str, ...]


def _share_occasions(view: View, params: Params) -> Iterator[Occasion]:
    """A calendar year is one question, so that a late grant joins its year and changes no other."""
    years: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries(view):
        if entry.told.get("granted"):
            years[year_of(entry.at)].append(entry)
    needs = needs_of_village_relief(view.key.split(":", 1)[1], view.reference)
    known = tuple(map(view.reference.found.get, needs)) if years else ()
    for year, some in sorted(years.items()):
        yield view.facts.kept((ReliefShare, year), (known, *some), partial(_share_occasion, view, str(year), some))


def _share_occasion(view: View, year: str, some: Sequence[Entry]) -> Occasion:
    share = _share(view, year, some)
    return ledger_occasion(some, lines=[_grants(one) for one in some], features={"relief_share": at_hand(share)})


def _share(view: View, year: str, some: Sequence[Entry]) -> ReliefShare:
    village, day = view.key.split(":", 1)[1], day_of(some[-1].told_at)
    kin = _kin_of_cadres(village, day, view.reference)
    listed = [(key, name) for entry in some for key, name in entry.told["granted"]]
    favoured = [(key, name) for key, name in listed if key in kin]
    rolls = [roll for roll in view.reference.all(Relief, "village_code", village) if in_force(roll, day)]
    return ReliefShare(
        scope=view.key,
        year=year,
        grants=len(listed),
        to_kin=len(favoured),
        share_pct=round(100 * len(favoured) / len(listed), 1),
        roll=len(rolls),
        roll_share_pct=round(100 * sum(roll.person_key in kin for roll in rolls) / len(rolls), 1) if rolls else 0.0,
        kin=tuple(f"{name}({kin[key]})" for key, name in sorted(set(favoured), key=lambda one: (one[1], one[0]))),
    )


def _grants(entry: Entry) -> str:
    return f"{len(entry.told['granted'])} 人 / persons"


def _kin_of_cadres(village: str, day: date, reference: Reference) -> dict[str, str]:
    """Everyone tied to a cadre of the village, with how; the cadres themselves are another question."""
    found: dict[str, str] = {}
    cadres = [staff for staff in reference.all(Staff, "region_code", village) if in_force(staff, day)]
    for staff in cadres:
        for person, path in kin_of(staff.person_key, reference).items():
            if path:
                found.setdefault(person, f"{staff.name}:{'的'.join(path)}")
    return found


RELIEF_SHARE = Subject(
    "relief_share",
    "一村自定救助流向村干部亲属的比例",
    "what of a village's own relief goes to kin of its cadres",
    frozenset({"relief"}),
    {"relief_share": ReliefShare},
    _share_occasions,
)


@dataclass(frozen=True)
class RepeatedRelief:
    """Temporary relief of one person, or of several of one household, for one cause within a window.

    `who` is the person's key or the household's id; `persons` counts those who asked.
    """

    who: str
    name: str
    persons: int
    cause: str
    anchor: str
    cases: int
    villages: int
    first_at: datetime
    last_at: datetime


def _repeat_occasions(view: View, params: Params) -> Iterator[Occasion]:
    window, least = timedelta(days=int(params["window_days"])), int(params["max_times"])
    for (who, cause), some in sorted(_relieved(view).items()):
        for run in dense(some, at=lambda entry: entry.at, window=window, enough=lambda count, _: count >= least):
            names = dict(_asked(entry) for entry in run)
            if len(names) == 1 and view.key.startswith(_VILLAGE):
                continue
            repeated = RepeatedRelief(
                who=who,
                name="、".join(names.values()),
                persons=len(names),
                cause=cause,
                anchor=str(year_of(run[0].at)),
                cases=len(run),
                villages=len({entry.village for entry in run}),
                first_at=run[0].at,
                last_at=run[-1].at,
            )
            yield ledger_occasion(run, features={"repeated": at_hand(repeated)})


def _relieved(view: View) -> dict[tuple[str, str], list[Entry]]:
    """Temporary relief by who asked for it and why: the view's person, wherever, or a household of its village."""
    of_village = view.key.startswith(_VILLAGE)
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries(view) if of_village else granted(view):
        if entry.flow == _TEMPORARY and (person := _asked(entry)[0]):
            who = home_of(person, view.reference, day_of(entry.at)) if of_village else person
            found[who, _cause(entry)].append(entry)
    return found


def _asked(entry: Entry) -> tuple[str, str]:
    """Key and name of the person who asked: a village's ledger tells it in fields, a person's own in what he got."""
    if "got" in entry.facts[-1].data:
        return str(entry.facts[-1].key.split(":", 1)[1]), str(entry.facts[-1].data["got"]["name"])
    return str(entry.told.get("beneficiary_key", "")), str(entry.told.get("beneficiary_name", ""))


def needs_of_relieved(facts: Iterable[Fact]) -> set[Need]:
    """The households of those who asked for temporary relief."""
    persons = {fact.data["fields"].get("beneficiary_key") for fact in facts if fact.data["flow"] == _TEMPORARY}
    return needs_of_households(persons - {None})


def granted(view: View) -> list[Entry]:
    """The cases in which the view's person asked for relief or got it."""
    return entries_of(fact for fact in view.facts if "relief_kind" in fact.data["got"])


def _cause(entry: Entry) -> str:
    """Why relief was asked for; cases that don't tell are taken for one cause."""
    told = (fact.data.get("got", fact.data.get("fields", {})).get("reason") for fact in entry.facts)
    return stem(next((reason for reason in told if reason), ""))


REPEATED_RELIEF = Subject(
    "repeated_relief",
    "同一对象或同户同一事由的临时救助",
    "temporary relief of one person or household for one cause",
    frozenset({"person", "relief"}),
    {"repeated": RepeatedRelief},
    _repeat_occasions,
    {"window_days": int, "max_times": int},
)
