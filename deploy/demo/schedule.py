"""When an honest county does what: in office hours, after notices have run, and within every term."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from services.approval.flows import PREVIOUS, Flow, Node
from shared.workdays import SHANGHAI, add_calendar_days, add_working_days, due_at, is_working_day

NEVER: Mapping[str, int] = {}
_LONG_TERM = 20
_USUAL_SHARE = 0.6
_LAST_DAY_ODDS = 0.03
_OFFICE_HOURS = ((time(8, 30), 180), (time(13, 30), 210))


def at_office(day: date, rng: Random) -> datetime:
    """A moment of a day's office hours, in UTC."""
    begin, minutes = rng.choice(_OFFICE_HOURS)
    moment = datetime.combine(day, begin, SHANGHAI) + timedelta(
        minutes=rng.randrange(minutes), seconds=rng.randrange(60)
    )
    return moment.astimezone(UTC)


def working_day(day: date) -> date:
    """This day, or the next one that is worked."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def local_day(moment: datetime) -> date:
    """The day in Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def schedule(flow: Flow, opened_at: datetime, rng: Random, late: Mapping[str, int] = NEVER) -> dict[str, datetime]:
    """When each node of a flow is completed, in its order; `late` adds working days after the end of a node's term."""
    done: dict[str, datetime] = {}
    since = began = opened_at
    only_simple_terms = all(node.term is None or node.term.start == PREVIOUS for node in flow.nodes)
    for node in flow.nodes:
        if node.turn != node.order:
            since = began
        began = since
        long = node.term is not None and node.term.days >= _LONG_TERM
        own_notice = signs_after_notice(node)
        latest = _latest(node, since, done)
        ends = latest + timedelta(days=node.notice_days)
        if own_notice:
            latest, since = ends, add_calendar_days(since, node.notice_days + 1)
        to_the_last = only_simple_terms and not own_notice and not long and rng.random() < _LAST_DAY_ODDS
        if node.code in late:
            overdue = add_working_days(_noon(ends), late[node.code])
            done[node.code] = overdue - timedelta(hours=8)
        else:
            done[node.code] = _moment(node, since, latest, rng, to_the_last)
        since = max(done[each.code] for each in flow.together(node) if each.code in done)
        if node.notice_days and not own_notice:
            since = add_calendar_days(since, node.notice_days)
    return done


def signs_after_notice(node: Node) -> bool:
    """Whether a node holds both a notice and the contract that may be signed only after it."""
    return node.notice_days > 0 and any(use.name == "contract_signed_on" for use in node.form)


def _latest(node: Node, since: datetime, done: dict[str, datetime]) -> date:
    if node.term is None:
        return local_day(since) + timedelta(days=_LONG_TERM)
    due = due_at(done.get(node.term.start, since), node.term.days, node.term.unit)
    return local_day(due - timedelta(seconds=1))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), SHANGHAI).astimezone(UTC)


def _moment(node: Node, since: datetime, latest: date, rng: Random, to_the_last: bool) -> datetime:
    first = local_day(since)
    days = [first + timedelta(days=n) for n in range(1, (latest - first).days + 1)]
    days = [day for day in days if is_working_day(day)] or days
    if not days:
        return since + timedelta(minutes=rng.randint(20, 90))
    if to_the_last:
        return at_office(days[-1], rng)
    usual = max(1, round(len(days) * _USUAL_SHARE))
    long = node.term is not None and node.term.days >= _LONG_TERM
    return at_office(days[rng.randrange(usual // 3 if long else 0, usual)], rng)
