"""A disk is full: the database's, a broker's, or the one of the files that were received."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

_LASTS = (3.0, 8.0)
_PIECE = bytes(1024 * 1024)


def faults(stage: Stage) -> Iterator[Fault]:
    """One a disk of its own."""
    for name, disk in stage.disks.items():
        yield Fault("disk", name, partial(_strike, stage, name, disk), _LASTS)


@contextmanager
def _strike(stage: Stage, name: str, disk: Path) -> Iterator[None]:
    with stage.hold(*({name} & stage.servers.keys())):
        ballast = disk / "ballast"
        _fill(ballast)
        yield
        ballast.unlink()
        server = stage.servers.get(name)
        if server and not server.running:
            stage.revive(name)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(_PIECE)
