"""The reader of papers as a process of its own, beside the approval service."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import processes


class PaperReading:
    """`python -m services.approval.recognition`: nobody waits for it, so nor does the start."""

    name = "recognition"

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self._env = env
        self._log = logs / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it without waiting."""
        self._process = processes.start(
            [sys.executable, "-m", "services.approval.recognition"], log=self._log, env=self._env
        )

    def stop(self) -> None:
        """End it."""
        if self._process:
            processes.stop(self._process)
