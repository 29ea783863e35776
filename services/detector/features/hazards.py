"""Emergencies against the dangers that the county told its villages of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between
from shared.contracts.reference import Hazard
from shared.regions import town_of
from shared.workdays import SHANGHAI

_FLOWS = ("PR4", "EN6")


@dataclass(frozen=True)
class Emergency:
    """An emergency: the danger on record nearest to it, and how many days lie between; 0 while it lasts.

    A register that holds nothing at all for the village, its town and the county is not kept: it proves nothing.
    """

    stated_at: datetime
    hazard: str
    days_off: int | None
    register_kept: bool
    refused: bool
    work_days: int


def needs_of_emergency(facts: Iterable[Fact]) -> Iterator[Need]:
    """The dangers told to the village of an emergency, to its town and to the whole county."""
    for village in {fact.data["village_code"] for fact in facts if fact.data["flow"] in _FLOWS}:
        for region in (village, town_of(village), f"{village[:6]}000000"):
            yield Need(Hazard.DATASET, "region_code", region)


def _emergency_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case = the_case(view)
    if case.flow not in _FLOWS:
        return
    hazards = [
        hazard
        for need in sorted(needs_of_emergency(view.facts))
        for hazard in view.reference.all(Hazard, need.lookup, need.value)
    ]
    day = case.opened_at.astimezone(SHANGHAI).date()
    nearest = min(hazards, key=lambda hazard: (_days_off(hazard, day), hazard.id), default=None)
    verdict = [value for fact, value in history(view).given("approved") if fact.data.get("node") == "EN6-02"]
    emergency = Emergency(
        stated_at=case.opened_at,
        hazard=f"{nearest.kind} {nearest.valid_from}" if nearest else "",
        days_off=_days_off(nearest, day) if nearest else None,
        register_kept=bool(hazards),
        refused=bool(verdict) and not verdict[-1],
        work_days=days_between(case.work_at, case.finished_at) if case.work_at and case.finished_at else 0,
    )
    yield occasion(view, features={"emergency": at_hand(emergency)}, settled=case.withdrawn)


def _days_off(hazard: Hazard, day: date) -> int:
    last = (hazard.valid_to or hazard.valid_from + timedelta(days=1)) - timedelta(days=1)
    return max((hazard.valid_from - day).days, (day - last).days, 0)


EMERGENCY = Subject(
    "emergency",
    "每次应急采购或抢险",
    "each emergency purchase or emergency works",
    frozenset({"case"}),
    {"case": Case, "emergency": Emergency},
    _emergency_occasions,
)
