"""A batch of `alerts.raised`, start to end: what the detector found becomes alerts on the right desks."""

from datetime import UTC, datetime

from services.notifier import early, inbox, standing
from services.notifier.routing.plans import Plans
from services.notifier.standing import Change, EarlyWithdrawal
from shared.bus.envelope import Envelope, Undecodable
from shared.contracts.alerts import Alert, AlertRaised, AlertUpdated, AlertWithdrawn
from shared.db import Connection

_EVENTS: dict[str, type[Alert | AlertWithdrawn]] = {
    AlertRaised.TYPE: Alert,
    AlertUpdated.TYPE: Alert,
    AlertWithdrawn.TYPE: AlertWithdrawn,
}


async def handle_batch(conn: Connection, batch: list[Envelope], plans: Plans | None = None) -> None:
    """Load the alerts that the batch names, let each event change them, save; all in the given transaction.

    Raises `Undecodable` for an event of a type that it doesn't know: an alert must not be passed over in silence.
    """
    events = [_read(envelope) for envelope in batch]
    held = await inbox.load(conn, (event.alert_id for event in events))
    known, now = frozenset(held), datetime.now(UTC)
    plan = await (plans or Plans()).at(conn, now)
    ahead = await early.load(conn, {event.alert_id for event in events} - known)
    changes: list[Change] = []
    for event in events:
        key, change = event.alert_id, None
        if isinstance(event, Alert):
            change = standing.arrive(held.get(key), event, now, ahead.get(key), plan)
        elif key in held:
            change = standing.withdraw(held[key], event, now)
        elif key not in ahead or ahead[key].revision < event.revision:
            ahead[key] = EarlyWithdrawal(event.revision, event.reason)
        if change:
            held[key] = change.standing
            changes.append(change)
    new = frozenset(held) - known
    await early.save(conn, {key: one for key, one in ahead.items() if key not in held}, arrived=new & ahead.keys())
    await inbox.save(conn, changes, new=new)


def _read(envelope: Envelope) -> Alert | AlertWithdrawn:
    if envelope.type not in _EVENTS:
        raise Undecodable(f"no event of {envelope.topic} is of type {envelope.type}")
    return _EVENTS[envelope.type].model_validate(envelope.data)
