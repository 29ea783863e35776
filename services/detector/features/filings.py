"""How a case was put on record: steps filed long after they happened, and many filed at one sitting."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, midnight

# The day on which a step itself happened; the day works began or ended lies before its filing by nature.
_OWN_DAYS = ("meeting_on", "visited_on", "contract_signed_on", "notice_from")
_DECISIVE = frozenset({"resolution", "vote_record", "notice", "notice_photo", "acceptance"})
_WEIGHTY = _DECISIVE | {"minutes", "contract", "settlement"}


@dataclass(frozen=True)
class LateEntry:
    """A step and how many days after its own stated day it was filed."""

    node: str
    stated_at: datetime
    filed_at: datetime
    days: int
    decisive: bool


@dataclass(frozen=True)
class Filing:
    """A case's late entries, the longest first, and the largest sitting: weighty steps filed by one person in a row.

    Rows of a sheet that name only the day carry one moment; that is an import and no sitting.
    """

    late: tuple[LateEntry, ...]
    sitting: tuple[str, ...]
    sitting_by: str
    sitting_decisive: bool


def _late(facts: list[Fact]) -> Iterator[LateEntry]:
    for fact in facts:
        fields = fact.data["fields"]
        stated = [midnight(date.fromisoformat(fields[name])) for name in _OWN_DAYS if name in fields]
        if stated:
            first = min(stated)
            days = days_between(first, fact.occurred_at)
            yield LateEntry(fact.data["node"], first, fact.occurred_at, days, bool(_papers(fact) & _DECISIVE))


def _papers(fact: Fact) -> set[str]:
    return {*fact.data["documents"], *fact.data.get("required_documents", ())}


def _sitting(facts: list[Fact], minutes: int) -> list[Fact]:
    """The most weighty steps that one person filed within so many minutes."""
    by_actor: dict[str, list[Fact]] = {}
    for fact in facts:
        if _papers(fact) & _WEIGHTY:
            by_actor.setdefault(fact.data["actor"]["person_key"], []).append(fact)
    most: list[Fact] = []
    for filed in by_actor.values():
        first = 0
        for last, fact in enumerate(filed):
            while fact.occurred_at - filed[first].occurred_at > timedelta(minutes=minutes):
                first += 1
            run = filed[first : last + 1]
            nodes = {one.data["node"] for one in run}
            if run[0].occurred_at < fact.occurred_at and len(nodes) > len({one.data["node"] for one in most}):
                most = run
    return most


def _filing_occasions(view: View, params: Params) -> Iterator[Occasion]:
    steps = history(view).nodes
    if not steps:
        return
    late = sorted(_late(steps), key=lambda entry: (-entry.days, entry.node))
    sitting = _sitting(steps, int(params["burst_minutes"]))
    filing = Filing(
        late=tuple(entry for entry in late if entry.days > 0),
        sitting=tuple(dict.fromkeys(fact.data["node"] for fact in sitting)),
        sitting_by=str(sitting[0].data["actor"]["name"]) if sitting else "",
        sitting_decisive=any(_papers(fact) & _DECISIVE for fact in sitting),
    )
    if filing.late or filing.sitting:
        features: dict[str, Any] = {"filing": at_hand(filing)}
        yield occasion(view, features=features, occurred_at=max(the_case(view).opened_at, steps[-1].occurred_at))


FILING = Subject(
    "filing",
    "每个案件的补录情况",
    "how each case was put on record",
    frozenset({"case"}),
    {"case": Case, "filing": Filing},
    _filing_occasions,
    {"burst_minutes": int},
)
