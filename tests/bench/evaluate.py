"""The prompt before the deed: what an intended award would raise."""

import time

from shared import regions
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground
from tests.bench.ready_cases import intended, prepare

_WARM_UP = 20


async def measure(ground: Ground, questions: int) -> list[Figure]:
    """Ask one after another."""
    await ground.run("approval", "detector")
    drafts = await prepare(ground, 50, part=2)
    bodies = [intended(draft) for draft in drafts]
    times, found = [], 0
    async with ground.client("detector", f"county_secretary@{regions.COUNTY}") as http:
        for number in range(questions + _WARM_UP):
            began = time.perf_counter()
            answer = await http.post("/v1/evaluate", json=bodies[number % len(bodies)])
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            found += bool(answer.json()["findings"])
    how = f"{questions} questions one after another, {found} with findings, client on the same machine"
    return [Figure("evaluate_p99_ms", round(quantile(times[_WARM_UP:], 0.99), 2), "ms", 20, how)]
