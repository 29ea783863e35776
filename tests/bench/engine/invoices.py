"""Second uses of invoices at a steady pace: how long from the event to the alert's row, for whoever looks."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
from aiokafka import AIOKafkaProducer

from services.detector.detection import alert_id
from shared.bus.envelope import Envelope, encode
from shared.contracts import power
from tests.bench.ground import Ground

_RULE = "A081"
_COUNT, PER_SECOND = 500, 50
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.004, 60.0
_TERMS = ("next_node", "next_due_at", "due_at")
_SEEN = {
    "ours": "SELECT alert_id::text FROM detector.findings WHERE alert_id = ANY($1::uuid[])",
    "engine": f"SELECT about FROM engine.alerts WHERE rule_id = '{_RULE}' AND about = ANY($1)",
}


class Invoices:
    """Takes the form of a payment from the log, and pays the same invoice in two cases."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._form: Envelope | None = None

    def seen(self, envelope: Envelope) -> Envelope:
        """Note an event, and pass it on."""
        if self._form is None and "invoice_no" in (envelope.data or {}).get("fields", {}):
            self._form = envelope
        return envelope

    async def at_pace(
        self, ground: Ground, side: Literal["ours", "engine"], taken: Callable[[int], Awaitable[None]]
    ) -> list[float]:
        """The milliseconds from before a second use is sent until its alert is seen.

        `taken` waits until the side has taken so many more events: the first uses, before the second ones are sent.
        """
        numbers = [f"{len(side)}{number:019d}" for number in range(_COUNT)]
        await taken(await ground.publish(self._used(numbers)))
        named = {alert_id(_RULE, number) if side == "ours" else number: number for number in numbers}
        sent: dict[str, float] = {}
        looking = asyncio.create_task(self._look(_SEEN[side], named))
        await self._send(ground, numbers, sent)
        seen = await looking
        return [(seen[number] - sent[number]) * 1000 for number in numbers]

    async def _send(self, ground: Ground, numbers: list[str], sent: dict[str, float]) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=ground.settings.kafka_bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=0
        )
        await producer.start()
        try:
            began = time.perf_counter()
            for place, (number, envelope) in enumerate(zip(numbers, self._used(numbers), strict=True)):
                await asyncio.sleep(max(0.0, began + place / PER_SECOND - time.perf_counter()))
                key, value, headers = encode(envelope)
                sent[number] = time.perf_counter()
                await producer.send(envelope.topic, key=key, value=value, headers=headers)
        finally:
            await producer.stop()

    async def _look(self, query: str, named: Mapping[str, str]) -> dict[str, float]:
        """When each number's alert was first seen; raises `TimeoutError`."""
        seen: dict[str, float] = {}
        waiting = set(named)
        conn = await asyncpg.connect(self._url)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS + _COUNT / PER_SECOND):
                while waiting:
                    rows = await conn.fetch(query, list(waiting))
                    now = time.perf_counter()
                    for row in rows:
                        waiting.remove(row[0])
                        seen[named[row[0]]] = now
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await conn.close()
        return seen

    def _used(self, numbers: list[str]) -> Iterator[Envelope]:
        """Each number used in a case of its own, now; without terms, so that it's about the invoice alone."""
        form = self._form
        assert form, "no payment was seen"
        assert form.data, "a payment without a form"
        kept: dict[str, Any] = {name: value for name, value in form.data.items() if name not in _TERMS}
        for number in numbers:
            now, case_id = datetime.now(UTC), str(uuid.uuid4())
            told = {"case_id": case_id, "case_no": case_id, "occurred_at": now.isoformat()}
            fields = {**kept["fields"], "invoice_no": number}
            yield Envelope(
                id=str(uuid.uuid4()), source=form.source, type=form.type, time=now, key=form.key, topic=power.TOPIC,
                data={**kept, **told, "fields": fields},
            )  # fmt: skip
