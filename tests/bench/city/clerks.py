"""The latest days, case by case over REST: micro works from their opening to an award that raises a red alert."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx

from deploy.demo.cases import sample
from deploy.demo.companies import credit_code
from services.approval import flows
from shared import regions
from tests.bench.ground import LIMITS, Ground

_YUAN = 100
_ESTIMATE, _AWARD = 42_000 * _YUAN, 37_200 * _YUAN
_AT_ONCE = 8
_SEED = 5_113


@dataclass
class Filed:
    """What clerks were answered: how many steps were accepted, how fast, and when each award."""

    accepted: int = 0
    cases: int = 0
    times: list[float] = field(default_factory=list)
    awarded: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


async def file(ground: Ground, filed: Filed, per_minute: float, until: asyncio.Event) -> None:
    """Open so many cases a minute and walk each to its award, until told to end; cases begun are finished."""
    rng, number = Random(_SEED), 0
    villages = [village.code for village in regions.villages()]
    room = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(
        base_url=ground.system.url("approval"), timeout=120, trust_env=False, limits=LIMITS
    ) as http:
        began = time.perf_counter()

        async def one(village: str, number: int) -> None:
            async with room:
                await _walk(_Village(ground, http, village), filed, number)

        async with asyncio.TaskGroup() as group:
            while not until.is_set():
                group.create_task(one(rng.choice(villages), number))
                number += 1
                await asyncio.sleep(max(0.05, began + number * 60 / per_minute - time.perf_counter()))


async def file_one(ground: Ground, filed: Filed) -> None:
    """One case from its opening to its award."""
    async with httpx.AsyncClient(
        base_url=ground.system.url("approval"), timeout=120, trust_env=False, limits=LIMITS
    ) as http:
        await _walk(_Village(ground, http, regions.villages()[0].code), filed, 0)


class _Village:
    """The desks of a village, each with its own person."""

    def __init__(self, ground: Ground, http: httpx.AsyncClient, code: str) -> None:
        self.code = code
        self._ground = ground
        self._http = http

    async def post(self, role: str, path: str, **sent: Any) -> httpx.Response:
        """As whoever holds a role here."""
        token = self._ground.token(f"{role}@{self.code}", subject=f"{role}-{self.code}")
        headers = {"authorization": f"Bearer {token}", **sent.pop("headers", {})}
        return await self._http.post(path, headers=headers, **sent)


async def _walk(village: _Village, filed: Filed, number: int) -> None:
    fields = {"item": f"第{number}段村道硬化工程", "location": "村口", "category": "道路", "estimate_fen": _ESTIMATE}
    body = {"flow": "EN1", "village_code": village.code, "title": f"第{number}段村道硬化", "fields": fields}
    opened = await _timed(village, filed, "handler", "/v1/cases", body)
    if opened is None:
        return
    filed.cases += 1
    for node, filled in _steps(number):
        flow_node = flows.load().flow("EN1").node(node)
        documents = [await _upload(village, flow_node.role, need.kind) for need in flow_node.documents]
        step = {"node": node, "fields": filled, "documents": documents}
        if await _timed(village, filed, flow_node.role, f"/v1/cases/{opened['case_id']}/complete", step) is None:
            return
    filed.awarded[opened["case_no"]] = time.perf_counter()


async def _timed(village: _Village, filed: Filed, role: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    began = time.perf_counter()
    answer = await village.post(role, path, json=body)
    filed.times.append((time.perf_counter() - began) * 1000)
    if answer.is_error:
        filed.refused.append(f"{path} {answer.status_code} {answer.text[:200]}")
        return None
    filed.accepted += 1
    told: dict[str, Any] = answer.json()
    return told


async def _upload(village: _Village, role: str, kind: str) -> dict[str, str]:
    headers = {"content-type": "application/pdf"}
    answer = await village.post(
        role, "/v1/documents", params={"name": f"{kind}.pdf"}, content=sample(kind), headers=headers
    )
    return {"kind": kind, "sha256": answer.raise_for_status().json()["sha256"]}


def _steps(number: int) -> tuple[tuple[str, dict[str, Any]], ...]:
    """From the plan to the award; two of the rivals left one telephone."""
    today = datetime.now(UTC).date().isoformat()
    met = {"meeting_on": today, "approved": True}
    voted = met | {"attendees_due": 7, "attendees_present": 7, "votes_for": 7, "votes_against": 0}
    firms = [credit_code(f"91330499MD{number % 1_000_000:06d}{rival}") for rival in range(3)]
    prices = (_AWARD, 39_850 * _YUAN, 41_310 * _YUAN)
    bids = [
        {
            "company_id": firm,
            "company_name": f"嘉善第{number}组{rival}号建设有限公司",
            "price_fen": price,
            "contact_phone_key": f"1380000{number % 10_000:04d}" if rival < 2 else f"1390000{number % 10_000:04d}",
        }
        for rival, (firm, price) in enumerate(zip(firms, prices, strict=True))
    ]
    won = {
        "selection_method": "比价确定",
        "supplier_id": firms[0],
        "supplier_name": bids[0]["company_name"],
        "award_fen": _AWARD,
        "bids": bids,
    }
    return (
        ("EN1-01", {"budget_fen": _ESTIMATE, "funding_source": "村集体经济收入"}),
        ("EN1-02", voted),
        ("EN1-03", met),
        ("EN1-04", won),
    )
