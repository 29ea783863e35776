"""A hundred clerks at once, each over HTTP with retries: approvals a second, and that no change is lost or doubled.

Clerks work in pairs on the same cases and send what they do with the version that they saw; some requests are sent
again under their key while the first is still under way, as a client does whose answer was late.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import httpx

from shared import regions
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground

_CLERKS = 100
_REPEATED = 0.2
_SEED = 4_812
_OPENING = {"item": "办公用纸", "reason": "日常办公", "estimate_fen": 120_000}
_PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"


@dataclass
class Tally:
    """What the clerks were told."""

    times: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    taken: dict[str, list[int]] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)


async def measure(ground: Ground, rounds: int) -> list[Figure]:
    """Each clerk opens so many cases and moves each on, while another one moves the same case."""
    await ground.run("approval")
    tally, began = Tally(), time.perf_counter()
    villages = [village.code for village in regions.villages()]
    places = [villages[number // 2 % len(villages)] for number in range(_CLERKS)]
    await asyncio.gather(*(_work(ground, tally, places[n], n, rounds) for n in range(0, _CLERKS, 2)))
    seconds = time.perf_counter() - began
    lost, doubled = await _check(ground, tally)
    done = tally.answers[200] + tally.answers[201]
    how = (
        f"{_CLERKS} clerks in pairs, {done} approvals in {seconds:.1f} s, {tally.answers[412]} told of being late,"
        f" a fifth of all requests sent twice at once; clients on the same machine"
    )
    return [
        Figure("approvals_per_s", round(done / seconds, 1), "approvals/s", 100, how),
        Figure("approvals_p99_ms", round(quantile(tally.times, 0.99) * 1000, 1), "ms", 1_000, how),
        Figure("approvals_lost", lost, "updates", 0, "steps answered with success that the case's log doesn't hold"),
        Figure("approvals_doubled", doubled, "effects", 0, "events or cases beyond those that were answered"),
    ]


async def _work(ground: Ground, tally: Tally, village: str, number: int, rounds: int) -> None:
    """Two clerks of one village at the same cases."""
    rng = Random(f"{_SEED} {number}")
    async with _client(ground, village, number) as one, _client(ground, village, number + 1) as other:
        paper = await one.post("/v1/documents", content=_PDF, headers={"content-type": "application/pdf"})
        await other.post("/v1/documents", content=_PDF, headers={"content-type": "application/pdf"})
        papers = [{"kind": "purchase_request", "sha256": paper.json()["sha256"]}]
        step = {"node": "PR1-01", "fields": {"budget_fen": 120_000}, "documents": papers}
        for turn in range(rounds):
            body = {"flow": "PR1", "village_code": village, "title": f"第{number}-{turn}件", "fields": _OPENING}
            opened = await _send(one, tally, "/v1/cases", body, rng)
            tag, url = opened.headers["etag"], f"/v1/cases/{opened.json()['case_id']}"
            await asyncio.gather(
                _send(one, tally, f"{url}/complete", step, rng, tag),
                _send(other, tally, f"{url}/withdraw", {"reason": "不再需要"}, rng, tag),
            )


async def _send(
    clerk: httpx.AsyncClient, tally: Tally, url: str, body: dict[str, Any], rng: Random, tag: str | None = None
) -> httpx.Response:
    """A request under a key of its own, now and then twice at once; a passing fault is tried again under the same."""
    key = uuid4().hex
    headers = {"idempotency-key": key} | ({"if-match": tag} if tag else {})
    copies = 2 if rng.random() < _REPEATED else 1
    answers = await asyncio.gather(*(_patiently(clerk, tally, url, body, headers) for _ in range(copies)))
    first = answers[0]
    tally.answers[first.status_code] += 1
    for answer in answers:
        if answer.is_success:
            told = answer.json()
            tally.keys.setdefault(key, set()).add(f"{told['case_id']} {told['sequence']}")
    if first.is_success:
        tally.taken.setdefault(first.json()["case_id"], []).append(first.json()["sequence"])
    return first


async def _patiently(
    clerk: httpx.AsyncClient, tally: Tally, url: str, body: dict[str, Any], headers: dict[str, str]
) -> httpx.Response:
    while True:
        began = time.perf_counter()
        answer = await clerk.post(url, json=body, headers=headers)
        tally.times.append(time.perf_counter() - began)
        if answer.status_code < 500:
            return answer
        await asyncio.sleep(0.5)


async def _check(ground: Ground, tally: Tally) -> tuple[int, int]:
    """How many answered steps the logs don't hold, and how many effects nobody was told of, or was told twice."""
    lost = doubled = 0
    async with ground.client("approval", f"auditor@{regions.COUNTY}") as reader:
        for case_id, taken in tally.taken.items():
            history = (await reader.get(f"/v1/cases/{case_id}")).json()["history"]
            kept = {entry["sequence"] for entry in history}
            lost += len(set(taken) - kept)
            doubled += len(kept - set(taken)) + len(taken) - len(set(taken))
        doubled += sum(len(effects) - 1 for effects in tally.keys.values())
        cases, after = 0, ""
        while True:
            query = {"q": "第", "limit": "200"} | ({"after": after} if after else {})
            page = (await reader.get("/v1/cases", params=query)).json()
            cases, after = cases + len(page["cases"]), page["next"]
            if not after:
                break
    return lost, doubled + abs(cases - len(tally.taken))


def _client(ground: Ground, village: str, number: int) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {ground.token(f'handler@{village}', subject=f'clerk-{number}')}"}
    return httpx.AsyncClient(base_url=ground.system.url("approval"), headers=headers, timeout=60, trust_env=False)
