"""From approval's answer to the red alert on an open stream, and the floor of the same path."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.demo.cases import Draft
from shared import regions
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground
from tests.bench.ready_cases import award, prepare

_WARM_UP = 50
_STREAM_SECONDS = 20.0
_LAST_LOOKS = 400
_RULE = "A108"
_FLOOR_TRIPS = 200
_FLOOR_TOPIC = "bench.floor"


async def measure(ground: Ground, approvals: int, per_second: int) -> list[Figure]:
    """Approve at a steady pace with a stream of all town secretaries open."""
    await ground.run("approval", "detector", "notifier")
    drafts = await prepare(ground, approvals + _WARM_UP, part=1)
    floor = await _floor(ground)
    arrivals: dict[str, float] = {}
    async with _stream(ground, arrivals):
        await _approve(ground, drafts[:_WARM_UP], per_second / 5)
        answers = await _approve(ground, drafts[_WARM_UP:], per_second)
        for _ in range(_LAST_LOOKS):
            if answers.keys() <= arrivals.keys():
                break
            await asyncio.sleep(0.05)
    lags = [(arrivals[no] - answered) * 1000 for no, answered in answers.items() if no in arrivals]
    if not lags:
        raise RuntimeError("no alert arrived")
    pace = f"{len(lags)} of {approvals} awards at {per_second}/s, client on the same machine"
    p50 = quantile(lags, 0.5)
    return [
        Figure("push_p50_ms", round(p50, 2), "ms", 25, pace),
        Figure("push_p99_ms", round(quantile(lags, 0.99), 2), "ms", 100, pace),
        Figure("push_over_floor", round(p50 / floor, 2), "ratio", 3, f"{pace}; floor {floor:.2f} ms, same run"),
        Figure("push_missing", approvals - len(lags), "alerts", 0, pace),
    ]


async def _approve(ground: Ground, drafts: list[Draft], per_second: float) -> dict[str, float]:
    """Complete awards at a pace; when each was answered, by case number."""
    answers: dict[str, float] = {}

    async def one(http: httpx.AsyncClient, path: str, body: bytes) -> None:
        answer = await http.post(path, content=body, headers={"content-type": "application/json"})
        answered = time.perf_counter()
        answer.raise_for_status()
        answers[answer.json()["case_no"]] = answered

    requests = [(f"/v1/cases/{draft.case_id}/complete", orjson.dumps(award(draft))) for draft in drafts]
    async with ground.client("approval", f"handler@{regions.COUNTY}") as http, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number, (path, body) in enumerate(requests):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            group.create_task(one(http, path, body))
    return answers


@asynccontextmanager
async def _stream(ground: Ground, arrivals: dict[str, float]) -> AsyncIterator[None]:
    """Note when the first alert on each case arrives."""
    opened = asyncio.Event()

    async def follow() -> None:
        async with (
            ground.client("notifier", *(f"town_secretary@{town.code}" for town in regions.towns())) as http,
            http.stream("GET", "/v1/stream", timeout=None) as answer,
        ):
            async for line in answer.aiter_lines():
                opened.set()
                if line.startswith("data:"):
                    arrived, alert = time.perf_counter(), json.loads(line.removeprefix("data:"))
                    if alert.get("rule_id") == _RULE:
                        for case_no in alert["case_nos"]:
                            arrivals.setdefault(case_no, arrived)

    following = asyncio.create_task(follow())
    try:
        await asyncio.wait_for(opened.wait(), _STREAM_SECONDS)
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _floor(ground: Ground) -> float:
    """The median in ms of what the path can't do without: two round trips through the broker, two commits."""
    brokers = ground.settings.kafka_bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(_FLOOR_TOPIC, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True, linger_ms=0)
    consumer = AIOKafkaConsumer(_FLOOR_TOPIC, bootstrap_servers=brokers, auto_offset_reset="earliest")
    conn = await asyncpg.connect(ground.settings.database_url)
    await conn.execute("CREATE TABLE IF NOT EXISTS bench_floor (n bigint)")
    await producer.start()
    await consumer.start()
    try:
        times = []
        for number in range(_FLOOR_TRIPS):
            began = time.perf_counter()
            for _ in range(2):
                await producer.send_and_wait(_FLOOR_TOPIC, b"x" * 1000)
                await consumer.getone()
                await conn.execute("INSERT INTO bench_floor VALUES ($1)", number)
            times.append((time.perf_counter() - began) * 1000)
        return quantile(times, 0.5)
    finally:
        await producer.stop()
        await consumer.stop()
        await conn.close()
