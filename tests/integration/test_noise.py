"""Noise control over a real database: what rings, what is kept quiet by whom, and digests told once."""

import asyncio
import signal
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.notifier.noise import digests, noise, unmuting
from services.notifier.noise.digests import Digest, Subscriber
from shared.contracts.alerts import Alert, AlertUpdated, Party
from shared.db import ROOT, Connection, Database, Scope
from tests.conftest import eventually
from tests.integration.test_notifier import SECRETARY, World, db, deliver, world
from tests.notifier.samples import COUNTY, OTHER_TOWN, TOWN, VILLAGE, about, alert, raised, withdrawn

__all__ = ["db", "world"]
INSPECTOR = f"town_inspector@{TOWN}"
CASE = {"case_ids": ("c1",), "rule_id": "A075"}
SUPPLIER = Party(kind="company", key="91330421MA0000000X", name="某某建设")


def yellow(**changed: Any) -> Alert:
    return alert(**{"grade": "yellow", **CASE} | changed)


async def told(db: Database, found: Alert) -> list[tuple[str, str, str | None]]:
    """Kind, loudness and reason of each of its stream events."""
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch(
            "SELECT kind, loudness, muted_by, body FROM stream_events WHERE alert_id = $1 ORDER BY position",
            found.alert_id,
        )
    assert all((r["body"]["loudness"], r["body"]["muted_by"]) == (r["loudness"], r["muted_by"]) for r in rows)
    return [(r["kind"], r["loudness"], r["muted_by"] and r["muted_by"]["kind"]) for r in rows]


async def test_the_first_rings_the_next_are_put_off_whatever_the_batch(db: Database) -> None:
    first, second, third = (
        yellow(),
        yellow(rule_id="A031"),
        yellow(rule_id="A058", case_ids=("c2",), parties=(SUPPLIER,)),
    )
    fourth = yellow(rule_id="A059", case_ids=("c3",), parties=(SUPPLIER,))
    await deliver(db, raised(first), raised(second))
    await deliver(db, raised(third))
    await deliver(db, raised(fourth), AlertUpdated(**first.model_dump() | {"revision": 2}))
    assert await told(db, first) == [("raised", "ring", None), ("updated", "quiet", "follow_up")]
    assert await told(db, second) == [("raised", "digest", "group")]
    assert await told(db, third) == [("raised", "ring", None)]
    assert await told(db, fourth) == [("raised", "digest", "group")]


async def test_a_red_keeps_its_yellow_quiet_until_it_is_over_then_the_yellow_rings_once(db: Database) -> None:
    red, mild, closed = alert(**CASE), yellow(), yellow()
    await deliver(db, raised(red))
    await deliver(db, raised(mild), raised(closed))
    await deliver(db, withdrawn(closed))
    assert await told(db, mild) == [("raised", "quiet", "held")]
    assert await unmuting.unmute(db, datetime.now(UTC)) == 0
    await deliver(db, withdrawn(red))
    now = datetime.now(UTC)
    assert sorted(await asyncio.gather(unmuting.unmute(db, now), unmuting.unmute(db, now))) == [0, 1]
    assert await told(db, mild) == [("raised", "quiet", "held"), ("unmuted", "ring", None)]
    assert (await told(db, closed))[-1] == ("withdrawn", "quiet", "follow_up")
    assert await unmuting.unmute(db, now) == 0


async def test_who_may_not_see_the_red_learns_nothing_of_it(world: World) -> None:
    red, mild = alert(**CASE, about=(about("county", COUNTY),)), yellow()
    await world.tell(raised(red))
    await world.arrived(red)
    await world.tell(raised(mild))
    await world.arrived(mild)
    path = f"/v1/alerts/{mild.alert_id}"
    async with world.caller(INSPECTOR) as inspector:
        seen = (await inspector.get(path)).json()
        page = (await inspector.get(f"/alerts/{mild.alert_id}", headers={"accept": "text/html"})).text
    assert (seen["loudness"], seen["muted_by"]["kind"], seen["muted_by"]["id"]) == ("quiet", "held", None)
    assert seen["group"] == {"key": "case:c1", "count": 1}
    assert red.alert_id not in str(seen) + page
    assert "同案另有" not in page
    async with world.caller(INSPECTOR, f"county_secretary@{COUNTY}", person_key="chen-key") as both:
        seen = (await both.get(path)).json()
        assert (seen["muted_by"]["kind"], seen["muted_by"]["id"]) == ("red", red.alert_id)
        assert seen["group"] == {"key": "case:c1", "count": 2}
        cards = (await both.get("/v1/alerts")).json()["items"]
        assert [card["group"]["count"] for card in cards] == [2, 2]


def wanted(**changed: Any) -> dict[str, Any]:
    """A silence of the town's split purchases."""
    ends = datetime.now(UTC) + timedelta(days=3)
    given = {"region_code": TOWN, "rule_id": "A075", "reason": "集中整改期间", "ends_at": ends.isoformat()}
    return given | changed


async def test_a_silence_is_proposed_by_one_approved_by_another_and_ended(world: World) -> None:
    before, during = yellow(case_ids=("c8",)), yellow(case_ids=("c9",))
    await world.tell(raised(before))
    await world.arrived(before)
    async with (
        world.caller(INSPECTOR, subject="li") as inspector,
        world.caller(SECRETARY, subject="wang", name="王书记") as secretary,
        world.caller(f"town_secretary@{OTHER_TOWN}", subject="xu") as other,
    ):
        tried = await inspector.post("/v1/silences/preview", json={"region_code": TOWN, "rule_id": "A075"})
        assert (tried.json()["muted"], tried.json()["looked_at"]) == (1, 1)
        elsewhere = await other.post("/v1/silences/preview", json={"region_code": TOWN, "rule_id": "A075"})
        assert elsewhere.json()["looked_at"] == 0
        body, key = wanted(), {"idempotency-key": "one"}
        made = await inspector.post("/v1/silences", json=body, headers=key)
        assert made.status_code == 201, made.text
        path = f"/v1/silences/{made.json()['silence_id']}"
        again = await inspector.post("/v1/silences", json=body, headers=key)
        assert again.json()["silence_id"] == made.json()["silence_id"]
        reused = await inspector.post("/v1/silences", json=body | {"reason": "x"}, headers=key)
        assert reused.json()["type"] == "/problems/idempotency-key-reused"
        refused = await inspector.post(f"{path}/approve", json={})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/own-silence")
        assert (await other.get(path)).status_code == 404
        assert (await other.post(f"{path}/approve", json={})).status_code == 404
        assert (await other.get("/v1/silences", params={"show": "all"})).json() == {"items": []}
        done = await secretary.post(f"{path}/approve", json={"note": "同意"})
        assert (done.status_code, done.json()["active"], done.json()["approved_by"]) == (200, True, "王书记")
        twice = await secretary.post(f"{path}/approve", json={})
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/silence-decided")
        await world.tell(raised(during))
        await world.arrived(during)
        assert await told(world.db, during) == [("raised", "quiet", "held")]
        shown = (await inspector.get(f"/v1/alerts/{during.alert_id}")).json()
        assert shown["muted_by"]["kind"] == "silence"
        assert "集中整改期间" in shown["muted_by"]["reason"]["zh"]
        ended = await secretary.post(f"{path}/end", json={"note": "整改完毕"})
        assert [act["act"] for act in ended.json()["history"]] == ["proposed", "approved", "ended"]

    async def rung() -> bool:
        return ("unmuted", "ring", None) in await told(world.db, during)

    await eventually(rung)


async def test_a_silence_of_red_needs_the_county_and_a_bad_one_names_its_fields(world: World) -> None:
    async with (
        world.caller(INSPECTOR, subject="li") as inspector,
        world.caller(SECRETARY, subject="wang") as secretary,
        world.caller(f"county_secretary@{COUNTY}", subject="chen", name="陈") as county,
        world.caller(f"handler@{VILLAGE}", subject="clerk") as clerk,
    ):
        made = (await inspector.post("/v1/silences", json=wanted(grades=["red"]))).json()
        path = f"/v1/silences/{made['silence_id']}/approve"
        refused = await secretary.post(path, json={})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/silence-not-yours")
        assert (await county.post(path, json={})).status_code == 200
        assert (await clerk.post("/v1/silences", json=wanted())).json()["type"] == "/problems/silence-not-yours"
        late = (datetime.now(UTC) + timedelta(days=31)).isoformat()
        bad = await inspector.post("/v1/silences", json=wanted(rule_id=None, reason=" ", ends_at=late))
        assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-silence")
        assert [error["field"] for error in bad.json()["errors"]] == ["rule_id", "reason", "ends_at"]
        assert all(error["detail"] and error["detail_en"] for error in bad.json()["errors"])
        endless = await inspector.post("/v1/silences", json={k: v for k, v in wanted().items() if k != "ends_at"})
        assert endless.status_code == 422
    red = alert(**CASE)
    await world.tell(raised(red))
    await world.arrived(red)
    assert await told(world.db, red) == [("raised", "quiet", "held")]


async def test_silences_on_pages(world: World) -> None:
    ends = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    form = {"region_code": TOWN, "rule_id": "A075", "grades": ["yellow"], "reason": "整改", "ends_at": ends}
    origin = {"origin": world.url}
    async with world.browser(INSPECTOR, subject="li") as inspector, world.browser(SECRETARY) as secretary:
        tried = await inspector.post("/silences", data=form | {"then": "preview"}, headers=origin)
        assert "会因此不响铃" in tried.text, tried.text
        made = await inspector.post("/silences", data=form, headers=origin)
        assert made.status_code == 303, made.text
        page = made.headers["location"]
        assert "待批准" in (await secretary.get("/silences")).text
        assert (await secretary.post(f"{page}/approve", headers=origin)).status_code == 303
        assert "生效中" in (await secretary.get(page)).text
        wrong = await inspector.post("/silences", data=form | {"ends_at": "soon"}, headers=origin)
        assert wrong.status_code == 422
        assert (await inspector.get(f"/silences?rule_id=A075&region={VILLAGE}")).status_code == 200


class Post:
    """Where digests go: a table, written in the digests' own transaction."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self._all = subscribers

    async def subscribers(self, conn: Connection) -> Sequence[Subscriber]:
        return self._all

    async def send(self, conn: Connection, subscription_id: UUID, digest: Digest) -> None:
        await conn.execute("INSERT INTO posted VALUES ($1, $2)", subscription_id, digest.model_dump(mode="json"))


async def posted(db: Database) -> list[dict[str, Any]]:
    async with db.begin(Scope.system()) as conn:
        return [row[0] for row in await conn.fetch("SELECT body FROM posted ORDER BY body ->> 'period'")]


async def test_digests_are_told_once_a_period_by_two_replicas_and_after_a_kill(db: Database) -> None:
    async with db.begin(Scope.system()) as conn:
        await conn.execute("CREATE TABLE posted (subscription_id uuid, body jsonb)")
    since = datetime.now(UTC) - timedelta(days=1)
    mine, other = (
        Subscriber(uuid.uuid5(uuid.NAMESPACE_OID, town), (f"town_inspector@{town}",), frozenset(), "", since)
        for town in (TOWN, OTHER_TOWN)
    )
    post = Post(mine, other)
    gone = yellow(rule_id="A058")
    await deliver(db, raised(yellow()), raised(shown := yellow(rule_id="A031")), raised(gone))
    await deliver(db, withdrawn(gone))
    now = noise.last_due(noise.book().digests["working_hours"], datetime.now(UTC) + timedelta(days=12))

    async def make(at: datetime) -> int:
        return await digests.make_due(db, "https://yunjing.example", at, post.subscribers, post.send)

    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.digest_and_die", db.url, now.isoformat(), str(mine.subscription_id),
        cwd=ROOT,
    )  # fmt: skip
    assert await killed.wait() == -signal.SIGKILL
    assert await posted(db) == []
    assert sum(await asyncio.gather(make(now), make(now))) == 1
    assert await make(now + timedelta(minutes=1)) == 0
    (body,) = await posted(db)
    assert (body["total"], body["by_grade"], body["by_matter"]) == (1, {"yellow": 1}, {"PR": 1})
    assert body["links"] == [f"https://yunjing.example/alerts/{shown.alert_id}"]
    later = noise.last_due(noise.book().digests["working_hours"], now + timedelta(days=20))
    assert await make(later) == 0
    await deliver(db, raised(yellow(rule_id="A059")))
    assert await make(later + timedelta(days=20)) == 1
    assert [body["total"] for body in await posted(db)] == [1, 1]
