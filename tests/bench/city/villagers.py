"""Villagers while the city's data comes in: any village's page at a steady pace, and now and then a complaint."""

import asyncio
import hashlib
import re
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from shared import regions
from tests.bench.ground import LIMITS, Ground

_SEED = 7_001
_TOKEN = re.compile(r'name="token" value="([^"]+)"')
_COMPLAINT_EVERY = 60


@dataclass
class Read:
    """The milliseconds of each page with the moment it was asked for, and what was complained of."""

    times: list[tuple[float, float]] = field(default_factory=list)
    complaints: int = 0
    refused: list[str] = field(default_factory=list)


async def read(ground: Ground, told: Read, per_second: float) -> None:
    """Ask for pages at a steady pace, whatever the answers take, until cancelled."""
    rng, number = Random(_SEED), 0
    villages = [village.code for village in regions.villages()]
    url = ground.system.url("disclosure")
    async with (
        httpx.AsyncClient(base_url=url, timeout=120, trust_env=False, limits=LIMITS) as http,
        asyncio.TaskGroup() as group,
    ):
        began = time.perf_counter()
        while True:
            village = rng.choice(villages)
            group.create_task(_counted(told, _visit(http, told, village)))
            number += 1
            if number % _COMPLAINT_EVERY == 0:
                group.create_task(_counted(told, _complain(http, told, village, number)))
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))


async def _counted(told: Read, visit: Coroutine[Any, Any, None]) -> None:
    """A visit; one that gets no answer keeps nobody else away."""
    try:
        await visit
    except httpx.TransportError as error:
        told.refused.append(f"no answer: {type(error).__name__}")


async def _visit(http: httpx.AsyncClient, told: Read, village: str) -> None:
    began = time.perf_counter()
    answer = await http.get(f"/villages/{village}")
    told.times.append((began, (time.perf_counter() - began) * 1000))
    if answer.is_error:
        told.refused.append(f"page {answer.status_code}")


async def _complain(http: httpx.AsyncClient, told: Read, village: str, number: int) -> None:
    """Fill in the form as a browser does, from an address of one's own."""
    headers = {
        "x-forwarded-for": f"10.9.{number // 250 % 250}.{number % 250 + 1}",
        "origin": str(http.base_url).rstrip("/"),
    }
    path = f"/villages/{village}/appeal"
    form = await http.get(path, headers=headers)
    found = _TOKEN.search(form.text)
    if form.is_error or not found:
        told.refused.append(f"form {form.status_code}")
        return
    work = await asyncio.to_thread(_work, found[1])
    typed = {
        "token": found[1],
        "work": str(work),
        "kind": "complaint",
        "concerns": "village",
        "identity": "anonymous",
        "text": f"第{number}件:村口的路修了一半停工了,请问什么时候能修好?",
    }
    filed = await http.post(path, data=typed, headers=headers)
    if filed.is_error:
        told.refused.append(f"complaint {filed.status_code}")
    else:
        told.complaints += 1


def _work(token: str, bits: int = 16) -> int:
    """What the page's script works out: a number whose hash with the token begins with so many zero bits."""
    number = 0
    while int.from_bytes(hashlib.sha256(f"{token}:{number}".encode()).digest()[:4], "big") >> (32 - bits):
        number += 1
    return number
