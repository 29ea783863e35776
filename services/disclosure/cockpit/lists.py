"""What lies behind a figure: its alerts, cases, steps and proposals, page by page, as the reader may see them.

A list counts what the figure counts: withdrawn alerts are in it only when they are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from asyncpg import Record

from services.disclosure.cockpit.choice import AlertChoice, CaseChoice, ListChoice, ProposalChoice, Seat, StepChoice
from services.disclosure.cockpit.overview import flow_name, node_name
from services.disclosure.cockpit.period import Period
from services.disclosure.cockpit.plan import OTHER, Plan
from services.disclosure.cockpit.schemas import (
    AlertPage,
    CasePage,
    ListedAlert,
    ListedCase,
    ListedProposal,
    ListedStep,
    ProposalPage,
    StepPage,
)
from services.disclosure.errors import BadCursor
from services.disclosure.schemas import Bilingual, Named
from shared import cursor
from shared.db import Connection
from shared.words import Words

_ALERT = """
alert_id, rule_id, title_zh, title_en, grade, matter, village_code, town_code, happened_at, delivered_at,
acknowledged_at, closed_at, due_at, withdrawn, reopened, outcome, recovered_fen, case_ids,
ARRAY(SELECT coalesce(c.case_no, left(of.case_id, 8)) FROM unnest(case_ids) WITH ORDINALITY AS of (case_id, place)
      LEFT JOIN supervised_cases c USING (case_id) ORDER BY of.place) AS case_nos
"""
_OVERDUE = "closed_at IS NULL AND due_at <= now()"
_STATES = {
    "": "NOT withdrawn",
    "acknowledged": "NOT withdrawn AND acknowledged_at IS NOT NULL",
    "open": "NOT withdrawn AND closed_at IS NULL",
    "overdue": f"NOT withdrawn AND {_OVERDUE}",
    "closed": "NOT withdrawn AND closed_at IS NOT NULL",
    "reopened": "NOT withdrawn AND reopened > 0",
    "withdrawn": "withdrawn",
    "judged": "NOT withdrawn AND people > 0",
    "recovered": "NOT withdrawn AND recovered_fen > 0",
}
_BY_JUDGEMENT = ("judged", "recovered")
_OF_CONTRACTOR = "case_ids && ARRAY(SELECT case_id FROM supervised_cases WHERE contractor_key = ?)"
_CASE = """
case_id, case_no, flow, matter, village_code, town_code, state, opened_at, closed_at, contracted_at, node, due_at,
amount_fen, amount_kind, contractor_name,
(SELECT count(*) FROM supervised_alerts a WHERE a.case_ids @> ARRAY[c.case_id] AND NOT a.withdrawn AND NOT a.process)
    AS alerts
"""
_AT_STAKE = """
case_id IN (SELECT unnest(case_ids) FROM supervised_alerts
            WHERE happened_at >= ? AND happened_at < ? AND village_code LIKE ? AND NOT withdrawn AND NOT process)
"""
_STEP = """
case_id, sequence, node, flow, village_code, town_code, started_at, due_at, done_at, working_hours, late, returned,
backfilled
"""
_PROPOSAL = """
proposal_id, rule_id, region_code, issued_by, alerts, served_at, answered_at, adopted, overdue, alerts_before,
alerts_after, compared_days
"""
_PROPOSAL_STATES = {"answered": "answered_at IS NOT NULL", "adopted": "adopted IN ('adopted', 'partly_adopted')"}
_HOURS_OF_A_DAY = 8


@dataclass
class Where:
    """Conditions with their values, a `?` for each."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition."""
        for value in values:
            self.values.append(value)
            condition = condition.replace("?", f"${len(self.values)}", 1)
        self.conditions.append(condition)

    def equal(self, **columns: str) -> None:
        """Each column that is asked for."""
        for column, value in columns.items():
            if value:
                self.add(f"{column} = ?", value)

    def within(self, at: str, period: Period, seat: Seat) -> None:
        """In a period, by one of its times, and in a region."""
        self.add(f"{at} >= ? AND {at} < ? AND village_code LIKE ?", period.begins, period.ends, seat.within)

    def __str__(self) -> str:
        return " AND ".join(self.conditions)


class List(Protocol):
    """One of the lists."""

    async def __call__(
        self, conn: Connection, period: Period, seat: Seat, wanted: Any, plan: Plan, words: Words, url: str
    ) -> tuple[list[Any], str | None]:
        """A page of rows and the cursor of the next."""


async def alerts(
    conn: Connection, period: Period, seat: Seat, wanted: AlertChoice, plan: Plan, words: Words, notifier_url: str
) -> tuple[list[ListedAlert], str | None]:
    """A page of alerts, the latest first. Raises `BadCursor`."""
    where, at = Where(), "closed_at" if wanted.state in _BY_JUDGEMENT else "happened_at"
    if wanted.case:
        # All alerts of one case, whenever they happened.
        where.add("case_ids @> ARRAY[?] AND village_code LIKE ? AND happened_at IS NOT NULL", wanted.case, seat.within)
    else:
        where.within(at, period, seat)
    where.add(_STATES[wanted.state])
    where.equal(matter=wanted.matter, rule_id=wanted.rule, outcome=wanted.outcome)
    if wanted.grade == "graded" or (wanted.state in _BY_JUDGEMENT and not wanted.grade):
        where.add("NOT process")
    elif wanted.grade:
        where.add("grade = ?", wanted.grade)
    _of_institution(where, wanted.institution, plan)
    if wanted.contractor:
        where.add(_OF_CONTRACTOR, wanted.contractor)
    rows, following = await _page(conn, "supervised_alerts", _ALERT, where, at, ("alert_id",), wanted)
    now: datetime = await conn.fetchval("SELECT now()")
    return [_alert(row, now, notifier_url) for row in rows], following


async def cases(
    conn: Connection, period: Period, seat: Seat, wanted: CaseChoice, plan: Plan, words: Words, notifier_url: str
) -> tuple[list[ListedCase], str | None]:
    """A page of cases, the latest first. Raises `BadCursor`."""
    where, at = Where(), {"closed": "closed_at", "contracted": "contracted_at"}.get(wanted.which, "opened_at")
    if wanted.which == "at_stake":
        where.add(_AT_STAKE, period.begins, period.ends, seat.within)
    else:
        where.within(at, period, seat)
    if wanted.which == "contracted":
        where.add("contractor_key IS NOT NULL AND state <> 'withdrawn'")
    where.equal(matter=wanted.matter, flow=wanted.flow, contractor_key=wanted.contractor)
    rows, following = await _page(conn, "supervised_cases c", _CASE, where, at, ("case_id",), wanted)
    return [_case(row, words) for row in rows], following


async def steps(
    conn: Connection, period: Period, seat: Seat, wanted: StepChoice, plan: Plan, words: Words, notifier_url: str
) -> tuple[list[ListedStep], str | None]:
    """A page of handlings, the latest first. Raises `BadCursor`."""
    where = Where()
    where.within("done_at", period, seat)
    where.equal(flow=wanted.flow, node=wanted.node)
    if wanted.late:
        where.add("late")
    rows, following = await _page(
        conn, "supervised_steps", _STEP, where, "done_at", ("case_id", "sequence::text"), wanted
    )
    return [_step(row, words) for row in rows], following


async def proposals(
    conn: Connection, period: Period, seat: Seat, wanted: ProposalChoice, plan: Plan, words: Words, notifier_url: str
) -> tuple[list[ListedProposal], str | None]:
    """A page of proposals, the latest served first. Raises `BadCursor`."""
    where = Where()
    where.add("served_at < ? AND region_code LIKE ?", period.ends, seat.within)
    if wanted.which == "served":
        where.add("served_at >= ?", period.begins)
    if wanted.state:
        where.add(_PROPOSAL_STATES[wanted.state])
    _of_institution(where, wanted.institution, plan)
    rows, following = await _page(conn, "supervised_proposals", _PROPOSAL, where, "served_at", ("proposal_id",), wanted)
    return [_proposal(row, plan, notifier_url) for row in rows], following


def _of_institution(where: Where, institution: str, plan: Plan) -> None:
    if institution == OTHER:
        where.add("rule_id <> ALL(?)", sorted(plan.institution_of))
    elif institution:
        where.add("rule_id = ANY(?)", [rule for rule, code in plan.institution_of.items() if code == institution])


async def _page(
    conn: Connection, table: str, columns: str, where: Where, at: str, keys: Sequence[str], wanted: ListChoice
) -> tuple[list[Record], str | None]:
    order = (at, *keys)
    if wanted.after:
        where.add(f"({', '.join(order)}) < ({', '.join('?' * len(order))})", *_behind(wanted.after, len(keys)))
    descending = ", ".join(f"{key} DESC" for key in order)
    query = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {descending} LIMIT {wanted.limit + 1}"
    rows: list[Record] = await conn.fetch(query, *where.values)
    page = rows[: wanted.limit]
    if len(rows) == len(page):
        return page, None
    last = page[-1]
    names = [key.removesuffix("::text") for key in keys]
    return page, cursor.write(last[at].isoformat(), *(str(last[name]) for name in names))


def _behind(text: str, keys: int) -> tuple[Any, ...]:
    """The sort keys of the last row of the page before; raises `BadCursor`."""
    try:
        moment, *rest = cursor.read(text)
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or len(rest) != keys or any("\0" in each for each in rest):
            raise ValueError
    except ValueError as error:
        raise BadCursor("after 须取自上一页的 next", "`after` must be the `next` of the page before") from error
    return (at, *rest)


def _alert(row: Record, now: datetime, notifier_url: str) -> ListedAlert:
    return ListedAlert(
        alert_id=row["alert_id"],
        rule_id=row["rule_id"],
        title=Bilingual(zh=row["title_zh"], en=row["title_en"]),
        grade=row["grade"],
        matter=row["matter"],
        village=Named.region(row["village_code"]),
        town=Named.region(row["town_code"]),
        happened_at=row["happened_at"],
        delivered_at=row["delivered_at"],
        acknowledged_at=row["acknowledged_at"],
        closed_at=row["closed_at"],
        due_at=row["due_at"],
        overdue=row["closed_at"] is None and row["due_at"] is not None and row["due_at"] <= now,
        withdrawn=row["withdrawn"],
        reopened=row["reopened"],
        outcome=row["outcome"],
        recovered_fen=row["recovered_fen"],
        case_ids=tuple(row["case_ids"]),
        case_nos=tuple(row["case_nos"]),
        link=f"{notifier_url}/alerts/{row['alert_id']}",
    )


def _case(row: Record, words: Words) -> ListedCase:
    return ListedCase(
        case_id=row["case_id"],
        case_no=row["case_no"],
        flow=row["flow"],
        flow_name=Bilingual.of(flow_name(words, row["flow"])),
        matter=row["matter"],
        village=Named.region(row["village_code"]),
        town=Named.region(row["town_code"]),
        state=row["state"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        node=row["node"],
        due_at=row["due_at"],
        amount_fen=row["amount_fen"],
        amount_kind=row["amount_kind"],
        contractor=row["contractor_name"],
        alerts=row["alerts"],
        link=f"/cases/{row['case_id']}",
    )


def _step(row: Record, words: Words) -> ListedStep:
    hours = row["working_hours"]
    return ListedStep(
        case_id=row["case_id"],
        sequence=row["sequence"],
        node=row["node"],
        name=Bilingual.of(node_name(words, row["flow"], row["node"])),
        flow=row["flow"],
        village=Named.region(row["village_code"]),
        town=Named.region(row["town_code"]),
        started_at=row["started_at"],
        due_at=row["due_at"],
        done_at=row["done_at"],
        days=None if hours is None else hours / _HOURS_OF_A_DAY,
        late=row["late"],
        returned=row["returned"],
        backfilled=row["backfilled"],
        link=f"/cases/{row['case_id']}",
    )


def _proposal(row: Record, plan: Plan, notifier_url: str) -> ListedProposal:
    institution = plan.institution(plan.institution_of.get(row["rule_id"], OTHER))
    return ListedProposal(
        **{name: row[name] for name in ("proposal_id", "rule_id", "alerts", "served_at", "answered_at", "adopted")},
        **{name: row[name] for name in ("overdue", "alerts_before", "alerts_after", "compared_days")},
        institution=Bilingual(zh=institution.zh, en=institution.en),
        region=Named.region(row["region_code"]),
        issued_by=Named.region(row["issued_by"]),
        link=f"{notifier_url}/proposals/{row['proposal_id']}",
    )


PAGES = {"alerts": AlertPage, "cases": CasePage, "steps": StepPage, "proposals": ProposalPage}
