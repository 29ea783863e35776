"""Nobody decides of himself or his kin: the register of kinship reaches approval over Kafka, and who is near stands
aside, alone and in batches, until the tie has ended; somebody else decides."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.approval.app import build
from services.approval.cases import Case
from shared.bus.envelope import Envelope
from shared.bus.outbox import publish
from shared.contracts.power import Grant, NodeFields
from shared.contracts.reference import Kinship
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.integration.test_ballots import VILLAGE, brought
from tests.integration.test_detector import deleted, record

SUPERVISOR, WIFE, BROTHER, STRANGER, OTHER = "a" * 32, "b" * 32, "c" * 32, "d" * 32, "e" * 32
RELIEF = ("RE1-01", "RE1-02", "RE1-03", "RE1-04")
PAPER = b"%PDF-1.7\n1 0 obj\nendobj\n"


@dataclass(frozen=True)
class Person:
    """Somebody of the village's supervisory committee at the desk."""

    client: httpx.AsyncClient

    async def posts(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = await self.client.post(path, json=body)
        return answer.status_code, answer.json()

    async def decision(self) -> dict[str, Any]:
        """A yes of the committee with its papers."""
        headers = {"content-type": "application/pdf"}
        sha256 = (await self.client.post("/v1/documents?name=a.pdf", content=PAPER, headers=headers)).json()["sha256"]
        counts = {"meeting_on": date.today().isoformat(), "attendees_present": 3, "votes_for": 3, "votes_against": 0}
        papers = [{"kind": kind, "sha256": sha256} for kind in ("review_record", "sign_in")]
        return {"node": "RE1-05", "fields": counts | {"approved": True}, "documents": papers}


@dataclass(frozen=True)
class Village:
    """Its two supervisors, and the service's database."""

    db: Database
    near: Person
    other: Person

    async def register(self, *events: Envelope) -> None:
        """Tell the register's changes over Kafka, and wait until approval has taken them."""
        async with self.db.begin(Scope.system()) as conn:
            await publish(conn, events)
        await eventually(lambda: self._taken([event.id for event in events]))

    async def _taken(self, ids: list[str]) -> bool:
        async with self.db.begin(Scope.system()) as conn:
            known = await conn.fetchval("SELECT count(*) FROM seen_events WHERE event_id = ANY ($1::uuid[])", ids)
        return bool(known == len(ids))


@pytest.fixture
async def village(settings: Settings, token: Token) -> AsyncIterator[Village]:
    app = build(settings.model_copy(update={"rate_limits": False}))

    def person(subject: str, key: str) -> Person:
        grant = f"supervisory_committee@{VILLAGE}"
        headers = {"authorization": f"Bearer {token(grant, subject=subject, name=subject, person_key=key)}"}
        return Person(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test", headers=headers))

    async with app.router.lifespan_context(app):
        near, other = person("sun", SUPERVISOR), person("qian", OTHER)
        yield Village(app.state.db, near, other)
        await near.client.aclose()
        await other.client.aclose()


def tie(id: str, one: str, other: str, relation: str, until: date | None = None) -> Envelope:
    return record(Kinship(id=id, person_key=one, relative_key=other, relation=relation, valid_to=until))


def code(problem: dict[str, Any]) -> str:
    return str(problem["type"]).rpartition("/")[2]


async def waiting(village: Village, beneficiary: str) -> Case:
    filled = NodeFields(beneficiary_key=beneficiary, beneficiary_name="王五", household_income_fen=0)
    return await brought(village.db, "RE1", *RELIEF, filled=filled)


async def test_who_is_near_stands_aside_until_the_tie_has_ended(village: Village) -> None:
    cases = [await waiting(village, key) for key in (BROTHER, BROTHER, STRANGER, SUPERVISOR)]
    urls = [f"/v1/cases/{case.case_id}" for case in cases]
    decision = await village.near.decision()
    await village.register(
        tie("k1", WIFE, SUPERVISOR, "配偶"), tie("k2", WIFE, BROTHER, "兄弟"), tie("k3", BROTHER, STRANGER, "儿媳")
    )
    status, refused = await village.near.posts(f"{urls[0]}/complete", decision)
    assert (status, code(refused)) == (403, "kin")
    assert [each["field"] for each in refused["errors"]] == ["node"]
    assert "镇里" in refused["detail"], "nobody else has been seen at work"
    assert not any(secret in str(refused) for secret in (WIFE, BROTHER, "配偶", "兄弟", "王五"))
    page = (await village.near.client.get(f"/cases/{cases[0].case_id}")).text
    assert ('id="aside"' in page, 'id="step"' in page) == (True, False), "nobody fills in what he may not file"
    assert not any(secret in page for secret in (WIFE, BROTHER, "配偶", "兄弟"))
    page = (await village.near.client.get(f"/cases/{cases[2].case_id}")).text
    assert ('id="aside"' in page, 'id="step"' in page) == (False, True)
    for deed, body in (("return", {"to_node": "RE1-01", "reason": "核实"}), ("withdraw", {"reason": "不符合"})):
        assert code((await village.near.posts(f"{urls[0]}/{deed}", body))[1]) == "kin"
    assert (await village.other.client.get("/")).status_code == 200
    assert "其他人" in (await village.near.posts(f"{urls[0]}/complete", decision))[1]["detail"]
    assert code((await village.near.posts(f"{urls[3]}/complete", decision))[1]) == "must-stand-aside"
    many = decision | {"cases": [{"case_id": cases[0].case_id}]}
    (one,) = (await village.near.posts("/v1/tasks/batch", many))[1]["results"]
    assert (one["status"], code(one["problem"])) == (403, "kin")
    assert (await village.near.posts(f"{urls[2]}/complete", decision))[0] == 200, "three steps are too far"
    assert (await village.other.posts(f"{urls[0]}/complete", await village.other.decision()))[0] == 200
    await village.register(tie("k1", WIFE, SUPERVISOR, "配偶", datetime.now(UTC).date() - timedelta(days=1)))
    assert (await village.near.posts(f"{urls[1]}/complete", decision))[0] == 200


async def test_who_is_near_does_not_vote_and_a_deleted_tie_bars_nobody(village: Village) -> None:
    granted = NodeFields(grants=(Grant(person_key=WIFE, name="王五", amount_fen=50000),))
    case = await brought(village.db, "RE3", "RE3-01", "RE3-02", filled=granted)
    await village.register(tie("k1", SUPERVISOR, WIFE, "配偶"))
    url, ballot = f"/v1/cases/{case.case_id}/ballots", {"node": "RE3-03", "vote": "for"}
    status, refused = await village.near.posts(url, ballot)
    assert (status, code(refused), refused["errors"][0]["field"]) == (403, "kin", "vote")
    assert (await village.near.posts(url, ballot | {"vote": "stand_aside"}))[0] == 200
    await village.register(deleted("kinship", "k1"))
    assert (await village.near.posts(url, ballot))[0] == 200


@pytest.mark.without_broker
async def test_nobody_is_shown_the_ties_and_asking_for_them_leaves_a_caller_what_he_was(village: Village) -> None:
    async with village.db.begin(Scope.system()) as conn:
        await conn.execute("INSERT INTO kinship VALUES ('k1', $1, $2, '2020-01-01', NULL)", SUPERVISOR, WIFE)
    async with village.db.begin(Scope("%", "village_head@330421103201", "wang", SUPERVISOR)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM ties_of($1)", [WIFE]) == 1
        assert await conn.fetchval("SELECT count(*) FROM kinship") == 0
        assert await conn.fetchval("SELECT current_setting('yunjing.roles')") == "village_head@330421103201"
