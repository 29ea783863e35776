"""A storm of rebalances: somebody joins a consumer's group, is given partitions, does nothing and leaves, and again."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.bus.connection import connection
from tests.chaos.fault import Fault
from tests.chaos.faults.topics import read_by
from tests.chaos.stage import CONSUMING, Stage

_LASTS = (6.0, 10.0)
_STAYS_MS = 800


def faults(stage: Stage) -> Iterator[Fault]:
    """One a service that consumes."""
    for service in CONSUMING:
        yield Fault("storm", service, partial(_strike, stage, service), _LASTS)


@contextmanager
def _strike(stage: Stage, service: str) -> Iterator[None]:
    over = threading.Event()
    guest = threading.Thread(target=lambda: asyncio.run(_come_and_go(stage, service, over)), name="storm")
    guest.start()
    yield
    over.set()
    guest.join()


async def _come_and_go(stage: Stage, service: str, over: threading.Event) -> None:
    settings = stage.first.settings
    while not over.is_set():
        with suppress(KafkaError, OSError):
            for group, topics in (await read_by(settings, [service])).items():
                guest = AIOKafkaConsumer(
                    *topics,
                    **connection(settings),
                    group_id=settings.kafka_topic_prefix + group,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                )
                try:
                    await guest.start()
                    await guest.getmany(timeout_ms=_STAYS_MS)
                finally:
                    await guest.stop()
