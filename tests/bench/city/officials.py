"""Officials at their desks while the city's data comes in: open streams, inboxes, and alerts brought to an outcome."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

import httpx
import orjson

from shared import regions
from tests.bench.ground import LIMITS, Ground

_SEED = 6_007
_OPEN_LOOKS, _LOOK_SECONDS = 600, 0.2
_BUSY = 12
_PAUSE_SECONDS, _LEADS_SECONDS = 1.0, 5.0
# Which move an official makes of those that are open to him: what leads to an outcome.
_PREFERRED = ("acknowledged", "verifying", "fed_back", "rectifying", "closed_rectified", "no_action")
_LEADERS = ("county_secretary",)


@dataclass
class Watched:
    """What came on the streams, what the desks took to open, and what was done to alerts."""

    open: int = 0
    lost: int = 0
    told: int = 0
    arrivals: dict[str, float] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)
    desks: list[float] = field(default_factory=list)
    details: list[float] = field(default_factory=list)
    cockpit: list[float] = field(default_factory=list)
    moves: Counter[str] = field(default_factory=Counter)
    met: int = 0
    refused: list[str] = field(default_factory=list)


@asynccontextmanager
async def watching(ground: Ground, watched: Watched, streams: int) -> AsyncIterator[None]:
    """Hold so many streams open: of each town's secretary and inspectors, and of the county."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    url = ground.system.url("notifier")
    async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False, limits=limits) as http:
        places = cycle(_seats())
        following = [
            asyncio.create_task(_follow(http, ground.token(next(places), subject=f"watcher-{number}"), watched))
            for number in range(streams)
        ]
        try:
            for _ in range(_OPEN_LOOKS):
                if watched.open + watched.lost >= streams:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            yield
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


def _seats() -> Iterator[str]:
    for town in regions.towns():
        yield f"town_secretary@{town.code}"
        yield f"town_inspector@{town.code}"
    for role in _LEADERS:
        yield f"{role}@{regions.COUNTY}"


async def _follow(http: httpx.AsyncClient, token: str, watched: Watched) -> None:
    """Note every alert, and when the first on each case came."""
    headers, opened = {"authorization": f"Bearer {token}"}, False
    try:
        async with http.stream("GET", "/v1/stream", headers=headers, timeout=None) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if not opened:
                    opened, watched.open = True, watched.open + 1
                if line.startswith("data:"):
                    _note(watched, orjson.loads(line.removeprefix("data:")), time.perf_counter())
    except httpx.HTTPError as error:
        watched.refused.append(f"stream: {type(error).__name__} {error}")
    watched.lost += 1
    watched.open -= opened


def _note(watched: Watched, card: dict[str, Any], now: float) -> None:
    watched.told += 1
    watched.alerts.add(card.get("alert_id", ""))
    if card.get("grade", {}).get("code") == "red":
        for case_no in card.get("case_nos", ()):
            watched.arrivals.setdefault(case_no, now)


async def handle(ground: Ground, watched: Watched) -> None:
    """A dozen town secretaries at work, each at alert after alert of his town, until cancelled."""
    rng = Random(_SEED)
    towns = [town.code for town in regions.towns()]
    async with httpx.AsyncClient(
        base_url=ground.system.url("notifier"), timeout=120, trust_env=False, limits=LIMITS
    ) as http:
        await asyncio.gather(*(_sit(ground, http, watched, towns, Random(rng.random())) for _ in range(_BUSY)))


async def _sit(ground: Ground, http: httpx.AsyncClient, watched: Watched, towns: list[str], rng: Random) -> None:
    while True:
        town = rng.choice(towns)
        token = ground.token(f"town_secretary@{town}", subject=f"secretary-{town}")
        headers = {"authorization": f"Bearer {token}"}
        listed = await _timed(http, "/v1/alerts?limit=50", headers, watched.desks)
        await _timed(http, "/", headers, watched.desks)
        if items := (listed.json()["items"] if listed is not None else []):
            await _move(http, rng.choice(items)["alert_id"], headers, watched)
        await asyncio.sleep(_PAUSE_SECONDS)


async def lead(ground: Ground, watched: Watched) -> None:
    """The county's secretary opens the cockpit again and again, until cancelled."""
    token = ground.token(f"county_secretary@{regions.COUNTY}", subject="leader")
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=ground.system.url("disclosure"), timeout=120, trust_env=False, limits=LIMITS
    ) as http:
        while True:
            if await _timed(http, "/cockpit", headers, watched.cockpit) is None:
                watched.refused.append("cockpit")
            await asyncio.sleep(_LEADS_SECONDS)


async def _timed(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], times: list[float]
) -> httpx.Response | None:
    """What was answered, its milliseconds noted; None when it was an error, or nothing."""
    began = time.perf_counter()
    try:
        answer = await http.get(path, headers=headers)
    except httpx.TransportError:
        return None
    times.append((time.perf_counter() - began) * 1000)
    return None if answer.is_error else answer


async def _move(http: httpx.AsyncClient, alert_id: str, headers: dict[str, str], watched: Watched) -> None:
    """Open an alert and bring it one step nearer to its outcome."""
    seen = await _timed(http, f"/v1/alerts/{alert_id}", headers, watched.details)
    choices = {choice["to"]: choice for choice in seen.json()["moves"]} if seen is not None else {}
    if not (wanted := next((choices[to] for to in _PREFERRED if to in choices), None)):
        return
    body: dict[str, Any] = {"to": wanted["to"]}
    if wanted["note_required"]:
        body["note"] = "已向村里核实,情况属实,按规定处理。"
    if wanted["outcomes"]:
        body["outcome"] = wanted["outcomes"][0]["code"]
    if wanted["explanations"]:
        body["explanation"] = wanted["explanations"][0]["code"]
    answer = await http.post(f"/v1/alerts/{alert_id}/moves", json=body, headers=headers)
    if answer.status_code == httpx.codes.CONFLICT:
        # Another one was at it, or what is known changed meanwhile.
        watched.met += 1
    elif answer.is_error:
        watched.refused.append(f"{wanted['to']} {answer.status_code} {answer.text[:200]}")
    else:
        watched.moves[wanted["to"]] += 1
