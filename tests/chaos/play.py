"""A county's history played through the public interfaces of a running system while something disturbs it."""

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from services.notifier.channels import gateways
from services.notifier.channels.subscriptions import insert
from shared.db import SCHEMAS, Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.chaos import history
from tests.chaos.settled import quiet, seen
from tests.conftest import eventually
from tests.system import System

PATIENCE = 90.0
SECRET = "whsec_" + base64.b64encode(b"a secret of the chaos, 32 bytes.").decode()
Seen = dict[str, list[dict[str, Any]]]


async def play_through(
    system: System, bearer: str, cases: int, disturb: Callable[[System, threading.Event], None]
) -> Seen:
    """Feed the history through the public interfaces while `disturb` goes on; what is seen once all is quiet."""
    system.start()
    await subscribe(system.settings)
    fed = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(feed, system, bearer, cases, fed)
        disturb(system, fed)
        feeding.result()
    pools = {}
    for schema in SCHEMAS:
        pools[schema] = Database(system.settings, schema)
        await pools[schema].open()
    try:
        await eventually(lambda: quiet(system.settings, pools), within=PATIENCE)
        return await seen(pools)
    finally:
        for opened in pools.values():
            await opened.close()


async def subscribe(settings: Settings) -> None:
    """A webhook of the town's secretary, at an address where nobody answers: what is queued for it is looked at."""
    db, desk = Database(settings, "notifier"), f"town_secretary@{history.TOWN}"
    who = Principal("chaos", "变故", "", frozenset({Grant("town_secretary", history.TOWN)}))
    await db.open()
    try:
        async with db.begin(Scope.of(who)) as conn:
            gateway = gateways.load(None)["webhook"]
            await insert(
                conn,
                gateway,
                who,
                settings,
                address="http://127.0.0.1:9/nobody",
                secret=SECRET,
                desks=[desk],
                grades=[],
                verified=True,
            )
    finally:
        await db.close()


def feed(system: System, bearer: str, cases: int, fed: threading.Event) -> None:
    """Send registers and sheets, each again until it is answered: the interfaces are made for that."""
    with httpx.Client(headers={"authorization": f"Bearer {bearer}"}, trust_env=False, timeout=10) as client:
        for dataset, record in history.REGISTERS:
            url = f"{system.url('detector')}/v1/reference/{dataset}/{record['id']}"
            insist(partial(client.put, url, json=record))
        for sheet in history.sheets(cases):
            url = f"{system.url('approval')}/v1/imports"
            files, form = {"file": (sheet.name, sheet.content, "text/csv")}, {"village_code": sheet.village}
            insist(partial(client.post, url, files=files, data=form))
    fed.set()


def insist(send: Callable[[], httpx.Response]) -> None:
    """Send until there is an answer other than "not now"; a refusal fails the play."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline, "no answer"
        try:
            answer = send()
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == 503:
            time.sleep(0.05)
            continue
        assert answer.status_code < 400, answer.text
        return
