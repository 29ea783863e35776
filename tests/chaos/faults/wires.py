"""The line between a service and the database, or the brokers, is cut, falls silent or is slow."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.chaos.fault import Fault
from tests.chaos.stage import Stage
from tests.chaos.wire import Wire

_SLOW_SECONDS = 0.1


def cuts(stage: Stage) -> Iterator[Fault]:
    """Connections are reset and none can be made."""
    yield from _faults(stage, "cut", Wire.cut, (2.0, 8.0))


def silences(stage: Stage) -> Iterator[Fault]:
    """Connections stay and nothing passes, for longer than Kafka waits for a member."""
    yield from _faults(stage, "silence", Wire.silence, (6.0, 14.0))


def delays(stage: Stage) -> Iterator[Fault]:
    """Each piece takes a tenth of a second more, each way."""
    yield from _faults(stage, "slow", lambda wire: wire.slow(_SLOW_SECONDS), (4.0, 10.0))


def _faults(
    stage: Stage, name: str, deed: Callable[[Wire], Awaitable[None]], lasts: tuple[float, float]
) -> Iterator[Fault]:
    for between in stage.wires:
        yield Fault(name, between, partial(_strike, stage, between, deed), lasts)


@contextmanager
def _strike(stage: Stage, between: str, deed: Callable[[Wire], Awaitable[None]]) -> Iterator[None]:
    assert stage.exchange
    with stage.hold(between):
        for wire in stage.wires[between]:
            stage.exchange.now(partial(deed, wire))
        yield
        for wire in stage.wires[between]:
            stage.exchange.now(wire.mend)
