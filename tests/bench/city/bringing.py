"""The county's data brought in as other offices bring it: registers by bulk upload, history by import jobs."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from deploy.demo.cases import sample
from services.approval import flows
from shared import regions
from shared.contracts.reference import Record
from tests.bench.city.ledgers import Ledger
from tests.bench.ground import Ground

_RECORDS_A_POST = 10_000
_LOOK_SECONDS = 1.0
_UNDER_WAY = ("reading", "checking", "taking")
# What a village brings in the middle of it all: one page of seals.
_PAGE_ROWS, _PAGE_EVERY_SECONDS = 30, 20.0
Say = Callable[[str], None]


@dataclass
class Brought:
    """What the jobs were told to have done, and how long a page of rows took beside them."""

    cases: int = 0
    nodes: int = 0
    faults: int = 0
    rows: int = 0
    jobs: Counter[str] = field(default_factory=Counter)
    pages: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many events the city's books must hold of them."""
        return self.cases + self.nodes

    def add(self, job: dict[str, Any]) -> None:
        """Count a job that has ended."""
        self.jobs[job["state"]] += 1
        self.cases += job["cases_opened"]
        self.nodes += job["nodes_recorded"]
        self.faults += job["faults"]
        self.rows += job["rows"]
        if job["state"] != "done":
            self.refused.append(f"{job['file_name']}: {job['state']} {job['refused_en']}")


async def registers(ground: Ground, records: Sequence[Record]) -> float:
    """Upload every register in large files; the seconds until the detector had accepted all."""
    began = time.perf_counter()
    by_dataset: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_dataset[record.DATASET].append(record)
    async with ground.client("detector", f"machine@{regions.COUNTY}") as http:
        for dataset, some in by_dataset.items():
            for first in range(0, len(some), _RECORDS_A_POST):
                part = some[first : first + _RECORDS_A_POST]
                body = b"\n".join(orjson.dumps(one.model_dump(mode="json", exclude_defaults=True)) for one in part)
                headers = {"content-type": "application/x-ndjson"}
                answer = await http.post(f"/v1/reference/{dataset}", content=body, headers=headers, timeout=600)
                answer.raise_for_status()
    return time.perf_counter() - began


async def papers(http: httpx.AsyncClient) -> None:
    """Upload one paper of each kind, under whoever the client is signed in as."""
    for kind in flows.load().documents:
        headers = {"content-type": "application/pdf"}
        answer = await http.post(
            "/v1/documents", params={"name": f"{kind}.pdf"}, content=sample(kind), headers=headers, timeout=600
        )
        answer.raise_for_status()


async def history(ground: Ground, ledgers: Iterable[Ledger], say: Say) -> Brought:
    """Upload all ledgers one behind the other, let the service work them, and bring a village's page now and then."""
    brought = Brought()
    async with ground.client("approval", f"county_authority@{regions.COUNTY}") as county:
        await papers(county)
        waiting = [await _upload(county, ledger) for ledger in ledgers]
        say(f"{len(waiting)} ledgers uploaded")
        going_on = asyncio.create_task(_pages(ground, brought))
        try:
            while waiting:
                job = (await county.get(f"/v1/imports/jobs/{waiting[0]}", timeout=600)).raise_for_status().json()
                if job["state"] in _UNDER_WAY:
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                brought.add(job)
                if job["faults"]:
                    brought.refused += await _faults(county, waiting[0])
                waiting.pop(0)
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)
    return brought


async def _faults(http: httpx.AsyncClient, job_id: str) -> list[str]:
    answer = await http.get(f"/v1/imports/jobs/{job_id}/faults", params={"limit": 3}, timeout=600)
    return [f"line {fault['line']}: {fault['en']}" for fault in answer.raise_for_status().json()["faults"]]


async def _upload(http: httpx.AsyncClient, ledger: Ledger) -> str:
    with ledger.path.open("rb") as file:
        answer = await http.post(
            "/v1/imports/jobs",
            data={"region_code": ledger.region, "wish": "good"},
            files={"file": (ledger.path.name, file, ledger.media_type)},
            timeout=600,
        )
    return str(answer.raise_for_status().json()["job_id"])


async def _pages(ground: Ground, brought: Brought) -> None:
    """A village brings a page of seals every so often; how long each waits is what its clerk sees."""
    village, number = regions.villages()[-1].code, 0
    async with ground.client("approval", f"reporting_clerk@{village}") as clerk:
        while True:
            number += 1
            began = time.perf_counter()
            made = await clerk.post(
                "/v1/imports/jobs",
                data={"region_code": village, "wish": "all"},
                files={"file": ("page.csv", _page(number), "text/csv")},
            )
            job = made.raise_for_status().json()
            while job["state"] in _UNDER_WAY:
                await asyncio.sleep(_LOOK_SECONDS / 5)
                job = (await clerk.get(f"/v1/imports/jobs/{job['job_id']}", timeout=600)).raise_for_status().json()
            brought.pages.append(time.perf_counter() - began)
            brought.add(job)
            await asyncio.sleep(_PAGE_EVERY_SECONDS)


def _page(number: int) -> bytes:
    nodes = flows.load().flow("SE1").nodes
    lines = ["案件编号,流程,节点,办理时间,标题,用章用途"]
    for row in range(_PAGE_ROWS):
        case, step = divmod(row, len(nodes))
        lines.append(f"Y{number}-{case},SE1,{nodes[step].code},2026-0{step + 3}-1{case % 9} 09:30,证明用章,居住证明")
    return "\n".join(lines).encode()
