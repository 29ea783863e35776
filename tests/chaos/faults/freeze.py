"""A zombie: an instance stands still, another takes over its partitions, and the first wakes up with what it held."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.chaos.fault import Fault
from tests.chaos.stage import CONSUMING, Stage

# Kafka gives the partitions of a silent member away after 10 s.
_LASTS = (12.0, 15.0)
_GRACE = 30.0


def faults(stage: Stage) -> Iterator[Fault]:
    """One a service that consumes."""
    for service in CONSUMING:
        yield Fault("freeze", service, partial(_strike, stage, service), _LASTS)


@contextmanager
def _strike(stage: Stage, service: str) -> Iterator[None]:
    with stage.hold(service):
        stage.first.freeze(service)
        stage.second.start(service)
        yield
        stage.first.thaw(service)
        stage.second.end(service, within=_GRACE)
