"""A batch of cases, alerts, proposals and appeals, start to end: events become what the supervisors may count."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from services.disclosure.supervision import alerts as alert
from services.disclosure.supervision import cases, proposals, store
from services.disclosure.supervision.plan import plan
from shared.background import by_turns
from shared.bus.consumer import Handle
from shared.bus.envelope import Envelope
from shared.contracts import alerts, appeals, power
from shared.contracts.alerts import AlertRaised, AlertStateChanged, AlertUpdated, AlertWithdrawn
from shared.contracts.appeals import AppealEvent
from shared.contracts.power import CaseAmended, CaseEvent
from shared.contracts.proposals import ProposalChanged
from shared.db import Connection
from shared.identity import company_key

GROUP = "supervision"
TOPICS = (power.TOPIC, alerts.RAISED_TOPIC, alerts.LIFECYCLE_TOPIC, appeals.TOPIC)
_CASES: Mapping[str, type[CaseEvent]] = {event.TYPE: event for event in power.EVENTS}  # type: ignore[attr-defined]
_APPEALS: Mapping[str, type[AppealEvent]] = {event.TYPE: event for event in appeals.EVENTS}  # type: ignore[attr-defined]
_ALERTS: Mapping[str, type[AlertRaised | AlertUpdated | AlertWithdrawn | AlertStateChanged]] = {
    event.TYPE: event for event in (AlertRaised, AlertUpdated, AlertWithdrawn, AlertStateChanged)
}


def handler(secret: str) -> Handle:
    """Takes a batch in; `secret` keys the hashes of contractors."""
    return partial(_handle, partial(company_key, secret=secret))


async def _handle(key_of: Callable[[str], str], conn: Connection, batch: list[Envelope]) -> None:
    told = (e for e in batch if e.type in _CASES)
    await _take_cases(conn, [_CASES[e.type].model_validate(e.data) async for e in by_turns(told)], key_of)
    await _take_alerts(conn, [e for e in batch if e.type in _ALERTS])
    await _take_proposals(
        conn, [ProposalChanged.model_validate(e.data) for e in batch if e.type == ProposalChanged.TYPE]
    )
    if filed := [_APPEALS[e.type].model_validate(e.data) for e in batch if e.type in _APPEALS]:
        await store.save_appeals(conn, filed)


async def _take_cases(conn: Connection, events: Sequence[CaseEvent], key_of: Callable[[str], str]) -> None:
    if not events:
        return
    found, steps = await store.cases(conn, (event.case_id for event in events)), []
    async for event in by_turns(events):
        found[event.case_id], step = cases.take(found.get(event.case_id), event, plan(), key_of)
        if step:
            steps.append(step)
    await store.save_cases(conn, found.values(), plan())
    await store.add_steps(conn, steps)
    amended = (event for event in events if isinstance(event, CaseAmended) and event.node)
    await store.amend_steps(
        conn, ((event.case_id, event.supersedes, cases.shown(event.fields, plan())) for event in amended)
    )


async def _take_alerts(conn: Connection, batch: Sequence[Envelope]) -> None:
    if not batch:
        return
    events = [(e.time, _ALERTS[e.type].model_validate(e.data)) for e in batch]
    found = await store.alerts(conn, (event.alert_id for _, event in events))
    for at, event in events:
        held = found.get(event.alert_id)
        match event:
            case AlertStateChanged():
                found[event.alert_id] = alert.moved(held, event, plan())
            case AlertWithdrawn():
                found[event.alert_id] = alert.taken_back(held, event)
            case AlertRaised() | AlertUpdated():
                found[event.alert_id] = alert.told(held, event, at)
    await store.save_alerts(conn, found.values())


async def _take_proposals(conn: Connection, events: Sequence[ProposalChanged]) -> None:
    if not events:
        return
    found = await store.proposals(conn, (event.proposal_id for event in events))
    for event in events:
        found[event.proposal_id] = proposals.changed(found.get(event.proposal_id), event)
    await store.save_proposals(conn, found.values())
