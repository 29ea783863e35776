"""From approval's answer to the public page that shows it."""

import asyncio
import time

import httpx
import orjson

from deploy.demo.cases import Draft
from shared import regions
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground
from tests.bench.ready_cases import prepare

PAGE = "/v1/villages/{village}"
_LOOK_SECONDS = 0.002
_PATIENCE_SECONDS = 10.0


async def measure(ground: Ground, cases: int) -> list[Figure]:
    """Open cases one after another and look at the village's page until the new title is on it."""
    await ground.run("approval", "detector", "disclosure")
    drafts = await prepare(ground, cases, part=4)
    await ground.drained("disclosure")
    async with (
        ground.client("approval", f"handler@{regions.COUNTY}") as clerk,
        ground.client("disclosure") as visitor,
    ):
        times = [await _until_seen(clerk, visitor, draft, number) for number, draft in enumerate(drafts)]
    how = f"{cases} cases opened one after another, the page asked again every {_LOOK_SECONDS * 1000:.0f} ms"
    return [Figure("freshness_p99_ms", round(quantile(times, 0.99), 2), "ms", 1_000, how)]


async def _until_seen(clerk: httpx.AsyncClient, visitor: httpx.AsyncClient, draft: Draft, number: int) -> float:
    title = f"第{number}号{draft.title}"
    body = {
        "flow": draft.flow.code,
        "village_code": draft.village_code,
        "title": title,
        "fields": orjson.loads(orjson.dumps(draft.fields)),
    }
    answer = await clerk.post("/v1/cases", json=body)
    answered = time.perf_counter()
    answer.raise_for_status()
    while time.perf_counter() - answered < _PATIENCE_SECONDS:
        page = await visitor.get(PAGE.format(village=draft.village_code))
        page.raise_for_status()
        if title in page.text:
            return (time.perf_counter() - answered) * 1000
        await asyncio.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"{title} did not appear in {_PATIENCE_SECONDS:.0f} s")
