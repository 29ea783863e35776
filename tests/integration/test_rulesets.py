"""A county changes rules on a real broker and database: two persons, two detectors, the law of the day, back-tests."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.detector.app import build
from shared.bus import dlq, outbox
from shared.bus.envelope import Envelope
from shared.contracts import power, rulesets
from shared.contracts.rulesets import Keeper, RuleChanged
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.detector.rulebook import RULEBOOK

Open = Callable[[str], Awaitable[Database]]
VILLAGE, TOWN, COUNTY = "330421107201", "330421107000", "330421000000"
ELSEWHERE, OTHER_TOWN = "330421103201", "330421103000"
ACTOR = power.Actor(person_key="c1" * 16, name="王会计", role="handler")
DRAFTS = "/v1/rulesets/drafts"
# A032: booked without an invoice. One step of one case fires it.
RULE = "A032"
OWN = (
    RULEBOOK.rule(RULE).source.read_text(encoding="utf-8").replace("id: A032", "id: C001").replace("white_slip", "own")
)


def booked(case: int, *, village: str = VILLAGE, at: datetime | None = None) -> Envelope:
    """A purchase booked without its invoice, now."""
    at = at or datetime.now(UTC)
    id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"rulesets-{case}"))
    step = power.NodeCompleted(
        case_id=id,
        case_no=f"PR-{case:04}",
        title="办公用品",
        matter="PR",
        flow="PR1",
        village_code=village,
        town_code=village[:9] + "000",
        sequence=5,
        occurred_at=at,
        actor=ACTOR,
        node="PR1-05",
        required_documents=("invoice",),
    )
    return Envelope.of(step, source="/test", topic=power.TOPIC, key=village, time=at)


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("detector")


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings, RULEBOOK)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://detector") as client,
    ):
        yield client


@pytest.fixture
async def clients(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two detectors that share database and topics."""
    async with serving(settings) as one, serving(settings) as other:
        yield one, other


@pytest.fixture
async def client(clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> httpx.AsyncClient:
    return clients[0]


class People:
    """Who may do what with rules."""

    def __init__(self, token: Token) -> None:
        def bearer(*grants: str, who: str) -> dict[str, str]:
            return {"authorization": f"Bearer {token(*grants, subject=who, name=who, person_key=who)}"}

        self.drafter = bearer(f"rule_keeper@{COUNTY}", who="he")
        self.approver = bearer(f"rule_keeper@{COUNTY}", who="shen")
        self.same_person = {
            "authorization": f"Bearer {token(f'rule_keeper@{COUNTY}', subject='he-2', name='he', person_key='he')}"
        }
        self.of_the_town = bearer(f"rule_keeper@{TOWN}", who="tian")
        self.of_another_town = bearer(f"rule_keeper@{OTHER_TOWN}", who="xi")
        self.auditor = bearer(f"auditor@{COUNTY}", who="audit")
        self.clerk = bearer(f"handler@{VILLAGE}", who="li")


@pytest.fixture
def people(token: Token) -> People:
    return People(token)


async def publish(db: Database, *events: Envelope) -> None:
    async with db.begin(Scope.system()) as conn:
        await outbox.publish(conn, list(events))


async def findings(db: Database, rule: str = RULE) -> dict[str, dict[str, Any]]:
    """The open findings of a rule by case number."""
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch("SELECT body, revision FROM findings WHERE rule_id = $1 AND state = 'open'", rule)
    return {row["body"]["case_nos"][0]: row["body"] | {"revision": row["revision"]} for row in rows}


async def found(db: Database, case_no: str, rule: str = RULE) -> dict[str, Any] | None:
    return (await findings(db, rule)).get(case_no)


async def judged(db: Database, case_no: str) -> bool:
    async with db.begin(Scope.system(), readonly=True) as conn:
        sql = "SELECT EXISTS (SELECT FROM facts WHERE data::jsonb->>'case_no' = $1)"
        return bool(await conn.fetchval(sql, case_no))


async def known(db: Database, change: str) -> bool:
    async with db.begin(Scope.system(), readonly=True) as conn:
        return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM rule_changes WHERE change_id = $1)", change))


def change(**sets: Any) -> dict[str, Any]:
    return {"rule_id": RULE, "region_code": TOWN, "reason": "本镇试行"} | sets


async def ok(answer: Awaitable[httpx.Response], status: int = 200) -> dict[str, Any]:
    got = await answer
    assert got.status_code == status, got.text
    body: dict[str, Any] = got.json()
    return body


async def refused(answer: Awaitable[httpx.Response], status: int, code: str) -> dict[str, Any]:
    body = await ok(answer, status)
    assert body["type"] == f"/problems/{code}", body
    assert body["title"]
    assert body["title_en"]
    return body


async def approved(client: httpx.AsyncClient, people: People, draft: dict[str, Any], db: Database) -> None:
    """The draft approved without a back-test, and taken in."""
    why = {"reason": "同意试行", "without_backtest": "历史数据为空"}
    told = await ok(client.post(f"{DRAFTS}/{draft['id']}/approve", json=why, headers=people.approver))
    assert told["state"] == "approved"
    await eventually(lambda: known(db, draft["id"]))


async def test_from_a_draft_to_the_next_event_over_two_detectors(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], people: People, db: Database
) -> None:
    one, other = clients
    await publish(db, booked(1), booked(2, village=ELSEWHERE))
    await eventually(lambda: found(db, "PR-0001"))
    await eventually(lambda: found(db, "PR-0002"))
    before = await findings(db)
    draft = await ok(one.post(DRAFTS, json=change(grade="red"), headers=people.drafter), 201)
    await publish(db, booked(3))
    third = await eventually(lambda: found(db, "PR-0003"))
    assert third
    assert (third["grade"], third["rule_version"]) == ("yellow", "1")
    await approved(other, people, draft, db)
    await publish(db, *(booked(case) for case in range(4, 12)), booked(12, village=ELSEWHERE))
    for case in range(4, 13):
        finding = await eventually(lambda case=case: found(db, f"PR-{case:04}"))  # type: ignore[misc]
        assert finding
        changed = ("yellow", "1") if case == 12 else ("red", "1+1")
        assert (finding["grade"], finding["rule_version"]) == changed
    after = await findings(db)
    assert {no: after[no] for no in before} == before
    assert after["PR-0003"] == third
    held = await ok(other.get(f"/v1/rulesets/in-force?region_code={VILLAGE}&rule_id={RULE}", headers=people.clerk))
    (rule,) = held["rules"]
    assert (rule["grade"], rule["version"], [one["number"] for one in rule["changes"]]) == ("red", "1+1", [1])
    held = await ok(one.get(f"/v1/rulesets/in-force?region_code={ELSEWHERE}&rule_id={RULE}", headers=people.clerk))
    assert held["rules"][0]["version"] == "1"


async def test_switched_off_a_rule_finds_nothing_more_and_what_it_found_stands(
    client: httpx.AsyncClient, people: People, db: Database
) -> None:
    await publish(db, booked(1))
    before = await eventually(lambda: found(db, "PR-0001"))
    draft = await ok(client.post(DRAFTS, json=change(enabled=False), headers=people.drafter), 201)
    await approved(client, people, draft, db)
    await publish(db, booked(2), booked(3, village=ELSEWHERE))
    await eventually(lambda: found(db, "PR-0003"))
    assert await eventually(lambda: judged(db, "PR-0002"))
    assert await found(db, "PR-0002") is None
    assert await found(db, "PR-0001") == before


async def test_who_may_draft_decide_and_read(client: httpx.AsyncClient, people: People) -> None:
    await refused(client.post(DRAFTS, json=change(enabled=False), headers=people.clerk), 403, "not-allowed")
    await refused(client.post(DRAFTS, json=change(enabled=False), headers=people.of_another_town), 403, "not-allowed")
    town = await ok(client.post(DRAFTS, json=change(enabled=False), headers=people.of_the_town), 201)
    county = await ok(client.post(DRAFTS, json=change(region_code=COUNTY), headers=people.drafter), 201)
    why = {"reason": "同意试行", "without_backtest": "历史数据为空"}
    for draft, who, code in (
        (county, people.drafter, "own-draft"),
        (county, people.same_person, "own-draft"),
        (county, people.auditor, "not-allowed"),
        (town, people.of_the_town, "not-allowed"),
    ):
        for act in ("approve", "reject"):
            body = why if act == "approve" else {"reason": "不妥当的"}
            await refused(client.post(f"{DRAFTS}/{draft['id']}/{act}", json=body, headers=who), 403, code)
    await refused(client.get(f"{DRAFTS}/{county['id']}", headers=people.of_the_town), 404, "no-such-draft")
    await refused(client.get(f"{DRAFTS}/{town['id']}", headers=people.of_another_town), 404, "no-such-draft")
    await refused(client.get(DRAFTS, headers=people.clerk), 403, "not-allowed")
    page = await ok(client.get(f"{DRAFTS}?limit=1", headers=people.auditor))
    assert [one["id"] for one in page["drafts"]] == [county["id"]]
    page = await ok(client.get(f"{DRAFTS}?limit=1&after={page['next']}", headers=people.auditor))
    assert [one["id"] for one in page["drafts"]] == [town["id"]]
    rejected = await ok(
        client.post(f"{DRAFTS}/{town['id']}/reject", json={"reason": "理由不足"}, headers=people.approver)
    )
    assert [(act["act"], act["name"], act["reason"]) for act in rejected["acts"]] == [
        ("drafted", "tian", "本镇试行"),
        ("rejected", "shen", "理由不足"),
    ]
    again = client.post(f"{DRAFTS}/{town['id']}/approve", json=why, headers=people.approver)
    await refused(again, 409, "already-decided")


async def test_what_no_rule_can_be_judged_by_is_refused(client: httpx.AsyncClient, people: People) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    sets = {"params": {"papers": [], "gone": 1}, "region_code": "330421999000", "effective_from": past}
    answer = await refused(client.post(DRAFTS, json=change(**sets), headers=people.drafter), 422, "bad-draft")
    named = {error["field"] for error in answer["errors"]}
    assert named == {"body.params.papers", "body.params.gone", "body.region_code", "body.effective_from"}
    assert all(error["detail"] and error["detail_en"] for error in answer["errors"])
    await refused(client.post(DRAFTS, json=change(rule_id="A999"), headers=people.drafter), 404, "no-such-rule")


async def test_the_history_is_only_added_to(client: httpx.AsyncClient, people: People, db: Database) -> None:
    await ok(client.post(DRAFTS, json=change(), headers=people.drafter), 201)
    for act in ("UPDATE rule_acts SET reason = ''", "DELETE FROM rule_acts", "TRUNCATE rule_acts"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            async with db.begin(Scope.system()) as conn:
                await conn.execute(act)
    told = await ok(client.get("/v1/rulesets/history", headers=people.auditor))
    assert [act["act"] for act in told["acts"]] == ["drafted"]


async def test_approved_by_a_service_that_dies_it_takes_effect_all_the_same(
    settings: Settings, people: People, db: Database
) -> None:
    """The approval commits with its event; whoever comes next brings it to the bus and takes it in."""
    app = build(settings, RULEBOOK)
    app.state.db = db  # no lifespan: neither relay nor consumer run
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://detector") as client:
        draft = await ok(client.post(DRAFTS, json=change(enabled=False), headers=people.drafter), 201)
        why = {"reason": "同意试行", "without_backtest": "历史数据为空"}
        await ok(client.post(f"{DRAFTS}/{draft['id']}/approve", json=why, headers=people.approver))
    # Judged by nobody yet, on a day when the change holds already.
    await publish(db, booked(1), booked(2, village=ELSEWHERE))
    assert not await known(db, draft["id"])
    async with serving(settings):
        await eventually(lambda: known(db, draft["id"]))
        await eventually(lambda: found(db, "PR-0002"))
        assert await eventually(lambda: judged(db, "PR-0001"))
        assert await found(db, "PR-0001") is None


async def test_a_change_that_comes_late_judges_again_what_it_touches(client: httpx.AsyncClient, db: Database) -> None:
    """As when the log is read again and the partitions come in another order."""
    early = datetime.now(UTC) - timedelta(days=9)
    old = booked(1, at=early - timedelta(days=1))
    await publish(db, old, booked(2, at=early + timedelta(days=1)), booked(3, village=ELSEWHERE))
    for case in (1, 2, 3):
        await eventually(lambda case=case: found(db, f"PR-{case:04}"))  # type: ignore[misc]
    who = Keeper(person_key="k", name="何")
    late = RuleChanged(
        change_id=str(uuid.uuid4()),
        rule_id=RULE,
        number=1,
        region_code=TOWN,
        enabled=False,
        effective_from=early,
        reason="试行",
        drafted_by=who,
        approved_by=who,
        approved_at=early,
    )
    await publish(db, Envelope.of(late, source="/test", topic=rulesets.TOPIC, key=RULE, time=early))
    await eventually(lambda: gone(db, "PR-0002"))
    assert set(await findings(db)) == {"PR-0001", "PR-0003"}


async def gone(db: Database, case_no: str) -> bool:
    return await found(db, case_no) is None


# --- rules of the county's own ---------------------------------------------------------------------------------------


def own(definition: str = OWN, **sets: Any) -> dict[str, Any]:
    return {"definition": definition, "region_code": TOWN, "reason": "本县自定"} | sets


async def test_a_rule_of_the_countys_own_from_its_text_to_its_retirement(
    client: httpx.AsyncClient, people: People, db: Database
) -> None:
    draft = await ok(client.post("/v1/rulesets/rules", json=own(), headers=people.drafter), 201)
    assert (draft["rule_id"], draft["enabled"]) == ("C001", True)
    await refused(client.post("/v1/rulesets/rules", json=own(), headers=people.drafter), 422, "bad-rule")
    await publish(db, booked(1))
    await eventually(lambda: found(db, "PR-0001"))
    await approved(client, people, draft, db)
    await publish(db, booked(2), booked(3, village=ELSEWHERE))
    finding = await eventually(lambda: found(db, "PR-0002", "C001"))
    assert finding
    assert finding["rule_version"] == "1+1"
    await eventually(lambda: found(db, "PR-0003"))
    assert set(await findings(db, "C001")) == {"PR-0002"}
    assert (await ok(client.get("/v1/rules/C001", headers=people.clerk)))["id"] == "C001"
    retired = change(rule_id="C001", enabled=False, region_code=COUNTY)
    draft = await ok(client.post(DRAFTS, json=retired, headers=people.drafter), 201)
    await approved(client, people, draft, db)
    await publish(db, booked(4))
    await eventually(lambda: found(db, "PR-0004"))
    # The town's own change still says on: to retire it there, the town's is changed.
    await eventually(lambda: found(db, "PR-0004", "C001"))
    draft = await ok(client.post(DRAFTS, json=retired | {"region_code": TOWN}, headers=people.drafter), 201)
    await approved(client, people, draft, db)
    await publish(db, booked(5))
    await eventually(lambda: found(db, "PR-0005"))
    assert set(await findings(db, "C001")) == {"PR-0002", "PR-0004"}


async def test_a_poisonous_rule_is_refused_and_the_service_stays_well(
    client: httpx.AsyncClient, people: People, db: Database
) -> None:
    misspelt = OWN.replace("node.missing.exists", "node.mising.exists")
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    answer = await refused(
        client.post("/v1/rulesets/rules", json=own(misspelt), headers=people.drafter), 422, "bad-rule"
    )
    line = next(n for n, text in enumerate(misspelt.splitlines(), 1) if "node.mising" in text)
    assert answer["errors"][0]["field"].startswith(f"body.definition:{line}:")
    assert "没有字段“mising”" in answer["errors"][0]["detail"]
    harmful = asyncio.create_task(client.post("/v1/rulesets/rules", json=own(bomb), headers=people.drafter))
    await publish(db, booked(1))
    await eventually(lambda: found(db, "PR-0001"))
    assert (await client.get("/healthz")).status_code == 200
    answer = (await harmful).json()
    assert answer["type"] == "/problems/bad-rule"
    assert answer["errors"][0]["field"] == "body.definition:5:10"
    assert "超过 20000 个值" in answer["errors"][0]["detail"]
    await eventually(lambda: ready(client))


async def ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def test_a_poisonous_change_on_the_bus_goes_to_the_dead_letters(
    client: httpx.AsyncClient, people: People, db: Database, settings: Settings
) -> None:
    now = datetime.now(UTC)
    who = Keeper(person_key="k", name="何")
    bad = RuleChanged(
        change_id=str(uuid.uuid4()),
        rule_id="C009",
        number=1,
        region_code=TOWN,
        enabled=True,
        definition="id: C009",
        effective_from=now,
        reason="试行",
        drafted_by=who,
        approved_by=who,
        approved_at=now,
    )
    await publish(db, Envelope.of(bad, source="/test", topic=rulesets.TOPIC, key="C009", time=now), booked(1))
    await eventually(lambda: found(db, "PR-0001"))
    topic = settings.kafka_topic_prefix + rulesets.TOPIC
    ((_, _, letter),) = await eventually(lambda: dlq.read(settings, topic))
    assert "RulebookError" in letter["reason"]


# --- back-tests ------------------------------------------------------------------------------------------------------


async def done(client: httpx.AsyncClient, path: str, who: dict[str, str]) -> dict[str, Any] | None:
    run = await ok(client.get(path, headers=who))
    return run if run["state"] != "running" else None


async def test_a_backtest_tells_what_would_differ_while_detection_goes_on(
    client: httpx.AsyncClient, people: People, db: Database
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    past = [booked(case, at=long_ago + timedelta(days=case)) for case in range(1, 8)]
    await publish(db, *past, booked(8, village=ELSEWHERE, at=long_ago))
    await eventually(lambda: found(db, "PR-0008"))
    await eventually(lambda: found(db, "PR-0007"))
    drafts = {
        "fewer": await ok(client.post(DRAFTS, json=change(enabled=False), headers=people.drafter), 201),
        "regraded": await ok(client.post(DRAFTS, json=change(grade="red"), headers=people.drafter), 201),
        "more": await ok(client.post("/v1/rulesets/rules", json=own(), headers=people.drafter), 201),
    }
    for kind, draft in drafts.items():
        path = f"{DRAFTS}/{draft['id']}/backtest"
        await refused(client.get(path, headers=people.approver), 404, "no-such-backtest")
        why = {"reason": "同意试行"}
        approve = client.post(f"{DRAFTS}/{draft['id']}/approve", json=why, headers=people.approver)
        await refused(approve, 409, "not-backtested")
        await ok(client.post(path, headers=people.drafter), 202)
        await refused(client.post(path, headers=people.drafter), 409, "backtest-busy")
        await publish(db, booked(100 + len(kind)))
        await eventually(lambda kind=kind: found(db, f"PR-{100 + len(kind):04}"))  # type: ignore[misc]
        run = await eventually(lambda path=path: done(client, path, people.approver), within=60)  # type: ignore[misc]
        assert run
        assert (run["state"], run["faults"], run["judged"]) == ("done", 0, run["keys"]), run
        assert run[kind] >= 7
        assert sum(run[name] for name in ("more", "fewer", "regraded")) == run[kind]
        seen: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await ok(client.get(f"{path}/differences?limit=3&after={after}", headers=people.auditor))
            seen, after = seen + page["differences"], page["next"]
        assert len(seen) == run[kind]
        assert {f"PR-{case:04}" for case in range(1, 8)} <= {no for one in seen for no in one["case_nos"]}
        assert "PR-0008" not in {no for one in seen for no in one["case_nos"]}
        assert {one["kind"] for one in seen} == {kind}
    shown = await ok(client.get(f"{DRAFTS}/{drafts['fewer']['id']}", headers=people.approver))
    assert shown["backtest"]["fewer"] >= 7
    assert [act["act"] for act in shown["acts"]] == ["drafted", "backtest_started"]
    why = {"reason": "看过回测,同意"}
    await ok(client.post(f"{DRAFTS}/{drafts['fewer']['id']}/approve", json=why, headers=people.approver))
    assert len(await findings(db)) >= 10


async def test_a_backtest_is_cancelled(client: httpx.AsyncClient, people: People, db: Database) -> None:
    draft = await ok(client.post(DRAFTS, json=change(enabled=False), headers=people.drafter), 201)
    path = f"{DRAFTS}/{draft['id']}/backtest"
    await refused(client.post(path, headers=people.auditor), 403, "not-allowed")
    await ok(client.post(path, headers=people.drafter), 202)
    assert (await ok(client.delete(path, headers=people.drafter)))["state"] == "cancelled"
    await asyncio.sleep(3)
    assert (await ok(client.get(path, headers=people.drafter)))["state"] == "cancelled"
    why = {"reason": "同意试行"}
    approve = client.post(f"{DRAFTS}/{draft['id']}/approve", json=why, headers=people.approver)
    await refused(approve, 409, "not-backtested")


# --- the command line of authors -------------------------------------------------------------------------------------


async def command(settings: Settings, *arguments: str) -> tuple[int | None, str]:
    values = settings.model_dump(mode="json", exclude_none=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.detector.author", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {name.upper(): str(value) for name, value in values.items()},
    )
    told, _ = await process.communicate()
    return process.returncode, told.decode()


async def test_an_author_asks_the_running_system(
    client: httpx.AsyncClient, db: Database, settings: Settings, tmp_path: Path
) -> None:
    step = booked(1)
    await publish(db, step, booked(2))
    await eventually(lambda: found(db, "PR-0002"))
    await eventually(lambda: found(db, "PR-0001"))
    for what in ("PR-0001", step.id):
        code, told = await command(settings, "explain", what, "--rule", RULE)
        assert code == 0, told
        assert "! yellow A032 v1" in told
        assert "[True] node.missing.exists(paper, paper in papers)" in told
        assert "node.missing = ('invoice',)" in told
    code, told = await command(settings, "explain", "PR-0001", "--rule", "A061")
    assert "not asked: none of contract_fen" in told
    assert (await command(settings, "explain", "PR-9999"))[0] == 1
    file = tmp_path / "C001_own.yaml"
    file.write_text(OWN, encoding="utf-8")
    code, told = await command(settings, "backtest", str(file))
    assert code == 0, told
    assert "0 -> 2 条预警 alerts: more 2, fewer 0, regraded 0; 故障 faults 0" in told
    assert "PR-0001" in told
