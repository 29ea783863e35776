"""One of three brokers is lost for a while: two hold what there is, and take what comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

_LASTS = (8.0, 15.0)


def faults(stage: Stage) -> Iterator[Fault]:
    """One a broker, where there are three."""
    if len(stage.brokers) >= 3:
        for broker in stage.brokers:
            yield Fault("lost", broker.name, partial(_strike, stage, broker.name), _LASTS)


@contextmanager
def _strike(stage: Stage, victim: str) -> Iterator[None]:
    with stage.hold(victim):
        stage.kill(victim)
        yield
        stage.revive(victim)
