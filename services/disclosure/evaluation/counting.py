"""From the supervisors' tables to the items of each line: what is met, what is due, and which record it is. Pure.

One function a kind of record. A node is of the quarter of its term or its deed, whichever comes first; an alert of that
of its closing; an alert about a town's or county's own office counts for no village.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from services.disclosure.evaluation.indicators import Plan
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.scoring import Count
from shared import regions
from shared.workdays import SHANGHAI

Kind = Literal["case", "step", "alert", "appeal", "figure"]
_VILLAGES_OWN = ("village", "town")


class Item(NamedTuple):
    """One record as a line counts it."""

    region: str
    line: str
    kind: Kind
    id: str
    met: float
    due: float


@dataclass(frozen=True)
class CaseRow:
    """A case that was opened or closed, or that waits; `dues` are the terms of the nodes where it waits."""

    case_id: str
    flow: str
    village_code: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    resting: bool
    dues: Mapping[str, datetime]


@dataclass(frozen=True)
class StepRow:
    """A completed node with what it showed."""

    case_id: str
    sequence: int
    flow: str
    node: str
    village_code: str
    due_at: datetime | None
    done_at: datetime
    late: bool | None
    required: Sequence[str]
    filed: Sequence[str]
    body: str | None
    members_due: int | None
    present: int | None
    votes_for: int | None
    votes_against: int | None
    paid_fen: int | None
    in_cash: bool | None

    @property
    def id(self) -> str:
        """The case and the number of the event."""
        return f"{self.case_id}/{self.sequence}"

    @property
    def complete(self) -> bool:
        """Whether it has all its papers."""
        return set(self.required) <= set(self.filed)


@dataclass(frozen=True)
class AlertRow:
    """A red or yellow alert that was not withdrawn."""

    alert_id: str
    rule_id: str
    grade: str
    village_code: str
    state: str
    outcome: str | None
    closed_at: datetime | None
    due_at: datetime | None
    overdue: int
    above: str


@dataclass(frozen=True)
class AppealRow:
    """An appeal."""

    appeal_id: str
    village_code: str
    desk: str
    kind: str
    filed_at: datetime
    answered_at: datetime | None
    due_at: datetime | None
    rated_at: datetime | None
    satisfied: bool | None
    overdue: bool


@dataclass(frozen=True)
class Rows:
    """All that a county has for a quarter and the three before it; alerts of four more, to know what came again."""

    cases: Sequence[CaseRow] = ()
    steps: Sequence[StepRow] = ()
    alerts: Sequence[AlertRow] = ()
    appeals: Sequence[AppealRow] = ()


Told = Mapping[str, Mapping[Quarter, Mapping[str, float]]]
Tally = dict[str, dict[str, Count]]
Records = dict[str, dict[str, list[Item]]]


@dataclass
class Counted:
    """Counts and the items behind them by region and line."""

    counts: Tally = field(default_factory=lambda: defaultdict(dict))
    records: Records = field(default_factory=lambda: defaultdict(dict))


def counted(rows: Rows, told: Told, quarter: Quarter, now: datetime, plan: Plan) -> Counted:
    """Every line of every village and town that has a record. The order of rows changes nothing."""
    until = min(quarter.ends, now)
    items = [
        *opened(rows.cases, quarter),
        *nodes(rows.steps, rows.cases, quarter, until),
        *decisions(rows.steps, quarter, plan),
        *papers(rows.steps, quarter),
        *payments(rows.steps, quarter, plan),
        *published(rows.steps, rows.cases, quarter, until, plan),
        *originals(rows.steps, rows.cases, quarter, plan),
        *confirmed(rows.alerts, quarter, plan),
        *handled(rows.alerts, quarter, until),
        *answered(rows.appeals, quarter, until),
    ]
    items += self_reported(items, told, quarter)
    made = Counted()
    by_line: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        by_line[item.region, item.line].append(item)
    for (region, line), some in by_line.items():
        made.records[region][line] = sorted(some)
        made.counts[region][line] = Count.of((item.met, item.due) for item in some)
    for region, by_quarter in told.items():
        flows = made.counts.get(region, {}).pop("G11", None)
        made.counts[region] |= supplied(by_quarter, quarter, flows)
    for region, lines in list(made.counts.items()):
        if region not in told:
            # How many items were found outside nobody has told: the flows alone are no share.
            lines.pop("G11", None)
    return made


def opened(cases: Iterable[CaseRow], quarter: Quarter) -> Iterator[Item]:
    """Flows opened: what G11 has on line, and the items by which alerts are measured. One withdrawn is none."""
    for case in cases:
        if _within(case.opened_at, quarter) and case.state != "withdrawn":
            yield Item(case.village_code, "G11", "case", case.case_id, 1, 1)
            for line in ("G21", "G22"):
                yield Item(case.village_code, line, "case", case.case_id, 0, 1)


def nodes(steps: Iterable[StepRow], cases: Iterable[CaseRow], quarter: Quarter, until: datetime) -> Iterator[Item]:
    """G12: nodes by their term."""
    for step in steps:
        if step.due_at and step.late is not None and _within(min(step.due_at, step.done_at), quarter):
            yield Item(step.village_code, "G12", "step", step.id, float(not step.late), 1)
    for case, node in _missed(cases, quarter, until):
        yield Item(case.village_code, "G12", "step", f"{case.case_id}/{node}", 0, 1)


def decisions(steps: Iterable[StepRow], quarter: Quarter, plan: Plan) -> Iterator[Item]:
    """G13: decisions of bodies with a quorum by law. Without attendance on record it isn't shown to be valid."""
    for step in steps:
        rule = plan.quorums.get(step.body or "")
        if rule is None or not _within(step.done_at, quarter):
            continue
        due, there = step.members_due or 0, step.present or 0
        enough = due > 0 and there <= due and there >= rule.present * due - 1e-3
        voted = step.votes_for is None or (step.votes_for <= there and step.votes_for > rule.of_present * there)
        yield Item(step.village_code, "G13", "step", step.id, float(enough and voted and step.complete), 1)


def papers(steps: Iterable[StepRow], quarter: Quarter) -> Iterator[Item]:
    """G14: required papers that were filed, each node as many as it asks for."""
    for step in steps:
        if step.required and _within(step.done_at, quarter):
            there = len(set(step.required) & set(step.filed))
            yield Item(step.village_code, "G14", "step", step.id, there, len(set(step.required)))


def payments(steps: Iterable[StepRow], quarter: Quarter, plan: Plan) -> Iterator[Item]:
    """G15: yuan paid in flows without competition; G63: payments that were not in cash."""
    for step in steps:
        if not step.paid_fen or not _within(step.done_at, quarter):
            continue
        direct = step.paid_fen if step.flow in plan.direct_flows else 0
        yield Item(step.village_code, "G15", "step", step.id, direct / 100, step.paid_fen / 100)
        if step.in_cash is not None:
            yield Item(step.village_code, "G63", "step", step.id, float(not step.in_cash), 1)


def published(
    steps: Iterable[StepRow], cases: Iterable[CaseRow], quarter: Quarter, until: datetime, plan: Plan
) -> Iterator[Item]:
    """G31: nodes that must be published, with all their papers; G32: those published, by their term."""
    for step in steps:
        if step.node not in plan.public_nodes:
            continue
        if _within(min(step.due_at or step.done_at, step.done_at), quarter):
            yield Item(step.village_code, "G31", "step", step.id, float(step.complete), 1)
        if step.late is not None and _within(step.done_at, quarter):
            yield Item(step.village_code, "G32", "step", step.id, float(not step.late), 1)
    for case, node in _missed(cases, quarter, until):
        if node in plan.public_nodes:
            yield Item(case.village_code, "G31", "step", f"{case.case_id}/{node}", 0, 1)


def originals(steps: Iterable[StepRow], cases: Iterable[CaseRow], quarter: Quarter, plan: Plan) -> Iterator[Item]:
    """G33: finished flows with all the originals that their nodes asked for."""
    asked: dict[str, set[str]] = defaultdict(set)
    there: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        asked[step.case_id] |= set(step.required) & set(plan.originals)
        there[step.case_id] |= set(step.filed)
    for case in cases:
        if case.closed_at and case.state == "closed" and _within(case.closed_at, quarter) and asked[case.case_id]:
            whole = asked[case.case_id] <= there[case.case_id]
            yield Item(case.village_code, "G33", "case", case.case_id, float(whole), 1)


def confirmed(alerts: Iterable[AlertRow], quarter: Quarter, plan: Plan) -> Iterator[Item]:
    """G21, G22: alerts found right, by grade; G23: rectified in time; G24: again by the same rule within a year."""
    found = sorted(
        (
            (alert.closed_at, alert)
            for alert in alerts
            if alert.closed_at and alert.above in _VILLAGES_OWN and _is_confirmed(alert, plan)
        ),
        key=lambda pair: (pair[0], pair[1].alert_id),
    )
    last: dict[tuple[str, str], datetime] = {}
    for closed_at, alert in found:
        of_rule = alert.village_code, alert.rule_id
        before, last[of_rule] = last.get(of_rule), closed_at
        again = before is not None and _months_later(before, plan.repeated_within_months) >= closed_at
        if _within(closed_at, quarter):
            yield Item(alert.village_code, "G21" if alert.grade == "red" else "G22", "alert", alert.alert_id, 1, 0)
        if quarter.plus(-3).begins <= closed_at < quarter.ends:
            yield Item(alert.village_code, "G23", "alert", alert.alert_id, float(not alert.overdue), 1)
            yield Item(alert.village_code, "G24", "alert", alert.alert_id, float(again), 1)


def self_reported(items: Iterable[Item], told: Told, quarter: Quarter) -> list[Item]:
    """What G21 and G22 count less: half of each confirmed alert that is handed in as self-reported and put right."""
    confirmed_here = Counter((item.region, item.line) for item in items if item.kind == "alert")
    less = []
    for region, by_quarter in told.items():
        for line, name in (("G21", "self_reported_red"), ("G22", "self_reported_yellow")):
            if halved := min(by_quarter.get(quarter, {}).get(name, 0.0), confirmed_here[region, line]):
                less.append(Item(region, line, "figure", name, -halved / 2, 0))
    return less


def handled(alerts: Iterable[AlertRow], quarter: Quarter, until: datetime) -> Iterator[Item]:
    """T1: alerts that the town closed, or let run over. Those about the town itself are the county's to handle."""
    for alert in alerts:
        if alert.above not in _VILLAGES_OWN:
            continue
        late = alert.closed_at is None and alert.due_at is not None and alert.due_at < until
        at = alert.closed_at or (alert.due_at if late else None)
        if at and _within(at, quarter):
            met = float(not late and not alert.overdue)
            yield Item(regions.town_of(alert.village_code), "T1", "alert", alert.alert_id, met, 1)


def answered(appeals: Iterable[AppealRow], quarter: Quarter, until: datetime) -> Iterator[Item]:
    """G41 and G42 of the village, T2 of the desk where that is a town. Reports of wrongdoing are the desk's alone."""
    for one in appeals:
        late = one.answered_at is None and one.due_at is not None and one.due_at < until
        at = one.answered_at or (one.due_at if late else None)
        open_to_village = one.kind != "report"
        if at and _within(at, quarter):
            met = float(not late and not one.overdue)
            if open_to_village:
                yield Item(one.village_code, "G41", "appeal", one.appeal_id, met, 1)
            if regions.level_of(one.desk) == "town":
                yield Item(one.desk, "T2", "appeal", one.appeal_id, met, 1)
        if open_to_village and one.satisfied is not None and one.rated_at and _within(one.rated_at, quarter):
            yield Item(one.village_code, "G42", "appeal", one.appeal_id, float(one.satisfied), 1)


def supplied(told: Mapping[Quarter, Mapping[str, float]], quarter: Quarter, flows: Count | None) -> dict[str, Count]:
    """The lines of one village that are made of figures handed in; what isn't handed in makes no line."""
    now = {name: value for name, value in told.get(quarter, {}).items()}
    span = [told[each] for each in quarter.back(4) if each in told]
    lines: dict[str, tuple[float, float]] = {}
    if "outside_items" in now:
        on_line = flows.met if flows else 0.0
        lines["G11"] = on_line, on_line + now["outside_items"]
    for line, met, due in (
        ("G43", "appraisal_good", "appraisal_votes"), ("G53", "first_form", "handled"), ("G54", "coi_filed", "coi_due"),
    ):  # fmt: skip
        both = [(each[met], each[due]) for each in span if met in each and due in each]
        lines[line] = math.fsum(m for m, _ in both), math.fsum(d for _, d in both)
    for line, met, due in (
        ("G34", "page_visits", "households"),
        ("G44", "petitions", "residents"), ("G61", "rent_received", "rent_due"), ("G62", "debt", "debt_line"),
    ):  # fmt: skip
        if met in now and due in now:
            lines[line] = now[met], now[due]
    with_cadres = [each for each in span if each.get("cadres")]
    clues = [(each["clues"], each["cadres"]) for each in with_cadres if "clues" in each]
    lines["G51"] = math.fsum(m for m, _ in clues), math.fsum(d for _, d in clues)
    sanctions = [
        (each.get("sanctions", 0) + 3 * each.get("serious_sanctions", 0), each["cadres"])
        for each in with_cadres
        if "sanctions" in each or "serious_sanctions" in each
    ]
    lines["G52"] = math.fsum(m for m, _ in sanctions), math.fsum(d for _, d in sanctions)
    return {line: Count.whole(met, due) for line, (met, due) in lines.items() if due > 0}


def _missed(cases: Iterable[CaseRow], quarter: Quarter, until: datetime) -> Iterator[tuple[CaseRow, str]]:
    """Nodes where a case still waits though their term has run out; while it rests no term runs."""
    for case in cases:
        if case.state == "running" and not case.resting:
            for node, due in sorted(case.dues.items()):
                if _within(due, quarter) and due < until:
                    yield case, node


def _is_confirmed(alert: AlertRow, plan: Plan) -> bool:
    return alert.state not in plan.innocent.states and alert.outcome not in plan.innocent.outcomes


def _within(at: datetime, quarter: Quarter) -> bool:
    begins, ends = _span(quarter)
    return begins <= at < ends


@lru_cache(maxsize=16)
def _span(quarter: Quarter) -> tuple[datetime, datetime]:
    return quarter.begins, quarter.ends


def _months_later(at: datetime, months: int) -> datetime:
    here = at.astimezone(SHANGHAI)
    number = 12 * here.year + here.month - 1 + months
    return here.replace(year=number // 12, month=number % 12 + 1, day=min(here.day, 28))
