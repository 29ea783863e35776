"""A batch of `power.events` and `alerts.raised`, start to end: events become what the public may see."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.disclosure import cases, villages
from services.disclosure.masking import masks
from services.disclosure.projections import alert, case, village
from services.disclosure.projections.alert import Tally
from services.disclosure.schemas import VillagePage
from services.disclosure.vocabulary import vocabulary
from shared.bus.envelope import Envelope
from shared.contracts import power
from shared.contracts.alerts import Alert, AlertRaised, AlertUpdated, AlertWithdrawn
from shared.contracts.power import CaseEvent
from shared.db import Connection

Finding = Alert | AlertWithdrawn
_CASE_EVENTS: dict[str, type[CaseEvent]] = {event.TYPE: event for event in power.EVENTS}  # type: ignore[attr-defined]
_FINDINGS: dict[str, type[AlertRaised | AlertUpdated | AlertWithdrawn]] = {
    event.TYPE: event for event in (AlertRaised, AlertUpdated, AlertWithdrawn)
}


async def handle_batch(conn: Connection, batch: list[Envelope]) -> None:
    """Load the pages, cases and counts that the batch touches, let each event change them, save; in one transaction."""
    events = [_CASE_EVENTS[e.type].model_validate(e.data) for e in batch if e.type in _CASE_EVENTS]
    findings: list[Finding] = [_FINDINGS[e.type].model_validate(e.data) for e in batch if e.type in _FINDINGS]
    if not events and not findings:
        return
    counted = await alert.load(conn, (finding.alert_id for finding in findings)) if findings else {}
    touched = {each.village_code for each in (*events, *findings, *counted.values())}
    held = await village.load(conn, touched)
    pages = {code: rendered.page for code, rendered in held.items()}
    if events:
        await _move_cases(conn, events, pages)
    if findings:
        await _count_alerts(conn, findings, counted, pages)
    await village.save(conn, held, pages, datetime.now(UTC))


async def _move_cases(conn: Connection, events: Sequence[CaseEvent], pages: dict[str, VillagePage]) -> None:
    before = await case.load(conn, (event.case_id for event in events))
    after = dict(before)
    for event in events:
        after[event.case_id] = cases.take(after.get(event.case_id), event, masks(), vocabulary())
    moved = [each for key, each in after.items() if each is not before.get(key)]
    await case.save(conn, moved)
    for each in moved:
        if page := pages.get(each.village_code):
            pages[each.village_code] = villages.with_case(page, before.get(each.case_id), each)


async def _count_alerts(
    conn: Connection, findings: Sequence[Finding], counted: dict[str, Tally], pages: dict[str, VillagePage]
) -> None:
    now = dict(counted)
    for finding in findings:
        if (known := now.get(finding.alert_id)) is None or known.revision < finding.revision:
            now[finding.alert_id] = Tally.of(finding)
    await alert.save(conn, now)
    places = {tally.village_code for tally in (*counted.values(), *now.values())}
    for code, count in (await alert.count(conn, places)).items():
        if page := pages.get(code):
            pages[code] = villages.with_alerts(page, count, masks().smallest_group)
