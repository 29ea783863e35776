"""What processes spend: seconds of CPU, and memory at most."""

from contextlib import suppress
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process and all it started have spent, those that ended included."""
    spent = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def peak_mb(pid: int) -> float:
    """The most memory that a process has held at once, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def held_mb(pid: int) -> float:
    """The memory that a process and all it started hold now, in MB; what several share counts once."""
    held = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            held += process.memory_full_info().pss / 2**20
    return held


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
