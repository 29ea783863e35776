"""A rolling restart: each service in turn is asked to end (SIGTERM), ends by itself, and is started again."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from shared.db import SCHEMAS
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

# What Kubernetes gives a pod before it kills it.
_GRACE = 30.0


def faults(stage: Stage) -> Iterator[Fault]:
    """One, of all services."""
    yield Fault("restart", "services", partial(_strike, stage))


@contextmanager
def _strike(stage: Stage) -> Iterator[None]:
    for service in SCHEMAS:
        with stage.hold(service):
            stage.first.end(service, within=_GRACE)
            stage.revive(service)
    yield
