"""Members vote from their phones at the same moment: each counts once, what is told is told once, and who has voted is
left in peace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from services.approval.app import build
from services.approval.cases import Case, RoleHolder
from services.approval.changes import CaseChange, waits_for
from services.approval.flows import load
from services.approval.store import save
from shared.contracts.power import NodeFields, PowerEvent
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token

VILLAGE = "330421103201"
pytestmark = pytest.mark.without_broker
SignIn = Callable[[str, str], httpx.AsyncClient]


@pytest.fixture
async def sign_in(settings: Settings, token: Token) -> AsyncIterator[SignIn]:
    app = build(settings.model_copy(update={"rate_limits": False}))
    made: list[httpx.AsyncClient] = []

    def person(name: str, role: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(f'{role}@{VILLAGE}', subject=name, name=name)}"}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test", headers=headers))
        return made[-1]

    async with app.router.lifespan_context(app):
        yield person
        for each in made:
            await each.aclose()


@pytest.fixture
async def db(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("approval")


async def brought(db: Database, flow: str, *done: str, filled: NodeFields | None = None) -> Case:
    """A case that waits behind these nodes, as existing records bring it; the last of them says `filled`."""
    of, now = load().flow(flow), datetime.now(UTC)
    by = RoleHolder("k", "李明", frozenset({"handler"}))
    told = {"case_id": str(uuid4()), "case_no": f"旧-{uuid4()}", "title": "抢险用砂石", "village_code": VILLAGE}
    case, opened = Case.record_opening(of, **told, by=by, fields=NodeFields(), occurred_at=now, now=now)
    events: list[PowerEvent] = [opened]
    for node in done:
        fields = filled if filled and node == done[-1] else NodeFields()
        case, event = case.record(of, node=node, by=by, fields=fields, documents=(), occurred_at=now, now=now)
        events.append(event)
    async with db.begin(Scope.system()) as conn:
        await save(conn, [CaseChange(case, events, waits_for(of, case))])
    return case


async def nodes_waiting(client: httpx.AsyncClient, case: Case) -> list[str]:
    tasks = (await client.get("/v1/tasks")).json()["tasks"]
    listed = (await client.get("/v1/cases", params={"waiting": True})).json()["cases"]
    found = [task["node"] for task in tasks if task["case_id"] == case.case_id]
    assert bool(found) == (case.case_id in {each["case_id"] for each in listed})
    return sorted(found)


async def test_ballots_at_the_same_moment_count_once_each(sign_in: SignIn, db: Database) -> None:
    case = await brought(db, "PR4", "PR4-01", "PR4-02", "PR4-03", "PR4-04")
    url, seen = f"/v1/cases/{case.case_id}", f'"{case.sequence}"'
    members = [sign_in(f"委员{number}", "two_committees") for number in range(5)]
    clerk = sign_in("经办人", "handler")
    assert await nodes_waiting(members[0], case) == ["PR4-05"]
    body = {"node": "PR4-05", "vote": "for"}

    async def vote(number: int) -> httpx.Response:
        headers = {"if-match": seen, "idempotency-key": f"{case.case_id} {number}"}
        return await members[number].post(f"{url}/ballots", json=body, headers=headers)

    # All of them twice, at once, each having seen the case as it was before any had voted.
    answers = await asyncio.gather(*(vote(number) for number in [*range(4), *range(4)]))
    assert {answer.status_code for answer in answers} == {200}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    told = (await clerk.get(url)).json()
    assert (told["sequence"], told["voting"][0]["votes_for"]) == (case.sequence + 4, 4)
    async with db.begin(Scope.system()) as conn:
        cast = "SELECT count(*) FROM case_events WHERE case_id = $1 AND type = 'case.ballot_cast.v1'"
        assert await conn.fetchval(cast, UUID(case.case_id)) == 4
        assert await conn.fetchval("SELECT count(*) FROM outbox WHERE subject = $1", case.case_id) == told["sequence"]
    assert [await nodes_waiting(each, case) for each in (members[0], members[4], clerk)] == [[], ["PR4-05"], ["PR4-05"]]
    stale = await clerk.post(f"{url}/complete", json={"node": "PR4-05"}, headers={"if-match": seen})
    assert stale.status_code == 412
    await clerk.post(f"{url}/suspend", json={"reason": "核实"})
    assert (await vote(4)).status_code == 412


async def test_each_of_two_nodes_waits_in_its_own_inbox(sign_in: SignIn, db: Database) -> None:
    case = await brought(db, "EN5", "EN5-01")
    supervisor, clerk = sign_in("监委", "supervisory_committee"), sign_in("经办", "handler")
    assert await nodes_waiting(supervisor, case) == ["EN5-02"]
    assert await nodes_waiting(clerk, case) == ["EN5-03"]
    (task,) = [each for each in (await clerk.get("/v1/tasks")).json()["tasks"] if each["case_id"] == case.case_id]
    assert (task["due_at"], [each["node"] for each in task["also_waiting"]]) == (
        case.turns[1].due_at and case.turns[1].due_at.isoformat().replace("+00:00", "Z"),
        ["EN5-02"],
    )
    page = await clerk.get(f"/cases/{case.case_id}", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert f"/cases/{case.case_id}?node=EN5-02" in page.text
    listed = await clerk.get("/v1/cases", params={"node": "EN5-03"})
    assert case.case_id in {each["case_id"] for each in listed.json()["cases"]}
