"""The paper log when it is long: how fast papers get their places, and what a proof of one of them takes."""

import time
from random import Random

import httpx

from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.keeper import Keeper
from services.disclosure.proof.verify_paper import verify_proof
from shared.db import Database, Scope
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground

_PROOFS = 500
_FILL = """
INSERT INTO paper_leaves (case_id, sequence, node, kind, sha256, flow, village_code, disclosed_at, replaces, leaf)
SELECT 'bench-' || n, 1, 'EN1-05', 'contract', print, 'EN1', '330421107201', now(), '{}',
       json_build_object('format', 'yunjing-paper/1', 'case_id', 'bench-' || n, 'sha256', print)
FROM (SELECT n, encode(sha256(n::text::bytea), 'hex') AS print FROM generate_series(1, $1::int) n) AS papers
"""


async def measure(ground: Ground, papers: int) -> list[Figure]:
    """Let the keeper place them, then ask the service for proofs and check each as a villager would."""
    ground.stop("disclosure")
    seconds = await _placed(ground, papers)
    await ground.run("disclosure")
    async with ground.client("disclosure") as http:
        size, times = await _proofs(http)
    how = f"{_PROOFS} random papers of {size:,}, one after the other, each verified; p50 {quantile(times, 0.5):.1f} ms"
    pace = f"{papers:,} papers got their places and signed heads over them in {seconds:.1f} s"
    return [
        Figure("papers_per_s", round(papers / seconds), "papers/s", 1_000, pace),
        Figure("proof_p99_ms", round(quantile(times, 0.99), 2), "ms", 20, how),
    ]


async def _placed(ground: Ground, papers: int) -> float:
    key = ground.settings.paper_log_key
    assert key
    db = Database(ground.settings, "disclosure")
    await db.open()
    try:
        async with db.begin(Scope.system()) as conn:
            await conn.execute(_FILL, papers)
        keeper, began = Keeper(db, Signer.of(key), head_seconds=0), time.perf_counter()
        while await keeper.grow():
            pass
        return time.perf_counter() - began
    finally:
        await db.close()


async def _proofs(http: httpx.AsyncClient) -> tuple[int, list[float]]:
    card = (await http.get("/v1/papers/log")).raise_for_status().json()
    size, rng, times = card["head"]["size"], Random(3), list[float]()
    for _ in range(_PROOFS):
        path = f"/v1/papers/log/leaves/{rng.randrange(size)}/proof"
        began = time.perf_counter()
        proof = (await http.get(path)).raise_for_status().json()
        times.append((time.perf_counter() - began) * 1000)
        verify_proof(proof["sha256"], proof, card["key"])
    return size, times
