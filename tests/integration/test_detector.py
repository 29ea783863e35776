"""The detector on a real broker and database: order, late knowledge, silence, crashes, poison, REST."""

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from services.detector import sentences
from services.detector.app import build
from services.detector.clock import Clock
from services.detector.consumer import TOPICS, DetectorConsumer
from services.detector.judging import Judge
from shared.bus import dlq, outbox
from shared.bus.consumer import Consumer
from shared.bus.envelope import Envelope, decode
from shared.bus.relay import Relay
from shared.contracts import power, reference
from shared.contracts.alerts import RAISED_TOPIC
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.detector.rulebook import RULEBOOK

Open = Callable[[str], Awaitable[Database]]
Alerts = dict[str, dict[str, Any]]
VILLAGE, TOWN, COUNTY = "330421107201", "330421107000", "330421000000"
NEIGHBOUR = "330421107202"
COMPANY = "91330421MA0000001X"
OFFICIAL, WIFE = "0f" * 16, "3a" * 16
MORNING = datetime(2026, 3, 2, 1, tzinfo=UTC)
ACTOR = power.Actor(person_key="c1" * 16, name="王会计", role="handler")


def case_id(n: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"case-{n}"))


def common(case: int, at: datetime, sequence: int) -> dict[str, Any]:
    return {
        "case_id": case_id(case),
        "case_no": f"EN-{case:04}",
        "title": "村道硬化",
        "matter": "EN",
        "flow": "EN1",
        "village_code": VILLAGE,
        "town_code": TOWN,
        "sequence": sequence,
        "occurred_at": at,
        "actor": ACTOR,
    }


def on_the_bus(event: power.CaseEvent) -> Envelope:
    return Envelope.of(
        event,
        source="/test",
        topic=power.TOPIC,
        key=event.village_code,
        time=event.occurred_at,
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{event.case_id}|{event.sequence}")),
    )


def opened(case: int, *, at: datetime = MORNING, due: datetime | None = None) -> Envelope:
    return on_the_bus(power.CaseOpened(**common(case, at, 1), next_node="EN1-01", next_due_at=due))


def meeting(case: int = 1, *, village: str = VILLAGE, sequence: int = 2) -> Envelope:
    """A meeting of 30 of whom 10 were in favour, taken as passed (A050); the works go to the official's company."""
    fields = power.NodeFields(attendees_due=40, attendees_present=30, votes_for=10, supplier_id=COMPANY)
    told = common(case, MORNING, sequence) | {"flow": "EN3", "village_code": village}
    return on_the_bus(power.NodeCompleted(**told, node="EN3-05", fields=fields))


def award(case: int = 1, *, at: datetime = MORNING, sequence: int = 2, supplier: str = COMPANY) -> Envelope:
    fields = power.NodeFields(supplier_id=supplier, supplier_name="嘉善示例建设有限公司", award_fen=4_800_000)
    return on_the_bus(power.NodeCompleted(**common(case, at, sequence), node="EN1-05", fields=fields))


def record(model: reference.Record) -> Envelope:
    return Envelope(
        id=str(uuid.uuid4()),
        source="/test",
        type=reference.RECORD_SET,
        time=MORNING,
        key=model.id,
        topic=reference.topic(model.DATASET),
        data=model.model_dump(mode="json"),
    )


def deleted(dataset: str, id: str) -> Envelope:
    return Envelope(str(uuid.uuid4()), "/test", reference.RECORD_DELETED, MORNING, id, reference.topic(dataset), None)


def company(owner: str = OFFICIAL) -> Envelope:
    return record(
        reference.Company(id=COMPANY, name="嘉善示例建设有限公司", legal_person_key=owner, legal_person_name="赵六")
    )


def official() -> Envelope:
    return record(
        reference.Staff(
            id="s1", person_key=OFFICIAL, name="赵六", position="村委会主任", level="village", region_code=VILLAGE
        )
    )


def kinship() -> Envelope:
    return record(reference.Kinship(id="k1", person_key=OFFICIAL, relative_key=WIFE, relation="配偶"))


@pytest.fixture
async def db(database: Open) -> Database:
    return await database("detector")


async def take(db: Database, consumer: DetectorConsumer, events: Sequence[Envelope], size: int = 500) -> None:
    for start in range(0, len(events), size):
        async with db.begin(Scope.system()) as conn:
            await consumer.handle_batch(conn, list(events[start : start + size]))


async def take_and_lose(db: Database, consumer: DetectorConsumer, events: list[Envelope]) -> None:
    async with db.begin(Scope.system()) as conn:
        await consumer.handle_batch(conn, events)
        raise OSError("the power went")


def detector(facts_held: int = 200_000) -> DetectorConsumer:
    return DetectorConsumer(Judge(RULEBOOK, facts_held=facts_held))


async def alerts(db: Database, state: str = "open", rule: str | None = None) -> Alerts:
    async with db.begin(Scope.system(), readonly=True) as conn:
        rows = await conn.fetch(
            "SELECT alert_id::text, rule_id, revision, grade, body FROM findings WHERE state = $1", state
        )
    return {row["alert_id"]: dict(row) for row in rows if rule in (None, row["rule_id"])}


async def of_the_company(db: Database, state: str = "open") -> Alerts:
    return {id: alert for id, alert in (await alerts(db, state)).items() if COMPANY in alert["body"]["dedupe_key"]}


async def told(db: Database) -> list[dict[str, Any]]:
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch(
            "SELECT type, subject, key, data FROM outbox WHERE topic = $1 ORDER BY id", RAISED_TOPIC
        )
    return [dict(row) for row in rows]


def meaning(found: Alerts) -> dict[str, Any]:
    """What must not depend on order: everything but the count of revisions."""
    return {id: {k: v for k, v in alert["body"].items() if k != "revision"} for id, alert in found.items()}


async def forget(db: Database) -> None:
    async with db.begin(Scope.system()) as conn:
        await conn.execute(
            "TRUNCATE facts, findings, deadlines, key_references, reference_lookups, reference_records, outbox"
        )


@asynccontextmanager
async def running(*work: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def publish(db: Database, events: Iterable[Envelope]) -> None:
    async with db.begin(Scope.system()) as conn:
        await outbox.publish(conn, list(events))


def story() -> list[Envelope]:
    """A dozen cases, some won by the official's company, some late, with the registers in between."""
    events = [company(), official(), kinship()]
    for n in range(1, 13):
        at = MORNING + timedelta(days=n)
        events += [
            opened(n, at=at, due=at + timedelta(days=3)),
            award(n, at=at + timedelta(days=n), supplier=COMPANY if n % 3 == 0 else f"9133042100000000{n:02}"),
        ]
    return events


async def test_an_officials_company_raises_one_red_alert(db: Database) -> None:
    await take(db, detector(), [company(), official(), opened(1), award(1), award(2, at=MORNING + timedelta(days=9))])
    found = await of_the_company(db)
    assert [alert["grade"] for alert in found.values()] == ["red"]
    (id,) = found
    (event,) = [event for event in await told(db) if event["subject"] == id]
    assert event["type"] == "alert.raised.v1"
    assert event["key"] == id
    assert json.loads(event["data"])["about"][0]["person_key"] == OFFICIAL


async def test_another_case_joins_the_open_alert(db: Database) -> None:
    one = detector()
    await take(db, one, [company(), official(), award(1)])
    await take(db, one, [award(2, at=MORNING + timedelta(days=9))])
    (alert,) = (await of_the_company(db)).values()
    assert alert["revision"] == 2
    assert set(alert["body"]["case_ids"]) == {case_id(1), case_id(2)}


async def test_an_event_taken_twice_changes_nothing(db: Database) -> None:
    one = detector()
    await take(db, one, story())
    before, said = await alerts(db), await told(db)
    await take(db, one, [event for event in story() if event.topic == power.TOPIC])
    assert await alerts(db) == before
    assert await told(db) == said
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) = count(DISTINCT (key, event_id)) FROM facts")


async def test_order_and_batch_size_do_not_matter(db: Database) -> None:
    events = story()
    await take(db, detector(), events)
    expected = meaning(await alerts(db))
    assert expected
    shuffled = random.Random(7).sample(events, len(events))
    for order, size in ((events, 1), (events[::-1], 500), (events[::-1], 3), (shuffled, 1), (shuffled, 7)):
        await forget(db)
        await take(db, detector(), order, size)
        assert meaning(await alerts(db)) == expected


async def test_a_detector_that_holds_next_to_nothing_finds_the_same(db: Database) -> None:
    await take(db, detector(), story())
    expected = meaning(await alerts(db))
    await forget(db)
    await take(db, detector(facts_held=1), story(), size=2)
    assert meaning(await alerts(db)) == expected


async def test_two_instances_at_once_find_the_same(db: Database) -> None:
    events = story()
    await take(db, detector(), events)
    expected = meaning(await alerts(db))
    await forget(db)
    await asyncio.gather(take(db, detector(), events[::2], 2), take(db, detector(), events[1::2], 2))
    assert meaning(await alerts(db)) == expected


async def test_a_late_kinship_raises_and_its_deletion_withdraws(db: Database) -> None:
    one = detector()
    await take(db, one, [company(owner=WIFE), official(), award(1)])
    assert await of_the_company(db) == {}
    await take(db, one, [kinship()])
    (raised,) = await of_the_company(db)
    await take(db, one, [deleted("kinship", "k1")])
    assert await of_the_company(db) == {}
    assert list(await of_the_company(db, "withdrawn")) == [raised]
    last = (await told(db))[-1]
    assert last["type"] == "alert.withdrawn.v1"
    assert json.loads(last["data"])["reason"]["zh"]
    await take(db, one, [kinship()])
    assert [(id, alert["revision"]) for id, alert in (await of_the_company(db)).items()] == [(raised, 3)]


async def test_a_register_changed_amid_a_judgement_is_not_missed(db: Database) -> None:
    await take(db, detector(), [company(owner=WIFE), official()])
    async with db.begin(Scope.system()) as conn:
        await detector().handle_batch(conn, [award(1)])
        changing = asyncio.create_task(take(db, detector(), [kinship()]))
        await asyncio.sleep(0.2)
        assert not changing.done()
    await changing
    assert len(await of_the_company(db)) == 1


async def test_a_batch_rolled_back_is_forgotten(db: Database) -> None:
    one = detector()
    await take(db, one, [company(owner=WIFE), official(), award(1)])
    with pytest.raises(OSError, match="the power went"):
        await take_and_lose(db, one, [kinship(), award(2, at=MORNING + timedelta(days=1))])
    await take(db, one, [award(3, at=MORNING + timedelta(days=2))])
    assert await of_the_company(db) == {}
    await take(db, one, [kinship()])
    (alert,) = (await of_the_company(db)).values()
    assert set(alert["body"]["case_ids"]) == {case_id(1), case_id(3)}


async def test_silence_raises_once_its_term_is_over(db: Database, settings: Settings) -> None:
    one = Judge(RULEBOOK)
    due = MORNING + timedelta(days=3)
    await take(db, DetectorConsumer(one), [opened(1, due=due)])
    assert await alerts(db) == {}
    clock = Clock(db, settings, one)
    await clock.fire(due - timedelta(seconds=1))
    assert not [alert for alert in (await alerts(db)).values() if alert["grade"] != "prompt"]
    await clock.fire(due + timedelta(days=60))
    overdue = [alert for alert in (await alerts(db)).values() if alert["grade"] != "prompt"]
    assert overdue
    assert await clock.fire(due + timedelta(days=60)) == 0
    await take(db, DetectorConsumer(one), [award(1, at=due - timedelta(days=1))])
    assert not [a for a in (await alerts(db)).values() if a["alert_id"] in {o["alert_id"] for o in overdue}]


async def test_a_log_read_again_raises_nothing_for_steps_still_to_come(db: Database) -> None:
    due = MORNING + timedelta(days=3)
    events = [opened(1, due=due), award(1, at=due - timedelta(days=1), supplier="913304210000000099")]
    await take(db, detector(), events, size=1)
    assert {json.loads(event["data"])["rule_id"] for event in await told(db)} == {
        alert["rule_id"] for alert in (await alerts(db)).values()
    }


async def test_from_the_bus_to_the_bus(db: Database, settings: Settings) -> None:
    consumer = Consumer(db, settings, group="detector", topics=TOPICS, handle=detector().handle_batch)
    clock = Clock(db, settings, Judge(RULEBOOK))
    due = MORNING + timedelta(days=3)
    async with running(Relay(db, settings).run(), consumer.run(), clock.run()):
        await publish(db, [company(), official(), award(1), opened(2, due=due)])
        await eventually(lambda: of_the_company(db))
        raised = await eventually(lambda: on_topic(settings, RAISED_TOPIC, 2))
    assert {envelope.type for envelope in raised} == {"alert.raised.v1"}
    assert all(envelope.data and envelope.key == envelope.data["alert_id"] for envelope in raised)


async def test_killed_amid_a_batch_nothing_is_lost_or_doubled(db: Database, settings: Settings) -> None:
    events = story()
    await take(db, detector(), events)
    expected = meaning(await alerts(db))
    await forget(db)
    entered = asyncio.Event()

    async def stuck(conn: Connection, batch: list[Envelope]) -> None:
        await detector().handle_batch(conn, batch)
        entered.set()
        await asyncio.Event().wait()

    async with running(Relay(db, settings).run()):
        await publish(db, events)
        first = Consumer(db, settings, group="detector", topics=TOPICS, handle=stuck)
        async with running(first.run()):
            await asyncio.wait_for(entered.wait(), 30)
        assert await alerts(db) == {}
        second = Consumer(db, settings, group="detector", topics=TOPICS, handle=detector().handle_batch)
        async with running(second.run()):
            await eventually(lambda: _same(db, expected), within=40)


async def test_poison_goes_to_the_dead_letters_and_stops_nobody(db: Database, settings: Settings) -> None:
    good, bad = award(1), award(2, at=MORNING + timedelta(days=1))
    poison = Envelope(bad.id, "/test", bad.type, bad.time, VILLAGE, power.TOPIC, {"case_id": 7})
    topic = settings.kafka_topic_prefix + power.TOPIC
    consumer = Consumer(db, settings, group="detector", topics=TOPICS, handle=detector().handle_batch)
    async with running(Relay(db, settings).run(), consumer.run()):
        await publish(db, [company(), official(), poison, good])
        await eventually(lambda: of_the_company(db))
        ((_, _, letter),) = await eventually(lambda: dlq.read(settings, topic))
    assert "ValidationError" in letter["reason"]


# --- REST ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings, RULEBOOK)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://detector") as client,
    ):
        yield client


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings) as client:
        yield client


def bearer(token: Token, *grants: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token(*grants)}"}


async def test_a_register_travels_by_the_bus(client: httpx.AsyncClient, token: Token) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    row = {"id_no": "11010519491231002X", "relative_key": WIFE, "relation": "配偶"}
    answer = await client.put("/v1/reference/kinship/k9", json=row, headers=machine)
    assert answer.status_code == 202, answer.text
    kept = await eventually(lambda: ok(client, "/v1/reference/kinship/k9", machine))
    assert kept
    assert "11010519491231002X" not in kept.text
    assert len(kept.json()["person_key"]) == 32
    assert (await client.delete("/v1/reference/kinship/k9", headers=machine)).status_code == 202
    await eventually(lambda: gone(client, "/v1/reference/kinship/k9", machine))


async def test_a_bulk_upload_is_taken_whole_or_not_at_all(client: httpx.AsyncClient, token: Token) -> None:
    machine = bearer(token, f"machine@{COUNTY}")
    good = {"id": "b1", "subject_id": COMPANY, "name": "某公司", "reason": "围标"}
    lines = [good, good | {"id": "b2", "id_no": "1"}, {"id": "b3"}]
    answer = await client.post(
        "/v1/reference/blacklist", content="\n".join(json.dumps(line) for line in lines), headers=machine
    )
    assert answer.status_code == 422
    named = {error["field"] for error in answer.json()["errors"]}
    assert {"rows.2.id_no", "rows.3.name", "rows.3.reason", "rows.3.subject_id"} <= named
    answer = await client.post("/v1/reference/blacklist", json=[good, good | {"id": "b2"}], headers=machine)
    assert (answer.json()["dataset"], answer.json()["accepted"]) == ("blacklist", 2)
    page = await eventually(lambda: listed(client, "/v1/reference/blacklist?limit=2", machine, 2))
    assert page
    assert [one["id"] for one in page["records"]] == ["b1", "b2"]
    assert page["next"] == "b2"


async def test_registers_are_written_and_read_within_ones_region(client: httpx.AsyncClient, token: Token) -> None:
    other_town = bearer(token, "machine@330421101000")
    own_town = bearer(token, f"machine@{TOWN}")
    row = {"name": "旧村部", "village_code": VILLAGE, "kind": "房屋"}
    assert (await client.put("/v1/reference/assets/a1", json=row, headers=other_town)).status_code == 403
    assert (await client.put("/v1/reference/assets/a1", json=row, headers=own_town)).status_code == 202
    await eventually(lambda: ok(client, "/v1/reference/assets/a1", own_town))
    assert (await client.get("/v1/reference/assets/a1", headers=other_town)).status_code == 404
    moved = row | {"village_code": "330421101201"}
    assert (await client.put("/v1/reference/assets/a1", json=moved, headers=other_town)).status_code == 403
    assert (await client.delete("/v1/reference/assets/a1", headers=other_town)).status_code == 403
    assert (await client.get("/v1/reference/assets/a1")).status_code == 401
    assert (await client.get("/v1/reference/houses", headers=own_town)).status_code == 404
    clerk = bearer(token, f"handler@{VILLAGE}")
    assert (await client.get("/v1/reference/assets", headers=clerk)).status_code == 403


async def test_the_rulebook_is_open_to_those_signed_in(client: httpx.AsyncClient, token: Token) -> None:
    clerk = bearer(token, f"handler@{VILLAGE}")
    listed_rules = (await client.get("/v1/rules", headers=clerk)).json()
    assert len(listed_rules) == len(RULEBOOK.rules)
    first = listed_rules[0]
    assert first["title"]["zh"]
    assert first["title"]["en"]
    assert (await client.get(f"/v1/rules/{first['id']}", headers=clerk)).json() == first
    assert (await client.get("/v1/rules/none", headers=clerk)).status_code == 404


async def test_an_intended_step_is_judged_and_not_kept(client: httpx.AsyncClient, token: Token, db: Database) -> None:
    await take(db, detector(), [company(), official()])
    step = award(1).data
    secretary = bearer(token, f"town_secretary@{TOWN}")
    answer = await client.post("/v1/evaluate", json=step, headers=secretary)
    assert answer.status_code == 200, answer.text
    (red,) = [finding for finding in answer.json()["findings"] if finding["grade"] == "red"]
    assert red["about"][0]["person_key"] == OFFICIAL
    elsewhere = bearer(token, "handler@330421101201")
    assert (await client.post("/v1/evaluate", json=step, headers=elsewhere)).status_code == 403
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM facts") == 0
    assert await alerts(db) == {}


async def test_what_stands_already_is_not_told_of_a_further_step(
    client: httpx.AsyncClient, token: Token, db: Database
) -> None:
    await take(db, detector(), [meeting()])
    assert await alerts(db, rule="A050")
    further = common(1, MORNING + timedelta(days=1), 3) | {"flow": "EN3", "node": "EN3-07", "documents": ()}
    step = on_the_bus(power.NodeCompleted(**further))
    assert await would_raise(client, step, bearer(token, f"town_inspector@{TOWN}")) == []


async def would_raise(client: httpx.AsyncClient, step: Envelope, who: dict[str, str]) -> list[dict[str, Any]]:
    """What an intended step would raise, but for the ids, which name the case."""
    answer = await client.post("/v1/evaluate", json=step.data, headers=who)
    assert answer.status_code == 200, answer.text
    return [{k: v for k, v in finding.items() if k != "alert_id"} for finding in answer.json()["findings"]]


@pytest.mark.parametrize("role", ["handler", "village_head", "supervisory_committee", "town_agri_office"])
async def test_the_village_learns_of_its_case_and_nothing_of_the_registers(
    client: httpx.AsyncClient, token: Token, db: Database, role: str
) -> None:
    await take(db, detector(), [company(), official()])
    everything = await would_raise(client, meeting(), bearer(token, f"town_inspector@{TOWN}"))
    assert {"A050", "A091"} <= {finding["rule_id"] for finding in everything}
    told = await would_raise(client, meeting(), bearer(token, f"{role}@{VILLAGE}"))
    assert [(finding["rule_id"], finding["about"]) for finding in told] == [("A050", [])]
    assert "赵六" not in json.dumps(told, ensure_ascii=False)


@pytest.mark.parametrize("role", [f"handler@{NEIGHBOUR}", f"town_secretary@{TOWN}", f"county_secretary@{COUNTY}"])
async def test_another_villages_case_is_answered_as_one_that_nobody_knows(
    client: httpx.AsyncClient, token: Token, db: Database, role: str
) -> None:
    await take(db, detector(), [opened(1, due=MORNING + timedelta(days=1)), meeting(1)])
    who = bearer(token, role)
    for at in (MORNING - timedelta(days=900), MORNING + timedelta(days=900)):
        stolen, unknown = (award(case, at=at, sequence=1) for case in (1, 99))
        assert stolen.data is not None
        assert unknown.data is not None
        unknown.data.update(village_code=NEIGHBOUR, case_no=stolen.data["case_no"])
        stolen.data.update(village_code=NEIGHBOUR)
        answer = await would_raise(client, stolen, who)
        assert "A050" not in {finding["rule_id"] for finding in answer}
        assert answer == await would_raise(client, unknown, who)


async def test_what_one_caller_may_see_is_not_held_for_another(
    client: httpx.AsyncClient, token: Token, db: Database
) -> None:
    await take(db, detector(), [company(), official(), award(1, sequence=1)])
    step, clerk, inspector = meeting(2), bearer(token, f"handler@{VILLAGE}"), bearer(token, f"town_inspector@{TOWN}")
    before = await would_raise(client, step, clerk)
    everything = await would_raise(client, step, inspector)
    assert before == await would_raise(client, step, clerk)
    assert everything == await would_raise(client, step, inspector)
    assert len(everything) > len(before)


async def test_facts_are_read_within_ones_regions(db: Database) -> None:
    await take(db, detector(), [award(1), meeting(2, village=NEIGHBOUR)])
    mine = Scope(regions=VILLAGE, roles=f"handler@{VILLAGE}", subject="li")
    for scope, villages in ((mine, {VILLAGE}), (Scope.system(), {VILLAGE, NEIGHBOUR})):
        async with db.begin(scope, readonly=True) as conn:
            assert {row["village_code"] for row in await conn.fetch("SELECT village_code FROM facts")} == villages


async def test_a_mended_fault_is_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("services.detector.detection.evaluate", fails)
        await take(db, detector(), [award(1), award(2)])
    faults = await faulted(db)
    one, other = f"case:{case_id(1)}", f"case:{case_id(2)}"
    assert {one, other} <= {key for key, _ in faults}
    await take(db, detector(), [award(1, sequence=3, supplier="913304210000000099")])
    assert one not in {key for key, _ in await faulted(db)}
    assert {(key, rule) for key, rule in faults if key == other} <= await faulted(db)


def fails(*_: Any) -> Any:
    raise sentences.EvaluationError("no such field")


async def faulted(db: Database) -> set[tuple[str, str]]:
    async with db.begin(Scope.system(), readonly=True) as conn:
        return {(row["key"], row["rule_id"]) for row in await conn.fetch("SELECT key, rule_id FROM rule_faults")}


async def test_a_dead_task_makes_the_service_unready(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(settings) as client:
        await eventually(lambda: ok(client, "/readyz", {}))

    async def dies(self: Relay) -> None:
        raise RuntimeError("the relay broke")

    monkeypatch.setattr(Relay, "run", dies)
    async with serving(settings) as client:
        await asyncio.sleep(3)
        assert (await client.get("/readyz")).status_code == 503


async def test_faults_are_listed_for_those_who_mend_them(client: httpx.AsyncClient, token: Token, db: Database) -> None:
    async with db.begin(Scope.system()) as conn:
        await conn.execute("INSERT INTO rule_faults (rule_id, key, message) VALUES ('r', 'case:1', 'no such field')")
    (fault,) = (await client.get("/v1/faults", headers=bearer(token, f"auditor@{COUNTY}"))).json()
    assert (fault["rule_id"], fault["times"], fault["keys"]) == ("r", 1, 1)
    for elsewhere in (f"handler@{VILLAGE}", f"auditor@{TOWN}", f"handler@{COUNTY}"):
        assert (await client.get("/v1/faults", headers=bearer(token, elsewhere))).status_code == 403


# --- looking ---------------------------------------------------------------------------------------------------------


async def ok(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response | None:
    answer = await client.get(path, headers=headers)
    return answer if answer.status_code == 200 else None


async def gone(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> bool:
    return (await client.get(path, headers=headers)).status_code == 404


async def listed(client: httpx.AsyncClient, path: str, headers: dict[str, str], size: int) -> dict[str, Any] | None:
    page: dict[str, Any] = (await client.get(path, headers=headers)).json()
    return page if len(page["records"]) == size else None


async def _same(db: Database, expected: dict[str, Any]) -> bool:
    return meaning(await alerts(db)) == expected


async def on_topic(settings: Settings, topic: str, size: int) -> list[Envelope]:
    """All events of a topic once there are `size`."""
    kafka = AIOKafkaConsumer(
        settings.kafka_topic_prefix + topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await kafka.start()
    try:
        records = [r for batch in (await kafka.getmany(timeout_ms=500)).values() for r in batch]
        found = [decode(topic, r.key, r.value, r.headers) for r in records]
        return found if len(found) >= size else []
    finally:
        await kafka.stop()
