"""Thousands of red alerts at once: how many a second reach their desks, and whether each came once wherever it belongs:
to its desks, to an open stream, to systems by webhook and to people by mail."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import orjson

from services.notifier.channels import gateways
from services.notifier.channels.subscriptions import insert
from shared import regions
from shared.contracts.alerts import Alert, Party
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from tests.bench.alerts import publish
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.bench.receivers import Receivers
from tests.notifier.samples import alert

_PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.1
_RULE = "burst"
_OF_BURST = f" WHERE rule_id = '{_RULE}'"
# Towns whose secretaries are told by webhook, and by mail; each address gets one message at a time.
_HOOKED, _MAILED = 4, 2


async def measure(ground: Ground, count: int) -> list[Figure]:
    """Raise them all through the broker at once; count what came where once all is quiet."""
    alerts = list(_alerts(count))
    async with Receivers() as receivers, _reached(ground, receivers) as db:
        async with _stream(ground, count) as (streamed, all_streamed):
            began = time.perf_counter()
            publishing = asyncio.create_task(publish(ground, alerts))
            took = await _on_desks(db, count) - began
            await publishing
            await asyncio.wait_for(all_streamed.wait(), _PATIENCE_SECONDS)
        await _settled(db)
        waited = time.perf_counter() - began
        came = await _came(ground, db, streamed, receivers)
    expected = _expected(alerts)
    lost = sum((some - came[where]).total() for where, some in expected.items())
    doubled = sum((came[where] - some).total() for where, some in expected.items())
    how = f"{count} red alerts of {len(regions.towns())} towns published at once, client on the same machine"
    told = ", ".join(f"{some.total()} {where}" for where, some in came.items())
    how_all = f"{told}, all out after {waited:.0f} s"
    return [
        Figure("burst_alerts_per_s", round(count / took), "alerts/s", 1_000, f"{how}; until all lay on their desks"),
        Figure("burst_lost", lost, "notices", 0, how_all),
        Figure("burst_doubled", doubled, "notices", 0, how_all),
    ]


def _alerts(count: int) -> Iterable[Alert]:
    """Each of a case and a party of its own, so that each rings."""
    villages = [village.code for village in regions.villages()]
    for number in range(count):
        village = villages[number % len(villages)]
        yield alert(
            rule_id=_RULE,
            village_code=village,
            town_code=regions.town_of(village),
            case_ids=(str(uuid4()),),
            case_nos=(f"CG-{number}",),
            dedupe_key=str(number),
            parties=(Party(kind="company", key=f"BURST{number:013d}"),),
        )


def _expected(alerts: Sequence[Alert]) -> dict[str, Counter[str]]:
    towns = [_secretary(town.code) for town in regions.towns()]
    desks = {one.alert_id: _secretary(one.town_code) for one in alerts}
    return {
        "on desks": Counter(f"{alert_id} {desk}" for alert_id, desk in desks.items()),
        "streamed": Counter(list(desks)),
        "by webhook": Counter(alert_id for alert_id, desk in desks.items() if desk in towns[:_HOOKED]),
        "by mail": Counter(alert_id for alert_id, desk in desks.items() if desk in towns[:_MAILED]),
    }


async def _came(ground: Ground, db: Database, streamed: list[str], receivers: Receivers) -> dict[str, Counter[str]]:
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch("SELECT alert_id::text, desk FROM inbox JOIN alerts USING (alert_id)" + _OF_BURST)
    hooks = (orjson.loads(body) for body in receivers.hooks)
    return {
        "on desks": Counter(f"{row['alert_id']} {row['desk']}" for row in rows),
        "streamed": Counter(streamed),
        "by webhook": Counter(told["data"]["alert_id"] for told in hooks),
        "by mail": Counter(receivers.mailed()),
    }


@asynccontextmanager
async def _reached(ground: Ground, receivers: Receivers) -> AsyncIterator[Database]:
    """The notifier with a mail gateway, the secretaries' addresses proved; the notifier's database."""
    mail = {"kind": "mail", "host": "127.0.0.1", "port": receivers.smtp_port, "security": "none", "sender": "y@c.test"}
    with TemporaryDirectory(prefix="yunjing-burst-") as folder:
        path = Path(folder) / "channels.yaml"
        path.write_text(json.dumps({"gateways": {"mail": mail}}), encoding="utf-8")
        await ground.restart("notifier", channels_file=path, allow_private_webhooks=True)
        db = Database(ground.settings, "notifier")
        await db.open()
        try:
            for number, town in enumerate(regions.towns()[:_HOOKED]):
                await _subscribe(ground, db, "webhook", town.code, f"http://127.0.0.1:{receivers.http_port}/hook")
                if number < _MAILED:
                    await _subscribe(ground, db, "mail", town.code, f"secretary-{number}@county.test")
            yield db
        finally:
            await db.close()
            ground.stop("notifier")


async def _subscribe(ground: Ground, db: Database, gateway: str, town: str, address: str) -> None:
    who = Principal(f"{gateway}-{town}", "测速", "", frozenset({Grant("town_secretary", town)}))
    async with db.begin(Scope.of(who)) as conn:
        await insert(
            conn,
            gateways.load(ground.settings.channels_file)[gateway],
            who,
            ground.settings,
            address=address,
            secret="whsec_" + base64.b64encode(b"a secret of the bench, 32 bytes.").decode(),
            desks=[_secretary(town)],
            grades=["red"],
            verified=True,
        )


@asynccontextmanager
async def _stream(ground: Ground, count: int) -> AsyncIterator[tuple[list[str], asyncio.Event]]:
    """The alerts that come on an open stream of all towns' secretaries, each time one comes; set once so many came."""
    came: list[str] = []
    opened, enough = asyncio.Event(), asyncio.Event()

    async def follow() -> None:
        grants = (_secretary(town.code) for town in regions.towns())
        async with ground.client("notifier", *grants) as http, http.stream("GET", "/v1/stream", timeout=None) as answer:
            async for line in answer.aiter_lines():
                opened.set()
                if line.startswith("data:"):
                    came.append(orjson.loads(line.removeprefix("data:"))["alert_id"])
                    if len(came) >= count:
                        enough.set()

    following = asyncio.create_task(follow())
    try:
        await asyncio.wait_for(opened.wait(), 20)
        yield came, enough
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _on_desks(db: Database, count: int) -> float:
    """When all of them had come to their desks; raises `TimeoutError`."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.begin(Scope.system()) as conn:
                came = await conn.fetchval("SELECT count(*) FROM inbox JOIN alerts USING (alert_id)" + _OF_BURST)
            if came >= count:
                return time.perf_counter()
            await asyncio.sleep(_LOOK_SECONDS)


async def _settled(db: Database) -> None:
    """Until all of the stream has become messages and none waits; raises `TimeoutError`."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.begin(Scope.system()) as conn:
                waits = await conn.fetchval(
                    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'waiting')"
                    " OR (SELECT position FROM delivery_progress) < (SELECT latest FROM stream_ends)"
                )
            if not waits:
                return
            await asyncio.sleep(_LOOK_SECONDS)


def _secretary(town: str) -> str:
    return f"town_secretary@{town}"
