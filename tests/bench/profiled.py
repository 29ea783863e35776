"""`-m tests.bench.profiled`: uvicorn with py-spy beside it, which writes where time went once the service has ended.

The profile goes to the folder that `PROFILE_FOLDER` names, as one line a stack with its count of samples.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import uvicorn

FOLDER = "PROFILE_FOLDER"
_RECORD = ("--format", "raw", "--rate", "100", "--gil")
_PY_SPY = Path(sysconfig.get_path("scripts")) / "py-spy"


def main() -> None:
    """Begin to take samples of this process, then serve."""
    service = sys.argv[sys.argv.index("--factory") + 1].split(".")[1]
    out = Path(os.environ[FOLDER]) / f"{service}.{os.getpid()}.txt"
    # In a session of its own: it must outlive a kill -9 of the service's, to write what it saw.
    subprocess.Popen(
        [_PY_SPY, "record", *_RECORD, "--pid", str(os.getpid()), "--output", out],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    uvicorn.main()


if __name__ == "__main__":
    main()
