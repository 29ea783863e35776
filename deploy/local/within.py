"""Runs a command inside the running system, with the environment its services have.

`python -m deploy.local.within services.approval.imports FILE --village CODE`
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence

from deploy.local import processes
from deploy.local.environment import home, of_the_system
from deploy.local.faults import Fault, NotRunning
from deploy.local.lock import held

_FILE = "environment.json"


def share(env: Mapping[str, str]) -> None:
    """Leave the environment for commands from other terminals, readable by the owner alone."""
    file = home() / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(of_the_system(env), indent=1), encoding="utf-8")


def environment() -> dict[str, str]:
    """The running system's environment over our own; raises `NotRunning`."""
    if not held(home()):
        raise NotRunning(
            "系统没有在运行:请先在另一个终端执行 make run",
            "The system is not running: start it by `make run` in another terminal first",
        )
    shared: dict[str, str] = json.loads((home() / _FILE).read_bytes())
    return os.environ | shared


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a module with its arguments; returns its exit code."""
    module, *rest = arguments or sys.argv[1:]
    try:
        return processes.run([sys.executable, "-m", module, *rest], env=environment())
    except Fault as fault:
        print(f"✗ {fault.zh}\n✗ {fault.en}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
