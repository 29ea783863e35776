"""Every notice is accounted for: each hole, made on a real database, is found, told to those who may know, and ends."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.notifier import reckoning
from services.notifier.consumer import handle_batch
from services.notifier.reckoning import Reckoning, standing
from shared.bus.envelope import Envelope
from shared.contracts.alerts import RAISED_TOPIC, Alert
from shared.db import Database, Scope
from shared.telemetry import NOTICES_LOST, RECKONED
from tests.notifier.samples import COUNTY, NOW, OTHER_TOWN, TOWN, alert, raised

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("notifier")


async def delivered(db: Database) -> Alert:
    """A red alert on its desk; what tells of it has gone on."""
    found = alert()
    told = Envelope.of(raised(found), source="/detector", topic=RAISED_TOPIC, key=found.alert_id, time=NOW)
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [told])
    await execute(db, "DELETE FROM outbox", "UPDATE delivery_progress SET position = (SELECT latest FROM stream_ends)")
    return found


async def execute(db: Database, *statements: str) -> None:
    async with db.begin(Scope.system()) as conn:
        for statement in statements:
            await conn.execute(statement)


async def holes(db: Database, scope: Scope | None = None) -> list[tuple[str, str | None]]:
    async with db.begin(scope or Scope.system(), readonly=True) as conn:
        return [(one.kind, one.alert_id) for one in await standing(conn)]


async def test_a_notice_that_goes_its_way_is_no_hole(db: Database) -> None:
    await delivered(db)
    await Reckoning(db).reckon(datetime.now(UTC) + timedelta(minutes=10))
    assert await holes(db) == []


@pytest.mark.parametrize(
    ("kind", "making", "filling", "after"),
    [
        ("no_desk", "UPDATE inbox SET removed_at = now()", "UPDATE inbox SET removed_at = NULL", timedelta(minutes=6)),
        (
            "unread",
            "SELECT",
            "INSERT INTO readings (alert_id, seat, subject, name) SELECT alert_id, desks[1], 'system', '' FROM alerts",
            timedelta(hours=9),
        ),
        (
            "not_escalated",
            "UPDATE alerts SET due_by = now() - interval '6 minutes', escalate_at = NULL, escalated = false",
            "UPDATE alerts SET escalated = true",
            timedelta(0),
        ),
        (
            "not_told",
            "INSERT INTO outbox (event_id, topic, key, type, source, time)"
            " SELECT gen_random_uuid(), 't', 'k', 't', 's', now()",
            "DELETE FROM outbox",
            timedelta(minutes=3),
        ),
        (
            "not_fanned_out",
            "UPDATE delivery_progress SET position = 0",
            "UPDATE delivery_progress SET position = (SELECT latest FROM stream_ends)",
            timedelta(minutes=3),
        ),
    ],
)
async def test_each_hole_is_found_once_and_ends_when_it_is_filled(
    db: Database, kind: str, making: str, filling: str, after: timedelta
) -> None:
    found = await delivered(db)
    await execute(db, making)
    account, later = Reckoning(db), datetime.now(UTC) + after
    for _ in range(2):
        await account.reckon(later)
    where = None if kind in ("not_told", "not_fanned_out") else found.alert_id
    assert await holes(db) == [(kind, where)]
    assert NOTICES_LOST.labels(kind)._value.get() == 1
    auditor, stranger = Scope("", f"auditor@{COUNTY}", "he"), Scope("", f"auditor@{OTHER_TOWN}", "ma")
    assert await holes(db, auditor) == [(kind, where)]
    assert await holes(db, stranger) == ([] if where else [(kind, None)])
    await execute(db, "SELECT set_config('yunjing.subject', 'system', true)", filling)
    await account.reckon(later)
    assert await holes(db) == []
    assert NOTICES_LOST.labels(kind)._value.get() == 0
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM reckoning_findings WHERE ended_at = $1", later) == 1


async def test_the_heartbeat_goes_stale_when_the_reckoning_stops(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Reckoning(db)
    now = datetime.now(UTC)
    await account.reckon(now)
    assert account.beating
    assert RECKONED._value.get() == now.timestamp()
    async with db.begin(Scope("", f"auditor@{TOWN}", "he"), readonly=True) as conn:
        assert await reckoning.last_beat(conn) == now
    stale = reckoning.book().model_copy(update={"stale_after_seconds": 0.0})
    monkeypatch.setattr(reckoning, "book", lambda: stale)
    assert not account.beating
