"""The people on a wage sheet: their rates against the village's standard, their ages, and who was to work."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, whole_form
from services.detector.features.matches import day_of, in_force
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.power import NodeFields, Worker
from shared.contracts.reference import LabourRate

_LIST_SETTLED = "03"


@dataclass(frozen=True)
class CrewMember:
    """A line of the wage sheet. `intended` when the names settled before the work hold his, or none were settled."""

    name: str
    days: float
    day_rate_fen: int
    age: int | None
    intended: bool


@dataclass(frozen=True)
class Crew:
    """All who were paid in a case, how many were approved, and the day rate that the village had set for the year.

    The standard is the first one in force in the year: one raised within the year counts from the next.
    """

    size: int
    approved: int | None
    members: tuple[CrewMember, ...]
    standard_kind: str
    standard_fen: int | None


def needs_of_crew(facts: Iterable[Fact]) -> set[Need]:
    """The day rates that the village has set."""
    paid = (fact for fact in facts if fact.data.get("fields", {}).get("workers"))
    return {Need("labour_rates", "village_code", fact.data["village_code"]) for fact in paid}


def _crew_occasions(view: View, params: Params) -> Iterator[Occasion]:
    sheets = [fact for fact, _ in history(view).given("workers")]
    if sheets:
        yield occasion(view, features={"crew": partial(_crew, view, sheets[-1])}, fact=sheets[-1])


def _crew(view: View, sheet: Fact) -> Crew:
    form: NodeFields = view.once(NodeFields, partial(whole_form, view))
    day = day_of(sheet.occurred_at)
    workers = [Worker.model_validate(line) for line in sheet.data["fields"]["workers"]]
    kind, standard = _standard(view.reference, sheet.data["village_code"], form.position or form.category or "", day)
    return Crew(
        size=len({worker.person_key for worker in workers}),
        approved=_approved(history(view)),
        members=tuple(_member(worker, form.worker_names, day) for worker in workers),
        standard_kind=kind,
        standard_fen=standard,
    )


def _approved(so_far: History) -> int | None:
    """How many were asked for when the list of workers was settled; what is counted on the day comes later."""
    settled = [told for fact, told in so_far.given("headcount") if fact.data.get("node", "")[-2:] <= _LIST_SETTLED]
    return int(settled[-1]) if settled else None


def _member(worker: Worker, intended: Sequence[str], day: date) -> CrewMember:
    return CrewMember(
        name=worker.name,
        days=worker.days,
        day_rate_fen=round(worker.wage_fen / worker.days) if worker.days > 0 else 0,
        age=day.year - worker.birth_year if worker.birth_year else None,
        intended=not intended or worker.name in intended,
    )


def _standard(reference: Reference, village: str, kind: str, day: date) -> tuple[str, int | None]:
    """The rate of this kind of work, or the village's highest where none is set for it."""
    january = date(day.year, 1, 1)
    by_kind: dict[str, list[LabourRate]] = defaultdict(list)
    for rate in reference.all(LabourRate, "village_code", village):
        if in_force(rate, january) or january <= rate.valid_from <= day:
            by_kind[rate.kind].append(rate)
    first = {name: min(rates, key=lambda rate: (rate.valid_from, rate.id)) for name, rates in by_kind.items()}
    if not first:
        return "", None
    chosen = first.get(kind) or max(first.values(), key=lambda rate: (rate.day_rate_fen, rate.id))
    return chosen.kind, chosen.day_rate_fen


CREW = Subject(
    "crew",
    "每张工资表上的全部人员",
    "all the people on a case's wage sheet",
    frozenset({"case"}),
    {"case": Case, "crew": Crew},
    _crew_occasions,
)
