"""What could not be handled waits on `<topic>.dlq` with its reason: list, inspect and replay it.

python -m shared.bus.dlq list power.events
python -m shared.bus.dlq show power.events 0 12
python -m shared.bus.dlq replay power.events 0 12

With the settings of any service in the environment.
"""

import argparse
import asyncio
import base64
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from shared.bus.connection import connection
from shared.bus.envelope import Envelope
from shared.contracts.dead_letters import DeadLetter
from shared.settings import Settings

SUFFIX = ".dlq"


def dead_letter(record: ConsumerRecord, *, topic: str, group: str, reason: str) -> Envelope:
    """The dead letter of a record: its bytes, headers and place, and why it was put aside."""
    place = f"{group}|{record.topic}|{record.partition}|{record.offset}"
    letter = DeadLetter(
        reason=reason[:2000],
        group=group,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=_text(record.key),
        value=_text(record.value),
        headers=tuple((name, _text(raw)) for name, raw in record.headers),
    )
    return Envelope.of(
        letter,
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, place)),
        source=f"/{group}",
        time=datetime.now(UTC),
        key=(record.key or b"").decode(errors="replace"),
        topic=topic + SUFFIX,
    )


async def read(settings: Settings, topic: str) -> list[tuple[int, int, dict[str, Any]]]:
    """All dead letters of a topic as (partition, offset, letter); raises `UnknownTopicOrPartitionError`."""
    consumer = AIOKafkaConsumer(topic + SUFFIX, **connection(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = consumer.assignment()
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        letters: dict[bytes, tuple[int, int, dict[str, Any]]] = {}
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for r in records:
                    # A relay that was interrupted publishes again: one letter, by its id, is one letter.
                    letters.setdefault(dict(r.headers)["ce_id"], (r.partition, r.offset, orjson.loads(r.value)))
        return list(letters.values())
    finally:
        await consumer.stop()


async def replay(settings: Settings, letter: dict[str, Any]) -> None:
    """Put a dead letter's record back on its topic, as it was; consumers that took effect leave it out by its id."""
    producer = AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            letter["topic"],
            key=_raw(letter["key"]),
            value=_raw(letter["value"]),
            headers=[(name, _raw(raw) or b"") for name, raw in letter["headers"]],
        )
    finally:
        await producer.stop()


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _raw(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Dead letters of a topic: list, show, replay")
    parser.add_argument("action", choices=["list", "show", "replay"])
    parser.add_argument("topic")
    parser.add_argument("partition", type=int, nargs="?")
    parser.add_argument("offset", type=int, nargs="?")
    args = parser.parse_args()
    settings = Settings()
    letters = await read(settings, args.topic)
    if args.action == "list":
        for partition, offset, letter in letters:
            print(f"{partition} {offset} {letter['group']} {letter['topic']}@{letter['offset']}: {letter['reason']}")
        return
    chosen = [letter for p, o, letter in letters if (p, o) == (args.partition, args.offset)]
    if not chosen:
        parser.error(f"没有这条死信 / no such dead letter: {args.partition} {args.offset}")
    if args.action == "show":
        print(orjson.dumps(chosen[0], option=orjson.OPT_INDENT_2).decode())
    else:
        await replay(settings, chosen[0])
        print("已重放 / replayed")


if __name__ == "__main__":
    asyncio.run(_main())
