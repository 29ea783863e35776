"""kill -9 of a service, a broker or the database; it is started again at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from shared.db import SCHEMAS
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage


def faults(stage: Stage) -> Iterator[Fault]:
    """One a process."""
    for victim in (*SCHEMAS, *stage.servers):
        yield Fault("kill", victim, partial(_strike, stage, victim))


@contextmanager
def _strike(stage: Stage, victim: str) -> Iterator[None]:
    with stage.hold(victim):
        stage.kill(victim)
        yield
        stage.revive(victim)
