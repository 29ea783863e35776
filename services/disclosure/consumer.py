"""A batch of `power.events` and `alerts.raised`, start to end: events become what the public may see."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.disclosure import cases, revising, village_page
from services.disclosure.masking import masks
from services.disclosure.projections import alert_marks, case, takedowns, village
from services.disclosure.projections.alert_marks import Mark
from services.disclosure.schemas import VillagePage
from services.disclosure.vocabulary import vocabulary
from shared.background import by_turns
from shared.bus.envelope import Envelope
from shared.contracts import alerts, power
from shared.contracts.alerts import AlertRaised, AlertUpdated, AlertWithdrawn
from shared.contracts.power import CaseEvent
from shared.db import Connection

GROUP = "disclosure"
TOPICS = (power.TOPIC, alerts.RAISED_TOPIC)
_CASE_EVENTS: dict[str, type[CaseEvent]] = {event.TYPE: event for event in power.EVENTS}  # type: ignore[attr-defined]
_FINDINGS: dict[str, type[AlertRaised | AlertUpdated | AlertWithdrawn]] = {
    event.TYPE: event for event in (AlertRaised, AlertUpdated, AlertWithdrawn)
}


async def handle_batch(conn: Connection, batch: list[Envelope]) -> None:
    """Load the pages and cases that the batch touches, let each event change them, save; in one transaction."""
    told = (e for e in batch if e.type in _CASE_EVENTS)
    events = [_CASE_EVENTS[e.type].model_validate(e.data) async for e in by_turns(told)]
    marks = [Mark.of(_FINDINGS[e.type].model_validate(e.data), e.time) for e in batch if e.type in _FINDINGS]
    if not events and not marks:
        return
    alerted = {mark.village_code for mark in marks}
    if marks:
        alerted |= await alert_marks.villages_of(conn, (mark.alert_id for mark in marks))
        await alert_marks.add(conn, marks)
    now = datetime.now(UTC)
    held = await village.load(conn, {event.village_code for event in events} | alerted)
    pages = {code: rendered.whole for code, rendered in held.items()}
    if events:
        await _move_cases(conn, events, pages, now)
    await _count_alerts(conn, pages, {mark.year for mark in marks}, now)
    await village.save(conn, held, pages, now)


async def _move_cases(
    conn: Connection, events: Sequence[CaseEvent], pages: dict[str, VillagePage], now: datetime
) -> None:
    before = await case.load(conn, (event.case_id for event in events))
    after = dict(before)
    async for event in by_turns(events):
        after[event.case_id] = cases.take(after.get(event.case_id), event, masks(), vocabulary())
    taken = await takedowns.standing(conn, after.keys() - before.keys())
    for key, marks in taken.items():
        after[key] = cases.with_taken(after[key], marks, masks())
    await revising.put(conn, before, after, pages, now)


async def _count_alerts(conn: Connection, pages: dict[str, VillagePage], told_in: set[int], now: datetime) -> None:
    """Publish the figure of the year that is over: when it has just ended, or when news of it come late."""
    over = _closed(pages, now)
    due = {
        (code, year)
        for code, year in over.items()
        if (shown := pages[code].alerts) is None or shown.year != year or any(told <= year for told in told_in)
    }
    if due:
        for code, count in (await alert_marks.count(conn, due)).items():
            pages[code] = village_page.with_alerts(pages[code], over[code], count, masks().smallest_group)


def _closed(pages: Mapping[str, VillagePage], now: datetime) -> dict[str, int]:
    years = {code: village_page.closed_year(page, now) for code, page in pages.items()}
    return {code: year for code, year in years.items() if year is not None}
