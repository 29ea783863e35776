"""The supervisors' read models over a real broker and database: filled, guarded by region and role, rebuilt."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.disclosure import app as disclosure
from services.disclosure.read_models import SUPERVISION
from services.disclosure.rebuild import rebuild
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts import alerts, appeals, power
from shared.contracts.alerts import AlertStateChanged
from shared.contracts.appeals import AppealFiled
from shared.contracts.base import Contract
from shared.contracts.power import CaseEvent
from shared.contracts.proposals import ProposalChanged
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import FIRM, NOW, OTHER_VILLAGE, VILLAGE, award, bids_in, exactly, opened
from tests.disclosure.served import served
from tests.notifier.samples import TOWN, about, alert, raised

TABLES = ("alerts", "cases", "steps", "proposals", "appeals")
COUNTY, CITY = "330421000000", "330400000000"


def envelope(event: Any) -> Envelope:
    """As its service sends it."""
    if isinstance(event, CaseEvent):
        topic, key = power.TOPIC, event.village_code
    elif isinstance(event, AppealFiled):
        topic, key = appeals.TOPIC, event.village_code
    elif isinstance(event, AlertStateChanged | ProposalChanged):
        topic, key = alerts.LIFECYCLE_TOPIC, "key"
    else:
        topic, key = alerts.RAISED_TOPIC, event.alert_id
    return Envelope.of(event, source="/tests", topic=topic, key=key, time=event.occurred_at)


def moved(alert_id: str, state: str, day: int, **values: Any) -> AlertStateChanged:
    """The notifier moved an alert."""
    place = {"village_code": VILLAGE, "town_code": TOWN, "grade": "red", "matter": "PR", "rule_id": "A001"}
    at = NOW + timedelta(days=day)
    return exactly(
        AlertStateChanged, alert_id=alert_id, state_from="", state_to=state, occurred_at=at, **place, **values
    )


def story() -> list[Contract]:
    """Two towns, a judged alert, one about a town's official and one about the reader, a proposal, an appeal."""
    other: dict[str, Any] = {"village_code": OTHER_VILLAGE, "town_code": "330421105000"}
    proposal = {"proposal_id": "p", "origin": "pattern", "addressee": "town_office", "region_code": TOWN, "alerts": 3}
    issued = {"issued_by": TOWN, "rule_id": "A001", "matter": "EN", "state_from": "draft", "state_to": "served"}
    filed = {"revision": 1, "village_code": VILLAGE, "desk": TOWN, "kind": "question", "state": "filed"}
    return [
        opened("one"),
        bids_in("one"),
        award("one"),
        opened("two", **other),
        *(raised(alert(alert_id=each, case_ids=("one",))) for each in ("judged", "open")),
        raised(alert(alert_id="elsewhere", **other)),
        raised(alert(alert_id="of-the-town", about=(about("town", TOWN),))),
        raised(alert(alert_id="of-myself", about=(about("village", VILLAGE, "myself"),))),
        moved("judged", "pushed", 0),
        moved("judged", "acknowledged", 1),
        moved("judged", "closed_rectified", 2, outcome="rectified", recovered_fen=700),
        exactly(ProposalChanged, **proposal, **issued, occurred_at=NOW),
        exactly(AppealFiled, appeal_id="q", **filed, filed_at=NOW, occurred_at=NOW),
    ]


@dataclass
class World:
    """The running service and its database."""

    settings: Settings
    db: Database

    async def tell(self, *events: Contract) -> None:
        """Through outbox, relay and broker."""
        async with self.db.begin(Scope.system()) as conn:
            await outbox.publish(conn, [envelope(event) for event in events])

    async def counts(self, scope: Scope) -> dict[str, int]:
        """How many rows of each model somebody sees."""
        async with self.db.begin(scope, readonly=True) as conn:
            return {name: await conn.fetchval(f"SELECT count(*) FROM supervised_{name}") for name in TABLES}

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All of it."""
        async with self.db.begin(Scope.system(), readonly=True) as conn:
            return {
                name: [dict(row) for row in await conn.fetch(f"SELECT * FROM supervised_{name} ORDER BY 1, 2")]
                for name in TABLES
            }

    async def filled(self, **wanted: int) -> None:
        """Wait until it has so many rows."""

        async def look() -> bool:
            return wanted.items() <= (await self.counts(Scope.system())).items()

        await eventually(look)


@pytest.fixture
async def world(settings: Settings, database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[World]:
    async with served(disclosure.build(settings)):
        yield World(settings, await database("disclosure"))


def scope(*grants: str, person: str = "somebody") -> Scope:
    """What the database knows of one with these grants; his regions are wider than his roles."""
    return Scope("330421%", ",".join(grants), "subject", person)


SEEN = {
    f"town_secretary@{TOWN}": (3, 1, 2, 1, 1),
    "town_secretary@330421105000": (1, 1, 0, 0, 0),
    f"county_secretary@{COUNTY}": (5, 2, 2, 1, 1),
    f"county_leader@{COUNTY}": (5, 2, 2, 1, 1),
    f"city_secretary@{CITY}": (5, 2, 2, 1, 1),
    f"auditor@{COUNTY}": (5, 2, 2, 1, 1),
    f"auditor@{TOWN}": (3, 1, 2, 1, 1),
    f"county_secretary@{'330499000000'}": (0, 0, 0, 0, 0),
    f"town_inspector@{TOWN}": (0, 0, 0, 0, 0),
    f"handler@{VILLAGE}": (0, 0, 0, 0, 0),
    "": (0, 0, 0, 0, 0),
}


async def test_supervision_is_filled_guarded_and_rebuilt(world: World) -> None:
    await world.tell(*story())
    await world.filled(alerts=5, cases=2, steps=2, proposals=1, appeals=1)

    async def judged() -> dict[str, Any] | None:
        found = next(row for row in (await world.rows())["alerts"] if row["alert_id"] == "judged")
        return found if found["closed_at"] and found["title_zh"] else None

    one = await eventually(judged)
    assert one
    assert (one["outcome"], one["recovered_fen"], one["hours_to_acknowledge"], one["case_ids"]) == (
        *("rectified", 700, 8.0),
        ["one"],
    )
    case = (await world.rows())["cases"][0]
    assert (case["amount_fen"], case["contractor_name"], len(case["contractor_key"])) == (3_800_000, FIRM, 32)
    await _is_guarded(world)
    assert (await world.counts(scope(f"town_secretary@{TOWN}", person="myself")))["alerts"] == 2
    assert (await world.counts(scope(f"county_secretary@{COUNTY}", person="myself")))["alerts"] == 4

    right = await world.rows()
    lines: list[str] = []
    async with world.db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE supervised_alerts SET recovered_fen = 1; DELETE FROM supervised_steps")
    assert await rebuild(world.settings, SUPERVISION, tell=lines.append) == 0
    assert await world.rows() == right
    assert any("supervision" in line and "%" in line for line in lines)
    await _is_guarded(world)
    await world.tell(opened("three"))
    await world.filled(cases=3)


async def _is_guarded(world: World) -> None:
    for grant, wanted in SEEN.items():
        seen = await world.counts(scope(grant) if grant else Scope.public())
        assert tuple(seen.values()) == wanted, grant
    conn = await world.db.dedicated()
    try:
        assert await conn.fetchval("SELECT count(*) FROM supervised_alerts") == 0, "nothing without a scope"
    finally:
        await conn.close()
