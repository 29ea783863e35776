"""One run at a time over one home folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.faults import AlreadyRunning


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Hold the folder; raises `AlreadyRunning` while another run holds it. A killed run lets go by itself."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"已有一个 make run 正在使用 {home}:请先在那个终端按 Ctrl-C,或另设 YUNJING_HOME",
                f"Another `make run` uses {home}: press Ctrl-C in its terminal first, or set another YUNJING_HOME",
            ) from None
        yield


def held(home: Path) -> bool:
    """Whether a run holds the folder now."""
    try:
        with only_run(home):
            return False
    except AlreadyRunning:
        return True
