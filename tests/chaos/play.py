"""A county's history played through the public interfaces of a running system while something disturbs it."""

import asyncio
import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx

from services.notifier.channels import gateways
from services.notifier.channels.subscriptions import insert
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.chaos import history
from tests.chaos.difference import Seen
from tests.chaos.director import Director
from tests.chaos.settled import at_rest
from tests.chaos.stage import Stage
from tests.chaos.timeline import Timeline

PATIENCE = 180.0
SECRET = "whsec_" + base64.b64encode(b"a secret of the chaos, 32 bytes.").decode()
_AHEAD = 4


async def play_through(stage: Stage, bearer: str, cases: int, director: Director | None = None) -> Seen:
    """Feed the history through the public interfaces while `director` plays; what is seen once all is quiet.

    Raises `Difference` when it doesn't become quiet, or what is seen doesn't agree in itself.
    """
    await asyncio.wrap_future(stage.hands.submit(stage.first.start))
    await subscribe(stage.first.settings)
    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(feed, stage, bearer, cases, director)
        if director:
            await asyncio.to_thread(director.play, stage)
        await asyncio.wrap_future(feeding)
    return await at_rest(stage, within=PATIENCE)


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


def feed(stage: Stage, bearer: str, cases: int, director: Director | None) -> None:
    """Send registers and sheets, each again until it is answered: the interfaces are made for that.

    While faults are played, cases are sent no faster than the faults come: there is work to be struck at all the time.
    """
    try:
        _send(stage, bearer, cases, director)
    finally:
        stage.fed = 1.0


def _send(stage: Stage, bearer: str, cases: int, director: Director | None) -> None:
    system, timeline = stage.first, stage.timeline
    with httpx.Client(headers={"authorization": f"Bearer {bearer}"}, trust_env=False, timeout=10) as client:
        for dataset, record in history.registers(cases):
            url = f"{system.url('detector')}/v1/reference/{dataset}/{record['id']}"
            insist(timeline, partial(client.put, url, json=record))
        for number, sheet in enumerate(history.sheets(cases)):
            while director and number > director.progress * cases + _AHEAD:
                time.sleep(0.02)
            url = f"{system.url('approval')}/v1/imports"
            files, form = {"file": (sheet.name, sheet.content, "text/csv")}, {"village_code": sheet.village}
            sent = timeline.now()
            insist(timeline, partial(client.post, url, files=files, data=form))
            timeline.cases[sheet.case_no] = sent, timeline.now()
            stage.fed = (number + 1) / cases
            page = f"{system.url('disclosure')}/v1/villages/{sheet.village}"
            insist(timeline, partial(client.get, page), new=True)


def insist(timeline: Timeline, send: Callable[[], httpx.Response], *, new: bool = False) -> None:
    """Send until there is an answer other than "not now"; a refusal fails the play.

    A village that nothing was heard of yet is answered 404: that is let when it is `new`.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline, "no answer"
        try:
            answer = send()
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        timeline.answers.append((timeline.now(), answer.status_code, answer.request.url.path))
        if answer.status_code == 503:
            time.sleep(0.05)
            continue
        assert answer.status_code < 400 or (new and answer.status_code == 404), answer.text
        return
