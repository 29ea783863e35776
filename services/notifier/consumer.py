"""A batch of `alerts.raised`, start to end: findings become alerts on the right desks."""

from datetime import UTC, datetime

from services.notifier import inbox, standing
from services.notifier.errors import WithdrawnUnknown
from services.notifier.standing import Change, Standing
from shared.bus.envelope import Envelope
from shared.contracts.alerts import Alert, AlertRaised, AlertUpdated, AlertWithdrawn
from shared.db import Connection

_EVENTS: dict[str, type[AlertRaised | AlertUpdated | AlertWithdrawn]] = {
    event.TYPE: event for event in (AlertRaised, AlertUpdated, AlertWithdrawn)
}


async def handle_batch(conn: Connection, batch: list[Envelope]) -> None:
    """Load the alerts that the batch names, let each event change them, save; all in the given transaction."""
    events = [_EVENTS[e.type].model_validate(e.data) for e in batch if e.type in _EVENTS]
    held = await inbox.load(conn, (event.alert_id for event in events))
    before, now = frozenset(held), datetime.now(UTC)
    changes = []
    for event in events:
        if change := _change(held.get(event.alert_id), event, now):
            held[event.alert_id] = change.standing
            changes.append(change)
    await inbox.save(conn, changes, new=frozenset(held) - before)


def _change(held: Standing | None, event: Alert | AlertWithdrawn, now: datetime) -> Change | None:
    if isinstance(event, Alert):
        return standing.arrive(held, Alert.model_validate(event.model_dump()), now)
    if held is None:
        raise WithdrawnUnknown(f"alert {event.alert_id} never arrived")
    return standing.withdraw(held, event, now)
