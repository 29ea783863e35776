"""The cockpit's figures and tables, counted from what was read of a period and of the one before it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from services.disclosure.cockpit import figures
from services.disclosure.cockpit.period import Period, today_of
from services.disclosure.cockpit.plan import OTHER, Plan
from services.disclosure.cockpit.readings import AlertRow, Deal, NodeTimes, ProposalRow, Readings
from services.disclosure.cockpit.schemas import (
    Concentration,
    Contractor,
    Figure,
    Gap,
    GapPlace,
    Group,
    Node,
    Outcome,
    Overview,
    Slot,
    Span,
)
from services.disclosure.schemas import Bilingual, Named
from shared import regions
from shared.words import Name, Words
from shared.workdays import SHANGHAI

_HOURS_OF_A_DAY = 8
_MOST_DAILY, _MOST_WEEKLY = 31, 120
Counted = tuple[float | None, int | None]


def build(
    plan: Plan,
    words: Words,
    region: str,
    period: Period,
    now: datetime,
    read: Readings,
    before: Readings,
    nodes: Sequence[NodeTimes],
) -> Overview:
    """The whole of it; `before` was read of `period.compared`."""
    compared = period.compared(today_of(now))
    return Overview(
        region=Named.region(region),
        period=_span(period),
        compared=_span(compared),
        as_of=now,
        figures=_figures(plan, period, compared, now, read, before),
        by_matter=_by_matter(words, read, now),
        by_rule=_by_rule(read, now),
        by_place=_by_place(plan, region, read, now),
        by_time=slots(period, _counted(read.alerts)),
        outcomes=_outcomes(plan, read.alerts),
        nodes=_nodes(plan, words, nodes),
        contractors=_contractors(read),
        places_contracting=_concentrations(plan, region, read.deals),
        gaps=_gaps(plan, region, read),
    )


def _span(period: Period) -> Span:
    return Span(name=period.name, zh=period.zh, first=period.first, last=period.last)


def _figures(
    plan: Plan, period: Period, compared: Period, now: datetime, read: Readings, before: Readings
) -> tuple[Figure, ...]:
    values, earlier = _values(period, now, read), _values(compared, now, before)
    return tuple(_figure(plan, key, values[key], earlier[key]) for key in plan.figures)


def _figure(plan: Plan, key: str, counted: Counted, before: Counted) -> Figure:
    (value, of), (earlier, of_earlier) = counted, before
    few = of is not None and of < plan.small_sample
    if of_earlier is not None and of_earlier < plan.small_sample:
        earlier = None
    return Figure(key=key, unit=plan.figures[key].unit, value=value, before=earlier, of=of, few=few)


def _values(period: Period, now: datetime, read: Readings) -> dict[str, Counted]:
    """Each figure with what it is taken of (None for plain counts)."""
    every = _counted(read.alerts)
    graded, handled = Counter(alert.grade for alert in every), [a for a in every if a.grade != "prompt"]
    acknowledged = [a.hours_to_acknowledge for a in handled if a.hours_to_acknowledge is not None]
    closed = [a.hours_to_close for a in handled if a.hours_to_close is not None]
    served = [one for one in read.proposals if one.served_at >= period.begins]
    money = sorted(_by_contractor(read.deals).values(), reverse=True)
    return {
        "red": (graded["red"], None),
        "yellow": (graded["yellow"], None),
        "process": (graded["prompt"], None),
        "acknowledged": _share(sum(a.acknowledged_at is not None for a in handled), len(handled)),
        "closed": _share(sum(a.closed_at is not None for a in handled), len(handled)),
        "overdue": (sum(_overdue(a, now) for a in handled), None),
        "to_acknowledge": (figures.percentile(acknowledged, 0.5), len(acknowledged)),
        "to_acknowledge_p90": (figures.percentile(acknowledged, 0.9), len(acknowledged)),
        "to_close": (figures.percentile(closed, 0.5), len(closed)),
        "to_close_p90": (figures.percentile(closed, 0.9), len(closed)),
        "at_stake": (_at_stake(handled, read), None),
        "recovered": (read.closings.recovered_fen, None),
        "people": (read.closings.people, None),
        "reopened": (sum(a.reopened > 0 for a in handled), None),
        "withdrawn": (sum(a.withdrawn for a in read.alerts), None),
        "cases_opened": (sum(place.opened for place in read.cases), None),
        "cases_closed": (sum(place.closed for place in read.cases), None),
        "steps": (read.steps.steps, None),
        "steps_late": _share(read.steps.late, read.steps.with_term),
        "proposals": (len(served), None),
        "proposals_answered": _share(sum(one.answered_at is not None for one in served), len(served)),
        "proposals_adopted": _share(sum(_adopted(one) for one in served), len(served)),
        "contractors": (len(money), None),
        "largest": (figures.share(money[0], sum(money)) if money else None, len(money)),
        "hhi": (figures.hhi(money), len(money)),
    }


def _counted(alerts: Iterable[AlertRow]) -> list[AlertRow]:
    return [alert for alert in alerts if not alert.withdrawn]


def _share(part: int, whole: int) -> Counted:
    return figures.share(part, whole), whole


def _overdue(alert: AlertRow, now: datetime) -> bool:
    return alert.closed_at is None and alert.due_at is not None and alert.due_at <= now


def _at_stake(alerts: Iterable[AlertRow], read: Readings) -> int:
    """The money of the alerts' cases, each case once."""
    cases = {case for alert in alerts for case in alert.case_ids}
    return sum(read.money[case].fen for case in cases if case in read.money)


def _adopted(proposal: ProposalRow) -> bool:
    return proposal.adopted in ("adopted", "partly_adopted")


def _by_matter(words: Words, read: Readings, now: datetime) -> tuple[Group, ...]:
    found = _grouped(read.alerts, lambda alert: alert.matter)
    return tuple(_group(code, name, found.get(code, []), read, now) for code, name in words.matters.items())


def _by_rule(read: Readings, now: datetime) -> tuple[Group, ...]:
    """All rules that raised something, the most red and yellow alerts first."""
    groups = [
        _group(code, Name(some[-1].title_zh, some[-1].title_en), some, read, now)
        for code, some in _grouped(read.alerts, lambda alert: alert.rule_id).items()
    ]
    return tuple(sorted(groups, key=lambda one: (-one.alerts, -one.process, one.code)))


def _by_place(plan: Plan, region: str, read: Readings, now: datetime) -> tuple[Group, ...]:
    found = _grouped(read.alerts, lambda alert: part_of(region, alert.village_code))
    opened: Counter[str] = Counter()
    for place in read.cases:
        opened[part_of(region, place.village_code)] += place.opened
    groups = []
    for code in sorted(found.keys() | opened.keys()):
        group = _group(code, Named.region(code), found.get(code, []), read, now)
        few, cases = opened[code] < plan.small_sample, opened[code]
        per_hundred = None if few else 100 * group.alerts / cases
        groups.append(group.model_copy(update={"cases": cases, "per_hundred": per_hundred, "few": few}))
    return tuple(sorted(groups, key=lambda one: (-one.alerts, one.code)))


def _group(code: str, name: Any, alerts: Sequence[AlertRow], read: Readings, now: datetime) -> Group:
    handled = [alert for alert in alerts if alert.grade != "prompt"]
    return Group(
        code=code,
        name=Bilingual(zh=name.zh, en=name.en),
        red=sum(alert.grade == "red" for alert in handled),
        yellow=sum(alert.grade == "yellow" for alert in handled),
        process=len(alerts) - len(handled),
        closed=sum(alert.closed_at is not None for alert in handled),
        overdue=sum(_overdue(alert, now) for alert in handled),
        at_stake_fen=_at_stake(handled, read),
    )


def _grouped(alerts: Iterable[AlertRow], key: Callable[[AlertRow], str]) -> Mapping[str, list[AlertRow]]:
    found: dict[str, list[AlertRow]] = defaultdict(list)
    for alert in _counted(alerts):
        found[key(alert)].append(alert)
    return found


def part_of(region: str, village: str) -> str:
    """The part of a region in which a village lies: a city's county, a county's town, a town's village."""
    match regions.level_of(region):
        case "city":
            return regions.county_of(village)
        case "county":
            return regions.town_of(village)
    return village


def slots(period: Period, alerts: Sequence[AlertRow]) -> tuple[Slot, ...]:
    """The period in days, weeks (from Monday) or months, whichever gives few enough."""
    found: dict[date, Counter[str]] = {first: Counter() for first, _ in _spans(period)}
    starts = sorted(found)
    for alert in alerts:
        day = alert.happened_at.astimezone(SHANGHAI).date()
        found[max(start for start in starts if start <= day)][alert.grade] += 1
    return tuple(
        Slot(first=first, last=last, red=(n := found[first])["red"], yellow=n["yellow"], process=n["prompt"])
        for first, last in _spans(period)
    )


def _spans(period: Period) -> list[tuple[date, date]]:
    spans, first = [], period.first
    while first <= period.last:
        if period.days <= _MOST_DAILY:
            following = first + timedelta(days=1)
        elif period.days <= _MOST_WEEKLY:
            following = first + timedelta(days=7 - first.weekday())
        else:
            following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        spans.append((first, min(following - timedelta(days=1), period.last)))
        first = following
    return spans


def _outcomes(plan: Plan, alerts: Iterable[AlertRow]) -> tuple[Outcome, ...]:
    found: dict[str, list[AlertRow]] = defaultdict(list)
    for alert in _counted(alerts):
        if alert.grade != "prompt" and alert.closed_at and alert.outcome:
            found[alert.outcome].append(alert)
    outcomes = [
        Outcome(
            code=code,
            name=_named(plan.outcomes.get(code, Name(code, code))),
            alerts=len(some),
            recovered_fen=sum(alert.recovered_fen for alert in some),
            people=sum(alert.people for alert in some),
        )
        for code, some in found.items()
    ]
    return tuple(sorted(outcomes, key=lambda one: (-one.alerts, one.code)))


def _nodes(plan: Plan, words: Words, nodes: Iterable[NodeTimes]) -> tuple[Node, ...]:
    """The slowest first; those with few steps behind all others."""
    rows = []
    for one in nodes:
        flow = flow_name(words, one.flow)
        rows.append(
            Node(
                node=one.node,
                flow=one.flow,
                name=_named(node_name(words, one.flow, one.node)),
                flow_name=_named(flow),
                steps=one.steps,
                median_days=_days(one.median_hours),
                p90_days=_days(one.p90_hours),
                late=one.late,
                with_term=one.with_term,
                late_share=figures.share(one.late, one.with_term),
                few=one.timed < plan.small_sample,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.few, -(row.median_days or 0), row.node)))


def flow_name(words: Words, code: str) -> Name:
    """What a flow is called in its newest version."""
    versions = words.flows.get(code)
    return versions[max(versions)] if versions else Name(code, code)


def node_name(words: Words, flow: str, node: str) -> Name:
    """What a node is called in the newest version of its flow that has it."""
    versions = words.flows.get(flow, {})
    found = (versions[version].nodes.get(node) for version in sorted(versions, reverse=True))
    return next((name for name in found if name), Name(node, node))


def _days(hours: float | None) -> float | None:
    return None if hours is None else hours / _HOURS_OF_A_DAY


def _by_contractor(deals: Iterable[Deal]) -> Mapping[str, int]:
    money: Counter[str] = Counter()
    for deal in deals:
        money[deal.contractor_key] += deal.fen
    return money


def _contractors(read: Readings) -> tuple[Contractor, ...]:
    """All contractors, the one with the most money first."""
    money, alerts = _by_contractor(read.deals), _alerts_by_contractor(read)
    of: dict[str, list[Deal]] = defaultdict(list)
    for deal in read.deals:
        of[deal.contractor_key].append(deal)
    whole = sum(money.values())
    rows = [
        Contractor(
            key=key,
            name=of[key][0].contractor_name,
            works=sum(deal.works for deal in of[key]),
            fen=fen,
            share=figures.share(fen, whole),
            villages=len({deal.village_code for deal in of[key]}),
            alerts=alerts.get(key, 0),
        )
        for key, fen in money.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.fen, -row.works, row.key)))


def _alerts_by_contractor(read: Readings) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for alert in _counted(read.alerts):
        if alert.grade == "prompt":
            continue
        keys = {read.money[case].contractor_key for case in alert.case_ids if case in read.money}
        found.update(key for key in keys if key)
    return found


def _concentrations(plan: Plan, region: str, deals: Iterable[Deal]) -> tuple[Concentration, ...]:
    places: dict[str, list[Deal]] = defaultdict(list)
    for deal in deals:
        places[part_of(region, deal.village_code)].append(deal)
    rows = []
    for code, some in places.items():
        money, name = _by_contractor(some), Named.region(code)
        largest = min(money, key=lambda key: (-money[key], key))
        works = sum(deal.works for deal in some)
        rows.append(
            Concentration(
                code=code,
                name=_named(name),
                contractors=len(money),
                works=works,
                fen=sum(money.values()),
                largest=next(deal.contractor_name for deal in some if deal.contractor_key == largest),
                largest_share=figures.share(money[largest], sum(money.values())),
                hhi=figures.hhi(list(money.values())),
                few=works < plan.small_sample,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.few, -(row.hhi or 0), row.code)))


def _gaps(plan: Plan, region: str, read: Readings) -> tuple[Gap, ...]:
    """Each institution of which there were alerts or proposals, those that are missing most first."""
    alerts: dict[str, Counter[str]] = defaultdict(Counter)
    for alert in _counted(read.alerts):
        if alert.grade != "prompt":
            alerts[plan.institution_of.get(alert.rule_id, OTHER)][part_of(region, alert.village_code)] += 1
    proposals: dict[str, list[ProposalRow]] = defaultdict(list)
    for one in read.proposals:
        proposals[plan.institution_of.get(one.rule_id, OTHER)].append(one)
    gaps = [_gap(plan, region, code, alerts[code], proposals[code]) for code in [*plan.institutions, OTHER]]
    found = [gap for gap in gaps if gap.alerts or gap.made]
    return tuple(sorted(found, key=lambda gap: (-len(gap.missing), -gap.alerts, gap.code)))


def _gap(plan: Plan, region: str, code: str, alerts: Counter[str], proposals: Sequence[ProposalRow]) -> Gap:
    name, own = plan.institution(code), plan.institutions.get(code)
    places = []
    for place in sorted(alerts, key=lambda each: (-alerts[each], each)):
        made = [one for one in proposals if _concerns(region, one.region_code, place)]
        adopted = sum(_adopted(one) for one in made)
        places.append(
            GapPlace(
                code=place,
                name=_named(Named.region(place)),
                alerts=alerts[place],
                made=len(made),
                answered=sum(one.answered_at is not None for one in made),
                adopted=adopted,
                gap=alerts[place] >= plan.gap_from and not adopted,
            )
        )
    return Gap(
        code=code,
        name=_named(name),
        rules=own.rules if own else (),
        alerts=alerts.total(),
        made=len(proposals),
        answered=sum(one.answered_at is not None for one in proposals),
        adopted=sum(_adopted(one) for one in proposals),
        places=tuple(places),
    )


def _concerns(region: str, about: str, place: str) -> bool:
    """Whether a proposal about a region concerns a part of the one shown: about it, within it, or above it."""
    wide = {"city": about[:4], "county": about[:6], "town": about[:9], "village": about}[regions.level_of(about)]
    return place.startswith(wide) or part_of(region, about) == place


def _named(name: Any) -> Bilingual:
    return Bilingual(zh=name.zh, en=name.en)
