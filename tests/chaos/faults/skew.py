"""One service's clock is wrong: minutes ahead or behind all others."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from shared.db import SCHEMAS
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

_LASTS = (5.0, 10.0)
_GRACE = 30.0
_OFFSETS = ("-240s", "+240s")
# Debian's package `libfaketime`.
_LIBRARY = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def faults(stage: Stage) -> Iterator[Fault]:
    """Two a service, where the library that tells the wrong time is installed."""
    if _LIBRARY:
        for service in SCHEMAS:
            for offset in _OFFSETS:
                yield Fault("skew", f"{service} {offset}", partial(_strike, stage, service, offset), _LASTS)


@contextmanager
def _strike(stage: Stage, service: str, offset: str) -> Iterator[None]:
    with stage.hold(service):
        wrong = {"LD_PRELOAD": str(_LIBRARY[0]), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        own = stage.own.setdefault(service, {})
        own.update(wrong)
        stage.first.end(service, within=_GRACE)
        stage.revive(service)
        yield
        for name in wrong:
            del own[name]
        stage.first.end(service, within=_GRACE)
        stage.revive(service)
