"""Channels against real servers (SMTP, HTTP gateways, a push service): what they get, and what when they fail."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import http_ece
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey

from services.notifier import app as notifier
from services.notifier import clock
from services.notifier.channels import gateways, subscriptions, unreached
from services.notifier.channels.deliveries import Deliveries
from services.notifier.channels.subscriptions import insert
from services.notifier.routing.plans import Plans
from shared.contracts.alerts import Alert, Bilingual
from shared.db import Database, Scope
from shared.identity import unseal
from shared.principals import Grant, Principal
from shared.settings import Settings
from shared.webhooks import retries
from tests.conftest import Token, eventually
from tests.disclosure.served import served
from tests.integration.test_notifier import OTHER_SECRETARY, SECRETARY, World, deliver, stop
from tests.notifier.samples import COUNTY, TOWN, VILLAGE, about, alert, raised

pytestmark = pytest.mark.without_broker
NAME, NUMBER = "欧阳晓东", "13912345678"
TELLING = {
    "explanation": Bilingual(zh=f"{NAME}的账户 {NUMBER}", en=f"{NAME}'s account {NUMBER}"),
    "about": (about("village", VILLAGE, "clerk-key").model_copy(update={"name": NAME}),),
    "case_nos": ("CG-SECRET-9",),
}
ALSO_SECRET = ("clerk-key", "CG-SECRET-9", "52000", "应急抢修")


def fresh(**changed: Any) -> Alert:
    """An alert of a case of its own: no noise control joins it to others."""
    return alert(**{"case_nos": (f"CG-{uuid4()}",), "dedupe_key": str(uuid4())} | changed)


@dataclass
class Outside:
    """All that lies beyond the notifier: what it got, and how it misbehaves. `hang` holds calls until it is set."""

    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    mails: list[tuple[list[str], bytes, float]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    lying: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    smtp_port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """A mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(([str(to) for to in envelope.rcpt_tos], envelope.content, time.monotonic()))
        return f"250 2.0.0 Ok: queued as M{len(self.mails)}"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Nobody is there under the name `nobody`."""
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def take(self, name: str, request: Request) -> Response:
        """A call of a gateway."""
        self.calls.append((name, dict(request.headers) | dict(request.query_params), await request.body()))
        if name in self.slow:
            await self.release.wait()
        if name in self.down:
            return Response(status_code=503)
        if name in self.lying:
            return JSONResponse({"errcode": 310000, "code": 9499, "errmsg": "keywords not in content"})
        answer = {"errcode": 0, "code": 0, "data": {"id": f"{name}-{len(self.calls)}"}}
        return JSONResponse(answer, status_code=201 if name == "push" else 200)

    def got(self, name: str) -> list[tuple[dict[str, str], bytes]]:
        """What a gateway got."""
        return [(headers, body) for who, headers, body in self.calls if who == name]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made, app = Outside(), FastAPI()
    app.post("/{name}")(made.take)
    app.post("/{name}/{token}")(made.take)
    smtp = await asyncio.get_running_loop().create_server(
        lambda: SMTP(made, hostname="smtp.test"), host="127.0.0.1", port=0
    )
    made.smtp_port = smtp.sockets[0].getsockname()[1]
    async with served(app) as made.url:
        yield made
        made.release.set()
    smtp.close()


def configured(settings: Settings, outside: Outside, folder: Path, **clearance: str) -> Settings:
    """The county with gateways of every kind, at the servers of the test."""
    http = {
        name: {"kind": name, "request": {"url": f"{outside.url}/{name}"}} for name in ("dingtalk", "wecom", "feishu")
    }
    sms = {
        "url": f"{outside.url}/sms",
        "headers": {"authorization": "Bearer {env:SMS_KEY}"},
        "fields": {"mobile": "{to}", "content": "{text}", "ref": "{id}"},
        "taken": {"code": "0"},
        "receipt": "data.id",
    }
    mail = {
        "kind": "mail",
        "host": "127.0.0.1",
        "port": outside.smtp_port,
        "security": "none",
        "sender": "y@county.test",
    }
    other = {"kind": "apprise", "zh": "局内消息", "en": "In-house", "url": f"json://{outside.url[7:]}/apprise/{{to}}"}
    all_: dict[str, Any] = {"apprise": other, **http, "sms": {"kind": "sms", "request": sms}, "mail": mail}
    for name, cleared in clearance.items():
        all_[name]["clearance"] = cleared
    path = folder / "channels.yaml"
    path.write_text(json.dumps({"gateways": all_}), encoding="utf-8")
    os.environ["SMS_KEY"] = "key-of-the-gateway"
    return settings.model_copy(update={"channels_file": path, "notifier_url": "https://yunjing.test"})


ADDRESSES = {
    "sms": "13800138000",
    "mail": "wang@county.test",
    "dingtalk": "token-of-dingtalk",
    "wecom": "key-of-wecom",
    "feishu": "token-of-feishu",
    "apprise": "wang-of-apprise",
}


async def reach(
    db: Database,
    settings: Settings,
    gateway: str,
    address: str,
    *,
    subject: str = "wang",
    person_key: str = "",
    **more: Any,
) -> UUID:
    """A proved address of somebody at the town secretary's desk."""
    desk = more.pop("desk", SECRETARY)
    who = Principal(subject, "王书记", person_key, frozenset({g for g in [Grant.parse(desk)] if g}))
    async with db.begin(Scope.of(who)) as conn:
        return await insert(
            conn,
            gateways.load(settings.channels_file)[gateway],
            who,
            settings,
            address=address,
            secret=more.pop("secret", ""),
            desks=[desk],
            grades=[],
            verified=True,
            quiet=more.pop("quiet", (None, None)),
        )


def browser_address(outside: Outside, key: ec.EllipticCurvePrivateKey, auth: bytes) -> str:
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = {"p256dh": b64(point), "auth": b64(auth)}
    return json.dumps({"endpoint": f"{outside.url}/push/here", **keys}, sort_keys=True)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@asynccontextmanager
async def working(db: Database, settings: Settings, **options: Any) -> AsyncIterator[Deliveries]:
    """A worker of its own."""
    worker = Deliveries(db, settings, gateways.load(settings.channels_file), **options)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await stop(running)


async def states(db: Database, channel: str) -> list[str]:
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT state FROM deliveries WHERE channel = $1 ORDER BY delivery_id", channel)
    return [row["state"] for row in rows]


async def settled(db: Database, channel: str, state: str = "delivered", count: int = 1) -> None:
    async def look() -> bool:
        return (await states(db, channel)).count(state) == count

    await eventually(look)


def mail_text(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body()
    assert body
    return f"{message['subject']}\n{body.get_content()}"


@pytest.fixture
async def county_db(settings: Settings, database: Any) -> Database:
    db: Database = await database("notifier")
    return db


async def test_every_channel_brings_it_and_an_uncleared_one_names_nobody(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    db, settings = county_db, configured(settings, outside, tmp_path, wecom="explained")
    key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    for name, address in ADDRESSES.items():
        await reach(db, settings, name, address, secret="SECabc" if name == "dingtalk" else "")
    await reach(db, settings, "web_push", browser_address(outside, key, auth))
    await reach(db, settings, "webhook", f"{outside.url}/hook", secret="whsec_" + base64.b64encode(b"k" * 32).decode())
    found = alert(**TELLING)
    await deliver(db, raised(found))
    async with working(db, settings):
        for channel in (*ADDRESSES, "web_push", "webhook"):
            await settled(db, channel)
    [(push_headers, push)] = outside.got("push")
    told = {name: body.decode() for name, _, body in outside.calls if name != "push"}
    told["push"] = http_ece.decrypt(push, private_key=key, auth_secret=auth, version="aes128gcm").decode()
    told["mail"] = mail_text(outside.mails[0][1])
    told = {name: text.encode().decode("unicode_escape") if "\\u" in text else text for name, text in told.items()}
    for name, text in told.items():
        assert "疑似化整为零" in text, name
        for secret in (NAME, NUMBER, *ALSO_SECRET):
            assert (secret in text) is (name == "wecom" and secret in (NAME, NUMBER, "CG-SECRET-9")), (name, secret)
        assert found.alert_id in text, name
    [(sms, _)] = outside.got("sms")
    assert sms["authorization"] == "Bearer key-of-the-gateway"
    [(ding, _)] = outside.got("dingtalk")
    assert (ding["access_token"], bool(ding["sign"])) == ("token-of-dingtalk", True)
    vapid = re.fullmatch(r"vapid t=(\S+), k=(\S+)", push_headers["authorization"])
    assert vapid
    point = base64.urlsafe_b64decode(vapid[2] + "=")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert jwt.decode(vapid[1], ECKey.import_key(pem), algorithms=["ES256"]).claims["aud"] == outside.url
    async with db.begin(Scope.system()) as conn:
        kept = await conn.fetch("SELECT kind, address, shown, secret FROM subscriptions")
        ids = {r["channel"]: r["provider_id"] for r in await conn.fetch("SELECT channel, provider_id FROM deliveries")}
    assert ids["mail"] == "M1"
    assert ids["sms"].startswith("sms-")
    for row in kept:
        for address in ADDRESSES.values():
            assert address not in f"{row['address']} {row['shown']} {row['secret']}"
    assert {unseal(r["address"], settings.identity_secret) for r in kept} >= set(ADDRESSES.values())


async def test_one_dead_gateway_delays_nobody(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    """SMS hangs for 30 people; mail goes on as if nothing were. The p99 of both runs is printed, the order asserted."""
    db, settings = county_db, configured(settings, outside, tmp_path)
    await reach(db, settings, "mail", ADDRESSES["mail"])
    took: dict[str, float] = {}
    await deliver(db, raised(fresh()))
    async with working(db, settings) as worker:
        await settled(db, "mail")
        for run in ("alone", "beside a dead gateway"):
            outside.mails.clear()
            if run != "alone":
                outside.slow.add("sms")
                for number in range(30):
                    await reach(db, settings, "sms", f"138001380{number:02}", subject=f"person-{number}")
            begun: list[float] = []
            for _ in range(15):
                begun.append(time.monotonic())
                await deliver(db, raised(fresh()))
                worker.wake()
                await asyncio.sleep(0.02)
            await eventually(lambda: _value(len(outside.mails) == 15))
            spent = [done[2] - start for start, done in zip(begun, outside.mails, strict=True)]
            took[run] = quantiles(spent, n=100)[98] * 1000
        await settled(db, "mail", count=31)
        assert len(outside.got("sms")) == 10, "a gateway has room for so many at once and no more"
        assert await states(db, "sms") == ["waiting"] * 450
    print("\nmail p99, ms:", {run: round(ms) for run, ms in took.items()})


async def _value(value: Any) -> Any:
    return value


async def test_a_gateway_that_is_down_is_left_alone_and_tried_again(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_PAUSE", timedelta(seconds=1))
    db, settings = county_db, configured(settings, outside, tmp_path)
    outside.down.add("sms")
    for number in range(8):
        await reach(db, settings, "sms", f"1380013800{number}", subject=f"person-{number}")
    await deliver(db, raised(fresh()))
    async with working(db, settings, backoff=(0.05,) * 50):

        async def broken() -> bool:
            async with db.begin(Scope.system()) as conn:
                return bool(await conn.fetchval("SELECT paused_until > now() FROM circuits WHERE gateway = 'sms'"))

        await eventually(broken)
        calls = len(outside.got("sms"))
        assert calls <= 8 + retries.BREAK_AFTER
        outside.down.clear()
        await settled(db, "sms", count=8)
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM circuits") == 0


async def test_a_lie_that_can_be_seen_is_retried_given_up_and_escalated_and_one_that_cannot_shows_no_reading(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    db, settings = county_db, configured(settings, outside, tmp_path)
    outside.lying.add("dingtalk")
    await reach(db, settings, "dingtalk", ADDRESSES["dingtalk"])
    await deliver(db, raised(refused := fresh()))
    async with working(db, settings, backoff=(0.02, 0.02)):
        await settled(db, "dingtalk", "given_up")
    assert len(outside.got("dingtalk")) == 3
    plans, now = Plans(), datetime.now(UTC)
    assert await unreached.escalate_unreached(db, now + timedelta(minutes=9), plans) == 0
    assert await unreached.escalate_unreached(db, now + timedelta(minutes=11), plans) == 1
    assert await unreached.escalate_unreached(db, now + timedelta(minutes=12), plans) == 0
    async with db.begin(Scope("%", f"county_secretary@{COUNTY}", "chen")) as conn:
        assert await conn.fetchval("SELECT alert_id::text FROM alerts") == refused.alert_id
        reason = await conn.fetchval("SELECT reason ->> 'zh' FROM history WHERE kind = 'escalated'")
        assert "所有渠道均未能送达" in reason
        row = await conn.fetchrow("SELECT state, error FROM deliveries WHERE alert_id = $1", UUID(refused.alert_id))
        assert row
        assert tuple(row) == ("given_up", "errcode=310000")
    # Taken and lost: the gateway's word stands, the reading is missing, and the term of acknowledging still runs.
    await reach(db, settings, "wecom", ADDRESSES["wecom"])
    await deliver(db, raised(lost := fresh()))
    async with working(db, settings, backoff=(0.02,)):
        await settled(db, "wecom")
    assert await unreached.escalate_unreached(db, now + timedelta(minutes=30), plans) == 0
    async with db.begin(Scope.system()) as conn:
        assert not await conn.fetchval("SELECT count(*) FROM readings WHERE alert_id = $1", UUID(lost.alert_id))
    assert await clock.escalate_lapsed(db, now + timedelta(hours=25)) >= 1
    async with db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT escalated FROM alerts WHERE alert_id = $1", UUID(lost.alert_id))


async def test_a_refused_recipient_ends_at_once_and_harms_no_other(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    db, settings = county_db, configured(settings, outside, tmp_path)
    await reach(db, settings, "mail", "nobody@county.test", subject="gone")
    await reach(db, settings, "mail", ADDRESSES["mail"])
    await deliver(db, raised(fresh()))
    async with working(db, settings):
        await settled(db, "mail")
        await settled(db, "mail", "given_up")
    async with db.begin(Scope.system()) as conn:
        error = await conn.fetchval("SELECT error FROM deliveries WHERE state = 'given_up'")
        assert (error, await conn.fetchval("SELECT count(*) FROM circuits")) == ("recipient refused, SMTP 550", 0)


async def test_what_a_killed_replica_had_under_way_another_takes_up(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    """At least once, under the same id."""
    db, settings = county_db, configured(settings, outside, tmp_path)
    outside.slow.add("hook")
    await reach(db, settings, "webhook", f"{outside.url}/hook", secret="whsec_" + base64.b64encode(b"k" * 32).decode())
    await deliver(db, raised(fresh()))
    command = [sys.executable, "-m", "tests.integration.deliver_and_hang", settings.model_dump_json(), "2"]
    with subprocess.Popen(command, env=os.environ) as replica:  # noqa: ASYNC220
        await eventually(lambda: _value(len(outside.got("hook")) == 1))
        replica.kill()
    outside.slow.clear()
    async with working(db, settings, lease=timedelta(seconds=20)):
        await settled(db, "webhook")
    ids = [headers["webhook-id"] for headers, _ in outside.got("hook")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_two_replicas_and_cut_connections_deliver_each_once_and_all(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    """The database ends all connections under way: nothing is lost; without a cut nothing goes twice."""
    db, settings = county_db, configured(settings, outside, tmp_path)
    for name in ("sms", "mail"):
        await reach(db, settings, name, ADDRESSES[name])
    async with working(db, settings), working(db, settings):
        await deliver(db, *(raised(fresh()) for _ in range(20)))
        await settled(db, "sms", count=20)
        await settled(db, "mail", count=20)
        assert len(outside.mails) == 20
        assert len({json.loads(body)["ref"] for _, body in outside.got("sms")}) == len(outside.got("sms")) == 20
    async with working(db, settings, lease=timedelta(seconds=2), backoff=(0.1,) * 20):
        owner = await asyncpg.connect(settings.database_url)
        await deliver(db, *(raised(fresh()) for _ in range(20)))
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await owner.close()

        async def all_there() -> bool:
            try:
                return (await states(db, "sms")).count("delivered") == 40
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                return False

        await eventually(all_there)


async def test_whom_it_is_about_and_his_quiet_hours_and_pause_are_respected(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    db, settings = county_db, configured(settings, outside, tmp_path)
    here = datetime.now(UTC) + timedelta(hours=8)
    night = ((here - timedelta(hours=1)).time(), (here + timedelta(hours=1)).time())
    inspector = f"town_inspector@{TOWN}"
    concerned = await reach(db, settings, "sms", "13800000001", subject="a", person_key="about-key")
    asleep = await reach(db, settings, "sms", "13800000002", subject="b", quiet=night, desk=inspector)
    asleep_red = await reach(db, settings, "sms", "13800000003", subject="c", quiet=night)
    await deliver(
        db, raised(fresh(about=(about("village", VILLAGE, "about-key"),))), raised(fresh(grade="yellow", matter="EN"))
    )
    async with working(db, settings):
        await settled(db, "sms")
    async with db.begin(Scope.system()) as conn:
        rows = {
            r["subscription_id"]: (r["state"], r["next_at"] - r["queued_at"] > timedelta(minutes=50))
            for r in await conn.fetch("SELECT subscription_id, state, next_at, queued_at FROM deliveries")
        }
    assert rows == {asleep: ("waiting", True), asleep_red: ("delivered", False)}
    assert concerned not in rows


async def test_quiet_hours_end_in_beijing_time_and_the_push_key_is_made_once(
    county_db: Database, settings: Settings
) -> None:
    cases = [
        ("22:00", "07:00", "2026-03-02 23:30+08", "2026-03-03 07:00+08"),
        ("22:00", "07:00", "2026-03-03 06:59+08", "2026-03-03 07:00+08"),
        ("22:00", "07:00", "2026-03-03 07:00+08", "2026-03-03 07:00+08"),
        ("12:00", "14:00", "2026-03-03 13:00+08", "2026-03-03 14:00+08"),
        ("12:00", "14:00", "2026-03-03 15:00+08", "2026-03-03 15:00+08"),
        ("12:00", "12:00", "2026-03-03 12:00+08", "2026-03-03 12:00+08"),
        (None, None, "2026-03-03 12:00+08", "2026-03-03 12:00+08"),
    ]
    async with county_db.begin(Scope.system()) as conn:
        for case in cases:
            assert await conn.fetchval(
                "SELECT after_quiet($1::text::time, $2::text::time, $3::text::timestamptz) = $4::text::timestamptz",
                *case,
            ), case
    made = await asyncio.gather(*(subscriptions.push_key(county_db, settings) for _ in range(3)))
    assert len({key.public for key in made}) == 1
    async with county_db.begin(Scope.system()) as conn:
        assert "PRIVATE" not in await conn.fetchval("SELECT sealed FROM push_keys")


@pytest.fixture
async def served_county(
    county_db: Database, settings: Settings, outside: Outside, tmp_path: Path, token: Token
) -> AsyncIterator[World]:
    """The whole service with all gateways."""
    made = configured(settings, outside, tmp_path)
    async with served(notifier.build(made)) as url:
        yield World(made, county_db, url, token)


async def test_a_person_proves_an_address_by_its_code_and_manages_it(served_county: World, outside: Outside) -> None:
    world = served_county
    async with world.caller(SECRETARY) as wang, world.caller(SECRETARY, subject="zhao") as zhao:
        offered = (await wang.get("/v1/channels")).json()
        assert {g["name"] for g in offered["gateways"]} == {*ADDRESSES, "web_push"}
        bad = await wang.post("/v1/channels", json={"gateway": "sms", "address": "12"})
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "address")
        foreign = {"gateway": "sms", "address": ADDRESSES["sms"], "desks": [OTHER_SECRETARY]}
        assert (await wang.post("/v1/channels", json=foreign)).status_code == 403
        made = await wang.post("/v1/channels", json={"gateway": "sms", "address": ADDRESSES["sms"]})
        assert made.status_code == 201, made.text
        assert (made.json()["shown"], made.json()["verified"], made.json()["desks"]) == (
            "138****8000",
            False,
            [SECRETARY],
        )
        assert ADDRESSES["sms"] not in made.text
        where = made.headers["location"]
        for path, method in (("", "GET"), ("", "DELETE"), ("/test", "POST"), ("/code", "POST"), ("/deliveries", "GET")):
            assert (await zhao.request(method, where + path)).status_code == 404, path
        await eventually(lambda: _value(outside.got("sms")))
        said = json.loads(outside.got("sms")[0][1])["content"]
        digits = re.search(r"\d{6}", said)
        assert digits
        assert (await wang.post(where + "/code")).status_code == 429
        assert (await wang.post(where + "/test")).json()["type"] == "/problems/not-verified"
        wrong = await wang.post(where + "/verify", json={"code": f"{(int(digits[0]) + 1) % 1_000_000:06d}"})
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/code-wrong")
        await deliver(world.db, raised(fresh()))  # before it is proved nothing but codes goes there
        assert (await wang.post(where + "/verify", json={"code": digits[0]})).json()["verified"] is True
        await deliver(world.db, raised(found := fresh(matter="EN")))
        await eventually(lambda: _value(len(outside.got("sms")) == 2))
        assert found.alert_id in outside.got("sms")[1][1].decode()
        [receipt] = (await wang.get(f"/v1/alerts/{found.alert_id}/receipts")).json()["items"]
        assert (receipt["channel"]["code"], receipt["recipient"]) == ("sms", "李明 138****8000")
        changed = await wang.patch(where, json={"quiet_from": "22:00", "quiet_until": "07:00", "grades": ["red"]})
        assert (changed.json()["quiet_from"], changed.json()["grades"]) == ("22:00:00", ["red"])
        assert (await wang.patch(where, json={"quiet_from": "22:00"})).status_code == 422
        assert (await wang.patch(where, json={"paused": True})).json()["quiet_from"] == "22:00:00"
        assert (await wang.post(where + "/test")).status_code == 202
        await eventually(lambda: _value(len(outside.got("sms")) == 3))
        assert (await wang.delete(where)).status_code == 204
        assert (await wang.get(where)).status_code == 404
    async with world.db.begin(Scope.system()) as conn:
        assert await conn.fetchval("SELECT address FROM subscriptions") == ""
        assert await conn.fetchval("SELECT count(*) FROM deliveries WHERE lasting") == 1


async def test_guesses_of_a_code_are_counted_and_run_out(served_county: World, outside: Outside) -> None:
    world = served_county
    async with world.caller(SECRETARY) as wang:
        made = await wang.post("/v1/channels", json={"gateway": "mail", "address": ADDRESSES["mail"]})
        where = made.headers["location"]
        await eventually(lambda: _value(outside.mails))
        digits = re.search(r"\d{6}", mail_text(outside.mails[0][1]))
        assert digits
        for _ in range(5):
            guess = f"{(int(digits[0]) + 7) % 1_000_000:06d}"
            assert (await wang.post(where + "/verify", json={"code": guess})).status_code == 422
        right = await wang.post(where + "/verify", json={"code": digits[0]})
        assert (right.status_code, "已失效" in right.json()["detail"]) == (422, True)


async def test_deliveries_are_filtered_and_sent_again_under_the_same_id_by_their_owner(
    served_county: World, outside: Outside
) -> None:
    world = served_county
    outside.down.add("hook")
    async with world.caller(SECRETARY) as wang, world.caller(SECRETARY, subject="zhao") as zhao:
        made = await wang.post("/v1/webhooks", json={"url": f"{outside.url}/hook", "desks": [SECRETARY]})
        where = made.headers["location"]
        await deliver(world.db, raised(fresh()), raised(fresh(matter="EN")))
        await eventually(lambda: _value(len(outside.got("hook")) >= 1))
        outside.down.clear()

        async def log(**query: Any) -> list[dict[str, Any]]:
            return list((await wang.get(where + "/deliveries", params=query)).json()["items"])

        async def taken() -> bool:
            return len(await log(state="delivered")) == 2

        await eventually(taken)
        second, first = await log()
        before = {headers["webhook-id"] for headers, _ in outside.got("hook")}
        count = len(outside.got("hook"))
        span = {"from_position": first["position"], "to_position": second["position"]}
        assert (await zhao.post(where + "/replays", json=span)).status_code == 404
        assert (await wang.post(where + "/replays", json=span | {"state": "given_up"})).json() == {"count": 0}
        assert (await wang.post(where + "/replays", json=span)).json() == {"count": 2}
        await eventually(lambda: _value(len(outside.got("hook")) == count + 2))
        assert {headers["webhook-id"] for headers, _ in outside.got("hook")} == before
        backwards = await wang.post(where + "/replays", json={"from_position": 2, "to_position": 1})
        assert backwards.status_code == 422
        assert await log(kind="moved") == []
        assert [row["position"] for row in await log(before=second["delivery_id"])] == [first["position"]]


async def test_the_pages_of_channels_work_without_javascript(served_county: World, outside: Outside) -> None:
    world = served_county
    origin = {"origin": world.url}
    async with world.browser(SECRETARY) as wang, world.browser(SECRETARY, subject="zhao") as zhao:
        page = (await wang.get("/channels")).text
        for text in ("我的接收方式", "短信", "电子邮件", "钉钉群机器人", "浏览器推送"):
            assert text in page, text
        form = {"gateway": "sms", "address": ADDRESSES["sms"], "desks": SECRETARY}
        assert (await wang.post("/channels", data=form, headers=origin)).status_code == 303
        await eventually(lambda: _value(outside.got("sms")))
        digits = re.search(r"\d{6}", json.loads(outside.got("sms")[0][1])["content"])
        where = re.search(r'id="channel-([0-9a-f-]+)"', (await wang.get("/channels")).text)
        assert digits
        assert where
        base = f"/channels/{where[1]}"
        assert (await wang.post(f"{base}/verify", data={"code": digits[0]}, headers=origin)).status_code == 303
        assert "使用中" in (await wang.get("/channels")).text
        quiet = {"desks": SECRETARY, "grades": "red", "quiet_from": "22:00", "quiet_until": "07:00"}
        assert (await wang.post(f"{base}/change", data=quiet, headers=origin)).status_code == 303
        assert "22:00–07:00" in (await wang.get("/channels")).text
        await deliver(world.db, raised(found := fresh()))
        await eventually(lambda: _value(len(outside.got("sms")) == 2))

        async def receipt() -> bool:
            return "对方已接收" in (await wang.get(f"/alerts/{found.alert_id}")).text

        await eventually(receipt)
        log = (await wang.get(f"{base}/deliveries")).text
        assert "重发 Again" in log
        position = re.search(r'name="from_position" value="(\d+)"', log)
        assert position
        again = {"from_position": position[1], "to_position": position[1]}
        assert (await zhao.post(f"{base}/replays", data=again, headers=origin)).status_code == 404
        assert (await zhao.get(f"{base}/deliveries")).status_code == 404
        sent = await wang.post(f"{base}/replays", data=again, headers=origin)
        assert "已重新排队 1 条" in (await wang.get(sent.headers["location"])).text
        assert (await wang.post(f"{base}/pause", data={"paused": "yes"}, headers=origin)).status_code == 303
        assert "已暂停" in (await wang.get("/channels")).text
        assert (await wang.post(f"{base}/remove", data={}, headers=origin)).status_code == 303
        assert "138****8000" not in (await wang.get("/channels")).text
        assert "javascript" in (await wang.get("/push-worker.js")).headers["content-type"]
